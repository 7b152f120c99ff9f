/**
 * String tables of ELF files.
 *
 * Source: System V ABI, chapter 4, "String Table".
 *
 * @module
 */

import type { ByteReader } from '../bytes.ts'

/**
 * How often the bytes of a table may be used. Linkers let names share their ends, so honest files use some twice;
 * in a hostile one every offset of a table without NULs begins another long name.
 */
const MAX_USES = 8
/** What even the smallest table may use. */
const MIN_BUDGET = 1 << 16

/** The strings of a table, each decoded once. */
export class StringTable {
  readonly #reader: ByteReader
  readonly #strings = new Map<number, string>()
  #budget: number

  constructor(reader: ByteReader) {
    this.#reader = reader
    this.#budget = Math.max(reader.length * MAX_USES, MIN_BUDGET)
  }

  /**
   * The string at an offset.
   *
   * @throws ObjectFileError when it is outside of the table or does not end, or the strings overlap absurdly
   */
  at(offset: number): string {
    const known = this.#strings.get(offset)
    if (known !== undefined) return known
    const text = this.#reader.string(offset)
    this.#budget -= text.length
    if (this.#budget < 0) throw this.#reader.error('Strings overlap too often', offset)
    this.#strings.set(offset, text)
    return text
  }
}
