/**
 * Codecs: between the bytes of a map's key or value, or of a record, and JavaScript values.
 *
 * @module
 */

/** Reads and writes values of one type. Numbers are in host byte order. */
export interface Codec<T> {
  /** Bytes of a value. */
  readonly size: number
  /** Reads the value at `offset`; `view` may be of shared memory. */
  decode(view: DataView, offset: number): T
  /**
   * Writes all `size` bytes of the value at `offset`.
   *
   * @throws TypeError or RangeError when the value does not fit the type
   */
  encode(value: T, view: DataView, offset: number): void
}

/** What a codec's values are, as in `CodecValue<typeof u32>`. */
export type CodecValue<C> = C extends Codec<infer T> ? T : never
