/**
 * Where the bytes of a file come from: memory, or a file that is read piece by piece.
 *
 * @module
 */

import { type ByteOrder, ByteReader } from '../base/bytes.ts'
import type { ObjectFileLocation } from '../base/errors.ts'

/** Bytes that are read where they are needed, so that files may be larger than memory. */
export interface ByteSource {
  /** Number of bytes. */
  readonly size: number
  /**
   * The bytes at an offset, which lie within the size; fewer when the file has become shorter. They must not be written.
   *
   * @param into memory of that length at least, which a source that copies may use: a reader of many pieces then needs one
   */
  read(offset: number, length: number, into?: Uint8Array): Uint8Array
}

/** Bytes in memory as a source, without copies. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) }
}

/** Parts of a source; errors name their place in the file. */
export class SourceReader {
  readonly #source: ByteSource
  readonly #order: ByteOrder
  readonly #where: ObjectFileLocation

  constructor(source: ByteSource, order: ByteOrder, where: ObjectFileLocation) {
    this.#source = source
    this.#order = order
    this.#where = where
  }

  /**
   * Refuses a part that is not in the file.
   *
   * @param what names it in the error
   * @throws ObjectFileError
   */
  need(offset: number, length: number, what: string): void {
    const { size } = this.#source
    if (offset >= 0 && length >= 0 && offset + length <= size) return
    const place = new ByteReader(new Uint8Array(0), this.#order, { ...this.#where, offset })
    throw place.error(`Truncated: ${what} needs ${length} bytes at its offset, in a total of ${size}`)
  }

  /** A part of the file. Throws as `need` does. */
  part(offset: number, length: number, what: string): ByteReader {
    this.need(offset, length, what)
    return new ByteReader(this.#source.read(offset, length), this.#order, { ...this.#where, offset })
  }
}
