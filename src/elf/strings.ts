/**
 * String tables of ELF files.
 *
 * Source: System V ABI, chapter 4, "String Table".
 *
 * @module
 */

import type { ByteReader } from '../base/bytes.ts'
import type { ObjectLimits } from './limits.ts'

/** What even the smallest table may use. */
const MIN_BUDGET = 1 << 16
/** `@`, which linkers write between a name and its version. */
const VERSION = 0x40

/** The strings of a table, each decoded once. */
export class StringTable {
  readonly #reader: ByteReader
  readonly #strings = new Map<number, string>()
  readonly #maxLength: number
  /**
   * Linkers let names share their ends, so honest files use some bytes twice; in a hostile one every offset of a table
   * without NULs begins another long name.
   */
  #budget: number

  constructor(
    reader: ByteReader,
    { maxOverlap, maxNameLength }: Required<Pick<ObjectLimits, 'maxOverlap' | 'maxNameLength'>>,
  ) {
    this.#reader = reader
    this.#maxLength = maxNameLength
    this.#budget = Math.max(reader.length * maxOverlap, MIN_BUDGET)
  }

  /**
   * The string at an offset.
   *
   * @throws ObjectFileError when it is outside of the table, does not end or is too long, or the strings overlap absurdly
   */
  at(offset: number): string {
    const known = this.#strings.get(offset)
    if (known !== undefined) return known
    const text = this.#reader.string(offset)
    if (text.length > this.#maxLength)
      throw this.#reader.error(`A name of ${text.length} bytes is longer than ${this.#maxLength}`, offset)
    this.#budget -= text.length
    if (this.#budget < 0) throw this.#reader.error('Strings overlap too often', offset)
    this.#strings.set(offset, text)
    return text
  }

  /**
   * Whether the string at an offset is a name, alone or with a version behind `@`: without making a string of it. `false`
   * outside of the table.
   */
  isName(offset: number, name: Uint8Array): boolean {
    const { bytes } = this.#reader
    for (let i = 0; i < name.length; i++) if (bytes[offset + i] !== name[i]) return false
    const next = bytes[offset + name.length]
    return next === 0 || next === VERSION
  }
}
