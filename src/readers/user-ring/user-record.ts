/**
 * A record of a user ring buffer while it is being written.
 *
 * @module
 */

import { BpfError } from '../../base/errors.ts'
import type { UserRing } from './user-ring.ts'

/**
 * A reserved record, in the memory that the kernel reads. Fill it in and submit it: the kernel waits for it with all
 * records behind it. `using` discards one that is not submitted.
 *
 * Its bytes are those of an older record at first: write all of them.
 */
export class UserRecord implements Disposable {
  /** The data of the ring; the record lies at `offset`. */
  readonly view: DataView<SharedArrayBuffer>
  /** Where in `view` the record starts, in bytes; a multiple of 8. */
  readonly offset: number
  /** Bytes of the record. */
  readonly length: number
  readonly #ring: UserRing
  #done = false

  /** @internal */
  constructor(ring: UserRing, offset: number, length: number) {
    this.#ring = ring
    this.view = ring.view
    this.offset = offset
    this.length = length
  }

  /** The record's bytes, to be written. A new object at every access. */
  get data(): Uint8Array<SharedArrayBuffer> {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + this.offset, this.length)
  }

  /**
   * Gives the record to the kernel. Its bytes must not be written any more.
   *
   * @throws BpfError `ERR_CLOSED` when the ring was closed meanwhile; `EINVAL` when the record was submitted or discarded
   */
  submit(): void {
    if (this.#finish(false)) return
    this.#ring.checkOpen()
    throw new BpfError(`The record of user ring buffer ${this.#ring.name} is finished already`, {
      code: 'EINVAL',
    })
  }

  /** Lets the kernel pass over the record. Does nothing when it was submitted or discarded. */
  discard(): void {
    this.#finish(true)
  }

  [Symbol.dispose](): void {
    this.discard()
  }

  #finish(discard: boolean): boolean {
    if (this.#done) return false
    this.#done = true
    return this.#ring.finish(this.offset, this.length, discard)
  }
}
