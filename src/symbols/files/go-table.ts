/**
 * The line table of Go programs, which stripping leaves: the names of all functions by address.
 *
 * Source: Go src/cmd/link/internal/ld/pcln.go, src/runtime/symtab.go `pcHeader`, `_func`.
 *
 * @module
 */

import type { ElfFile } from '../../elf/file.ts'
import type { ElfSection } from '../../elf/headers.ts'
import type { FunctionAt, FunctionSource } from './function-source.ts'
import { NameTable } from './name-table.ts'

const SECTIONS = ['.gopclntab', '.data.rel.ro.gopclntab']
/** Of Go 1.20 and later, and of 1.18. */
const MAGICS: readonly number[] = [0xffff_fff1, 0xffff_fff0]
/** Bytes before the words of the header. */
const FIRST_WORD = 8
/** Words of the header, by their place. */
const [FUNCTIONS, TEXT_START, NAMES, TABLE] = [0, 2, 3, 7]
const WORDS = 8
/** More functions than any program has. */
const MAX_FUNCTIONS = 20_000_000
/** Bytes of an entry of the table: an offset from the start of the code, and one of the description. */
const ENTRY = 8
/** Where a module says where its code starts: behind a pointer to the table, six slices and three pointers. */
const MODULE_TEXT = 8 + 6 * 24 + 3 * 8
/** The function that a Go program starts with, where no other language does. */
const START = /^_rt0_\w+$/

/** The functions of a Go program. */
export class GoTable implements FunctionSource {
  readonly #elf: ElfFile
  readonly #table: number
  readonly #text: number
  /** Pairs: where a function starts, where its description is. Behind the last, where the code ends. */
  readonly #entries: Uint32Array
  readonly #names: NameTable

  /**
   * Reads the table.
   *
   * @returns `undefined` for a program without one, of a version before Go 1.18, or where it is not certain to which
   *   addresses the table belongs
   * @throws ObjectFileError when it is damaged
   */
  static read(elf: ElfFile): GoTable | undefined {
    const section = elf.sections.find(({ name }) => SECTIONS.includes(name))
    if (section === undefined) return undefined
    const head = elf.part(
      section.offset,
      Math.min(section.size, FIRST_WORD + WORDS * 8),
      'header of .gopclntab',
    )
    if (!MAGICS.includes(head.u32(0))) return undefined
    const pointer = head.u8(7)
    if (pointer !== 4 && pointer !== 8) throw elf.error(`Pointers of ${pointer} bytes`, section, 7)
    const word = (index: number): number =>
      pointer === 8 ? head.size(FIRST_WORD + 8 * index) : head.u32(FIRST_WORD + 4 * index)
    const [count, names, table] = [word(FUNCTIONS), word(NAMES), word(TABLE)]
    if (count > MAX_FUNCTIONS) throw elf.error(`${count} functions`, section, FIRST_WORD)
    if (names > section.size || table > section.size)
      throw elf.error('Offsets outside of the table', section, FIRST_WORD)
    const entries = readEntries(elf, section, table, count)
    const text = word(TEXT_START)
    const tables = { table: section.offset + table, names: section.offset + names, section }
    if (text !== 0) return new GoTable(elf, entries, text, tables)
    const stated = pointer === 8 ? textOfModule(elf, section) : undefined
    if (stated !== undefined) return new GoTable(elf, entries, stated, tables)
    // The code starts where .text does, unless that of other languages comes first. The program's first function shows it.
    const guess = new GoTable(elf, entries, elf.section('.text')?.address ?? 0, tables)
    const start = guess.find(elf.entry)
    return start?.start === elf.entry && START.test(start.name) ? guess : undefined
  }

  private constructor(
    elf: ElfFile,
    entries: Uint32Array,
    text: number,
    { table, names, section }: { table: number; names: number; section: ElfSection },
  ) {
    this.#elf = elf
    this.#entries = entries
    this.#text = text
    this.#table = table
    this.#names = new NameTable(elf, names, section.offset + section.size - names)
  }

  get memory(): number {
    return this.#entries.byteLength + this.#names.memory
  }

  find(address: number): FunctionAt | undefined {
    const entries = this.#entries
    const at = address - this.#text
    let low = 0
    let high = entries.length >>> 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries[2 * middle]! <= at) low = middle + 1
      else high = middle
    }
    // The last entry is the end of the code.
    if (low === 0 || low === entries.length >>> 1) return undefined
    const start = entries[2 * low - 2]!
    // A description begins with where the function starts, and where its name is.
    const description = this.#elf.part(this.#table + entries[2 * low - 1]!, ENTRY, 'function')
    if (description.u32(0) !== start) return undefined
    const name = this.#names.at(description.u32(4))
    return name === '' ? undefined : { name, start: start + this.#text }
  }
}

/**
 * Address of the code, by the description of the module: since Go 1.26 the header of the table does not have it. `undefined`
 * where it is known only when the program is loaded.
 *
 * Source: Go src/runtime/symtab.go `moduledata`.
 */
function textOfModule(elf: ElfFile, table: ElfSection): number | undefined {
  const module = elf.section('.go.module')
  if (module === undefined || module.size < MODULE_TEXT + 8) return undefined
  const reader = elf.part(module.offset, MODULE_TEXT + 8, '.go.module')
  const text = reader.u64(MODULE_TEXT)
  return reader.u64(0) === BigInt(table.address) && text !== 0n ? reader.size(MODULE_TEXT) : undefined
}

function readEntries(elf: ElfFile, section: ElfSection, table: number, count: number): Uint32Array {
  const bytes = count * ENTRY + 4
  if (table + bytes > section.size) throw elf.error(`${count} functions are not in the table`, section, table)
  const reader = elf.part(section.offset + table, bytes, 'functions of .gopclntab')
  const entries = new Uint32Array(2 * count + 2)
  const view = new DataView(reader.bytes.buffer, reader.bytes.byteOffset, reader.length)
  const little = elf.byteOrder === 'little'
  for (let i = 0; i <= 2 * count && 4 * i + 4 <= reader.length; i++) {
    entries[i] = view.getUint32(4 * i, little)
    if (i >= 2 && i % 2 === 0 && entries[i]! < entries[i - 2]!)
      throw elf.error('Functions are not in the order of their addresses', section, table + 4 * i)
  }
  return entries
}
