/**
 * Bounds-checked reading of foreign bytes: every parser of the library goes through this, so that hostile
 * input ends in an `ObjectFileError` that names the place.
 *
 * @module
 */

import { ObjectFileError, type ObjectFileLocation } from './errors.ts'

/** Byte order of an object file. */
export type ByteOrder = 'little' | 'big'

/** Byte order of the machine we run on. */
export const hostByteOrder: ByteOrder =
  new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 'little' : 'big'

// A leading U+FEFF is text like any other here, not a mark of the byte order.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Reads the NUL-terminated string at `offset`; the whole rest without a NUL. */
export function cString(bytes: Uint8Array, offset = 0): string {
  const end = bytes.indexOf(0, offset)
  const part = bytes.subarray(offset, end === -1 ? bytes.length : end)
  // TextDecoder refuses views of shared memory, so those are copied first.
  return utf8.decode(part.buffer instanceof ArrayBuffer ? part : new Uint8Array(part))
}

/** A view of bytes with a byte order and a name for error messages; offsets are relative to its start. */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly byteOrder: ByteOrder
  readonly #view: DataView
  readonly #little: boolean
  readonly #where: ObjectFileLocation

  /**
   * @param bytes what to read
   * @param byteOrder byte order of the numbers in it
   * @param where names the bytes in errors; its `offset` is added to the offset of what failed
   */
  constructor(bytes: Uint8Array, byteOrder: ByteOrder = 'little', where: ObjectFileLocation = {}) {
    this.bytes = bytes
    this.byteOrder = byteOrder
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#little = byteOrder === 'little'
    this.#where = where
  }

  /** Number of bytes. */
  get length(): number {
    return this.bytes.length
  }

  /** An error about these bytes, with the place filled in. */
  error(reason: string, offset = 0): ObjectFileError {
    return new ObjectFileError(reason, { ...this.#where, offset: (this.#where.offset ?? 0) + offset })
  }

  /** Throws unless `length` bytes lie at `offset`. */
  need(offset: number, length: number, what = 'data'): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.bytes.length)) {
      throw this.error(
        `Truncated: ${what} needs ${length} bytes at its offset, in a total of ${this.bytes.length}`,
        offset,
      )
    }
  }

  u8(offset: number): number {
    this.need(offset, 1)
    return this.#view.getUint8(offset)
  }

  u16(offset: number): number {
    this.need(offset, 2)
    return this.#view.getUint16(offset, this.#little)
  }

  u32(offset: number): number {
    this.need(offset, 4)
    return this.#view.getUint32(offset, this.#little)
  }

  i16(offset: number): number {
    this.need(offset, 2)
    return this.#view.getInt16(offset, this.#little)
  }

  i32(offset: number): number {
    this.need(offset, 4)
    return this.#view.getInt32(offset, this.#little)
  }

  u64(offset: number): bigint {
    this.need(offset, 8)
    return this.#view.getBigUint64(offset, this.#little)
  }

  /** A 64-bit file offset or size; throws when it does not fit a JavaScript number. */
  size(offset: number): number {
    const value = this.u64(offset)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.error(`Impossible size ${value}`, offset)
    return Number(value)
  }

  /** The bytes at `offset`, without a copy. */
  slice(offset: number, length: number, what?: string): Uint8Array {
    this.need(offset, length, what)
    return this.bytes.subarray(offset, offset + length)
  }

  /** The NUL-terminated string at `offset`. */
  string(offset: number): string {
    this.need(offset, 1, 'string')
    const end = this.bytes.indexOf(0, offset)
    if (end === -1) throw this.error('String without a terminating NUL', offset)
    return cString(this.bytes, offset)
  }
}
