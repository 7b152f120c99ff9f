/**
 * The codecs of a map without types: bytes as the kernel has them.
 *
 * @module
 */

import type { Codec } from '../base/codec.ts'

/**
 * Raw bytes of one map's keys or values.
 *
 * A codec is given a `DataView`; this one keeps a byte view of the same memory, because a map always passes the
 * same few views, and making one costs more than the copy.
 */
export class RawBytes implements Codec<Uint8Array> {
  readonly size: number
  readonly #what: 'key' | 'value'
  #view: DataView | undefined
  #bytes: Uint8Array = new Uint8Array()

  /**
   * @param size number of bytes
   * @param what names the argument in messages
   */
  constructor(size: number, what: 'key' | 'value') {
    this.size = size
    this.#what = what
  }

  decode(view: DataView, offset: number): Uint8Array {
    if (view !== this.#view) this.#keep(view)
    const source = this.#bytes
    // Of a whole array this is the fastest copy, whatever its size; of a part, a loop is up to some 16 bytes.
    if (offset === 0 && source.length === this.size) return new Uint8Array(source)
    if (this.size > 16) return source.slice(offset, offset + this.size)
    const copy = new Uint8Array(this.size)
    for (let i = 0; i < this.size; i++) copy[i] = source[offset + i]!
    return copy
  }

  encode(value: Uint8Array, view: DataView, offset: number): void {
    if (!(value instanceof Uint8Array)) throw new TypeError(`the ${this.#what} must be a Uint8Array`)
    if (value.length !== this.size) {
      throw new RangeError(`${this.#what} has ${value.length} bytes, the map needs ${this.size}`)
    }
    if (view !== this.#view) this.#keep(view)
    const target = this.#bytes
    if (this.size <= 16) for (let i = 0; i < this.size; i++) target[offset + i] = value[i]!
    else target.set(value, offset)
  }

  #keep(view: DataView): void {
    this.#view = view
    this.#bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  }
}

/** The key of maps that have none. */
export const noKey: Codec<undefined> = {
  size: 0,
  decode: () => undefined,
  encode() {},
}
