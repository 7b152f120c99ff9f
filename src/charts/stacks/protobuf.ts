/**
 * Messages of Protocol Buffers, as far as pprof needs them.
 *
 * Source: https://protobuf.dev/programming-guides/encoding.
 *
 * @module
 */

const encoder = new TextEncoder()

/** A message, field by field. Fields that are 0 or empty are left out, as proto3 has it. */
export class Message {
  #bytes = new Uint8Array(256)
  #length = 0

  /** What was written, a view that the next field makes stale. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Forgets what was written. */
  clear(): this {
    this.#length = 0
    return this
  }

  /** A field of type int64 or uint64. */
  integer(field: number, value: number | bigint): this {
    if (value === 0 || value === 0n) return this
    this.#varint(field << 3)
    this.#varint(value)
    return this
  }

  /** A repeated field of type int64 or uint64, packed. */
  integers(field: number, values: readonly (number | bigint)[]): this {
    const packed = new Message()
    for (const each of values) packed.#varint(each)
    return this.data(field, packed.bytes)
  }

  /** A field of type string, also when it is empty: a table counts it. */
  text(field: number, value: string): this {
    return this.data(field, encoder.encode(value))
  }

  /** A field of bytes, or an inner message. */
  data(field: number, bytes: Uint8Array): this {
    this.#varint((field << 3) | 2)
    this.#varint(bytes.length)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  #varint(value: number | bigint): void {
    this.#reserve(10)
    let rest: number
    if (typeof value === 'bigint') {
      let wide = BigInt.asUintN(64, value)
      for (; wide > 0x7fff_ffffn; wide >>= 7n) this.#bytes[this.#length++] = Number(wide & 0x7fn) | 0x80
      rest = Number(wide)
    } else rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 0x80
    this.#bytes[this.#length++] = rest
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + length))
    grown.set(this.bytes)
    this.#bytes = grown
  }
}
