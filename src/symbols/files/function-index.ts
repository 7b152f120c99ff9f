/**
 * The functions of a table of symbols by address.
 *
 * Programs have up to some million symbols, of which most are never asked for. The index keeps three numbers of 32 bits for
 * each function: where it starts, its size, where its name is. The table is read twice, in pieces into one buffer; names are
 * read from the file when they are asked for.
 *
 * @module
 */

import type { ElfFile } from '../../elf/file.ts'
import { sectionTypes } from '../../elf/format.ts'
import type { ElfSection } from '../../elf/headers.ts'
import { codeSegments } from './code-range.ts'
import { collectFunctions, EXTENT_MASK, type FunctionColumns, RANK_SHIFT } from './collect-functions.ts'
import type { FunctionAt, FunctionSource } from './function-source.ts'
import { NameTable } from './name-table.ts'

/** How many functions before an address are looked at: code that others nest in may begin long before. */
const LOOK_BACK = 1024
/** How many names of one function are compared. */
const MAX_ALIASES = 64
/** Bytes of code that numbers of 32 bits reach. */
const MAX_CODE = 2 ** 32 - 1

/** An index of the functions in `.symtab` or `.dynsym`. */
export class FunctionIndex implements FunctionSource {
  readonly #base: number
  readonly #columns: FunctionColumns
  /** Greatest end of a function up to each; only where some lie in others. */
  readonly #ends: Uint32Array | undefined
  readonly #names: NameTable

  /**
   * Reads a table.
   *
   * @returns `undefined` when the file has no such table, or no functions in it
   * @throws ObjectFileError when it is damaged, or the code is larger than 4 GiB
   * @throws BpfError when the file cannot be read
   */
  static build(elf: ElfFile, type: 'symtab' | 'dynsym'): FunctionIndex | undefined {
    const table = elf.sections.find(each => each.type === sectionTypes[type])
    if (table === undefined) return undefined
    const strings = elf.sections[table.link]
    if (strings?.type !== sectionTypes.strtab) throw elf.error('Symbol table without a string table', table)
    const [base, size] = codeExtent(elf)
    const columns = collectFunctions(elf, table, base, size)
    return columns.starts.length === 0 ? undefined : new FunctionIndex(elf, base, columns, strings)
  }

  private constructor(elf: ElfFile, base: number, columns: FunctionColumns, strings: ElfSection) {
    this.#base = base
    this.#columns = columns
    this.#ends = columns.nested ? greatestEnds(columns) : undefined
    this.#names = new NameTable(elf, strings.offset, strings.size)
  }

  /** Number of functions. */
  get length(): number {
    return this.#columns.starts.length
  }

  get memory(): number {
    return this.length * (this.#ends === undefined ? 12 : 16) + this.#names.memory
  }

  /**
   * The function that an address lies in: of those that lie in each other the innermost, of several names the one that
   * `isBetterName` prefers.
   */
  find(address: number): FunctionAt | undefined {
    const { starts, details } = this.#columns
    const at = address - this.#base
    let low = 0
    let high = starts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (starts[middle]! <= at) low = middle + 1
      else high = middle
    }
    const ends = this.#ends
    for (let i = low - 1, steps = 0; i >= 0 && steps < LOOK_BACK; i--, steps++) {
      if (ends !== undefined && ends[i]! <= at) return undefined
      const start = starts[i]!
      if (start + (details[2 * i]! & EXTENT_MASK) > at)
        return { name: this.#name(i, at), start: start + this.#base }
      if (ends === undefined && (i === 0 || starts[i - 1] !== start)) return undefined
    }
    return undefined
  }

  /**
   * The best name of the function that starts where the last of its aliases that reaches an address is. They are sorted by
   * rank, so the first that reaches has the best one; of many, names are compared of the first ones only.
   */
  #name(last: number, at: number): string {
    const { starts, details } = this.#columns
    const start = starts[last]!
    const reaches = (i: number): boolean => start + (details[2 * i]! & EXTENT_MASK) > at
    let best = this.#firstAt(start, last)
    const most = Math.min(last, best + LOOK_BACK)
    while (best < most && !reaches(best)) best++
    if (!reaches(best)) best = last
    const rank = details[2 * best]! >>> RANK_SHIFT
    let name = this.#names.at(details[2 * best + 1]!)
    const end = Math.min(last, best + MAX_ALIASES - 1)
    for (let i = best + 1; i <= end && details[2 * i]! >>> RANK_SHIFT === rank; i++) {
      if (!reaches(i)) continue
      const candidate = this.#names.at(details[2 * i + 1]!)
      if (isBetterName(candidate, name)) name = candidate
    }
    return name
  }

  /** The first function that starts where another does. */
  #firstAt(start: number, last: number): number {
    const { starts } = this.#columns
    if (last === 0 || starts[last - 1] !== start) return last
    let low = 0
    let high = last
    while (low < high) {
      const middle = (low + high) >>> 1
      if (starts[middle]! < start) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * Whether a name is the better one of two for one function: fewer underscores at its start, then shorter, then by bytes.
 * Tools differ here; this one prefers what a manual page has.
 */
export function isBetterName(name: string, than: string): boolean {
  const underscores = leading(name) - leading(than)
  if (underscores !== 0) return underscores < 0
  return name.length !== than.length ? name.length < than.length : name < than
}

function leading(name: string): number {
  let count = 0
  while (name[count] === '_') count++
  return count
}

/** Lowest address of the code, and bytes from there to its end. */
function codeExtent(elf: ElfFile): [base: number, size: number] {
  const segments = codeSegments(elf)
  if (segments.length === 0) return [0, 0]
  let [base, end] = [Number.POSITIVE_INFINITY, 0]
  // A file may have more segments than a call may have arguments.
  for (const { address, memorySize } of segments) {
    base = Math.min(base, address)
    end = Math.max(end, address + memorySize)
  }
  if (end - base <= MAX_CODE) return [base, end - base]
  throw elf.headerError(`Code of ${end - base} bytes, more than ${MAX_CODE}`, 0)
}

function greatestEnds({ starts, details }: FunctionColumns): Uint32Array {
  let end = 0
  return starts.map((start, i) => {
    end = Math.max(end, start + (details[2 * i]! & EXTENT_MASK))
    return end
  })
}
