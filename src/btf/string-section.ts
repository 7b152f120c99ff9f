/**
 * The strings of a BTF.
 *
 * @module
 */

import { ObjectFileError, type ObjectFileLocation } from '../base/errors.ts'

/** From here on a string is long; names of the kernel are shorter than 512 bytes. */
const LONG = 512
/**
 * How often the bytes of a section may be part of long strings. Compilers let none overlap; in a hostile section
 * every offset begins another long string, and together they would fill the memory.
 */
const MAX_OVERLAP = 8

/** A string section. Short strings are decoded whenever they are asked for, long ones once. */
export class StringSection {
  readonly bytes: Buffer
  readonly #where: ObjectFileLocation
  readonly #long = new Map<number, string>()
  #budget: number

  /**
   * @param bytes the section, which ends with NUL unless it is empty
   * @param where names it in errors; its `offset` is where the section begins
   */
  constructor(
    bytes: Uint8Array,
    where: ObjectFileLocation,
    { maxOverlap = MAX_OVERLAP }: { maxOverlap?: number } = {},
  ) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#where = where
    this.#budget = bytes.length * maxOverlap
  }

  /** An error about an offset within the section. */
  error(reason: string, offset: number): ObjectFileError {
    return new ObjectFileError(reason, { ...this.#where, offset: (this.#where.offset ?? 0) + offset })
  }

  /**
   * The string at an offset within the section.
   *
   * @throws ObjectFileError when it is longer than `maxLength`, or long strings overlap too often
   */
  at(offset: number, maxLength: number = Number.POSITIVE_INFINITY): string {
    let end = offset
    while (this.bytes[end] !== 0) end++
    const length = end - offset
    if (length > maxLength) throw this.error(`A name of ${length} bytes is longer than ${maxLength}`, offset)
    if (length < LONG) return this.bytes.toString('utf8', offset, end)
    const known = this.#long.get(offset)
    if (known !== undefined) return known
    this.#budget -= length
    if (this.#budget < 0) throw this.error('BTF strings overlap too often', offset)
    const text = this.bytes.toString('utf8', offset, end)
    this.#long.set(offset, text)
    return text
  }
}
