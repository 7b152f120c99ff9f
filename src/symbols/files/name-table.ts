/**
 * Names in a string table, each read from the file when it is asked for.
 *
 * @module
 */

import type { ElfFile } from '../../elf/file.ts'

/** Bytes that most names are shorter than. */
const FIRST = 256
/** Bytes of a name at most; what is longer is cut. Names may lie in each other: a table is shorter than all of its names. */
const LONGEST = 1 << 12
/** Bytes of memory that the names take which are kept. When they are more, all are forgotten. */
const KEPT = 1 << 20
/** Bytes of memory for a name besides its characters, and for a character. */
const [PER_NAME, PER_CHARACTER] = [64, 2]

/** A string table in a file. */
export class NameTable {
  readonly #elf: ElfFile
  readonly #offset: number
  readonly #size: number
  readonly #names = new Map<number, string>()
  readonly #piece = Buffer.allocUnsafeSlow(FIRST)
  #memory = 0

  /**
   * @param offset where the table begins in the file
   * @param size bytes of the table
   */
  constructor(elf: ElfFile, offset: number, size: number) {
    this.#elf = elf
    this.#offset = offset
    this.#size = size
  }

  /** Bytes of memory that the names take which are kept. */
  get memory(): number {
    return this.#memory
  }

  /**
   * The name at an offset of the table; empty when that is outside, or nothing is there any more.
   *
   * @throws BpfError when the file cannot be read
   */
  at(offset: number): string {
    const known = this.#names.get(offset)
    if (known !== undefined) return known
    const name = this.#read(offset, FIRST, this.#piece) ?? this.#read(offset, LONGEST) ?? ''
    const memory = PER_NAME + PER_CHARACTER * name.length
    if (this.#memory + memory > KEPT) {
      this.#names.clear()
      this.#memory = 0
    }
    this.#memory += memory
    this.#names.set(offset, name)
    return name
  }

  /** The name, or what fits of it into the longest piece; `undefined` when it is longer than a short one. */
  #read(offset: number, most: number, into?: Buffer): string | undefined {
    const length = Math.max(0, Math.min(most, this.#size - offset))
    const piece = this.#elf.bytes(this.#offset + offset, length, into)
    const end = piece.indexOf(0)
    if (end === -1 && most < LONGEST && piece.length === most) return undefined
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, end === -1 ? piece.length : end)
    return withoutVersion(bytes.toString('utf8'))
  }
}

/** Linkers write the version of a function behind its name: `memcpy@@GLIBC_2.14`. */
function withoutVersion(name: string): string {
  const at = name.indexOf('@')
  return at > 0 ? name.slice(0, at) : name
}
