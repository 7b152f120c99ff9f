/**
 * What all wrappers of kernel objects have: a descriptor, an id, pins.
 *
 * @module
 */

import type { OwnedFd } from '../syscalls/fd.ts'
import { InfoReader } from '../syscalls/info-reader.ts'
import { kinds, type ObjectKind } from './kinds.ts'
import type { MadePin } from './made-pin.ts'
import { type PinOptions, pinObject } from './pin.ts'

/** One kernel object, held by its descriptor. */
export class ObjectHandle implements Disposable {
  readonly kind: ObjectKind
  /** The descriptor's owner. */
  readonly fd: OwnedFd
  #id: number | undefined

  /** @param id where it is known already */
  constructor(kind: ObjectKind, fd: OwnedFd, id?: number) {
    this.kind = kind
    this.fd = fd
    this.#id = id
  }

  /** Id, unique until the next boot; asked for at the first use. Since Linux 4.13; of links since 5.8. */
  get id(): number {
    if (this.#id === undefined) {
      const { info, noun } = kinds[this.kind]
      this.#id = new InfoReader(this.fd.fd, info.$size, noun).u32(info.id)
    }
    return this.#id
  }

  /**
   * Pins the object at a path on a bpffs. Since Linux 4.4; links since 5.7; BTF cannot be pinned.
   *
   * @param what names the object in messages: `'map counters'`
   * @returns takes back what was made, for a later step that fails
   * @throws BpfError `EEXIST` when the path is taken, `ERR_NOT_BPFFS` when it is not on a bpffs
   */
  pin(path: string, what: string, options: PinOptions = {}): MadePin {
    return pinObject(this.fd.fd, path, what, options)
  }

  /** Closes the descriptor. Idempotent. */
  close(): void {
    this.fd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
