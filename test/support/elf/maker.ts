/**
 * ELF64 files from sections: for tests of what compilers make, and of what they never would.
 *
 * @module
 */

import { sectionTypes } from '../../../src/elf/file.ts'

/** Numbers that a test has no reason to choose are 0. */
export interface SectionRecipe {
  readonly name: string
  readonly type: number
  readonly bytes: Uint8Array
  /** Bytes that the header tells. Default: those that there are. */
  readonly size?: number
  readonly flags?: number
  /** Where offset 0 of the file would lie in memory; the section lies as far behind it as in the file. */
  readonly base?: number
  /** Name of the section that this one refers to. */
  readonly link?: string
  readonly info?: number
}

/** What to make a file of. */
export interface ElfRecipe {
  readonly sections: readonly SectionRecipe[]
  /** `e_type`. Default: 2, a program. */
  readonly type?: number
  /** `e_machine`. */
  readonly machine?: number
  /** Address of the first instruction. */
  readonly entry?: number
  /** Where the whole file is mapped into memory, and with which rights (`PF_X` 1, `PF_W` 2, `PF_R` 4). */
  readonly mappings?: readonly { readonly address: number; readonly flags: number }[]
}

/** A symbol of a table. */
export interface SymbolRecipe {
  readonly name: string
  readonly value: number
  /** Number of its section; 0 for one that is not defined. */
  readonly section: number
  /** `STT_*`. Default: 2, a function. */
  readonly type?: number
  /** `STB_*`. Default: 1, global. */
  readonly binding?: number
}

const HEADER_SIZE = 64
const MAPPING_SIZE = 56
const SECTION_SIZE = 64
const SYMBOL_SIZE = 24
const ALIGNMENT = 16
const PAGE = 0x10000

const align = (at: number): number => Math.ceil(at / ALIGNMENT) * ALIGNMENT

/** Makes a little-endian file. The sections follow in their order, the first has number 1. */
export function makeElf({
  sections,
  type = 2,
  machine = 0,
  entry = 0,
  mappings = [],
}: ElfRecipe): Uint8Array {
  const names = stringTable(['', ...sections.map(({ name }) => name), '.shstrtab'])
  const all: readonly SectionRecipe[] = [
    ...sections,
    { name: '.shstrtab', type: sectionTypes.strtab, bytes: names.bytes },
  ]
  const offsets: number[] = []
  let end = HEADER_SIZE + mappings.length * MAPPING_SIZE
  for (const { bytes } of all) {
    offsets.push(align(end))
    end = align(end) + bytes.length
  }
  const tableAt = align(end)
  const file = new Uint8Array(tableAt + (all.length + 1) * SECTION_SIZE)
  const view = new DataView(file.buffer)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, type, true)
  view.setUint16(18, machine, true)
  view.setUint32(20, 1, true)
  view.setBigUint64(24, BigInt(entry), true)
  view.setBigUint64(32, BigInt(HEADER_SIZE), true)
  view.setBigUint64(40, BigInt(tableAt), true)
  ;[HEADER_SIZE, MAPPING_SIZE, mappings.length, SECTION_SIZE, all.length + 1, all.length].forEach(
    (each, i) => {
      view.setUint16(52 + i * 2, each, true)
    },
  )
  mappings.forEach(({ address, flags }, i) => {
    const at = HEADER_SIZE + i * MAPPING_SIZE
    view.setUint32(at, 1, true)
    view.setUint32(at + 4, flags, true)
    view.setBigUint64(at + 16, BigInt(address), true)
    view.setBigUint64(at + 32, BigInt(file.length), true)
    view.setBigUint64(at + 40, BigInt(file.length), true)
    view.setBigUint64(at + 48, BigInt(PAGE), true)
  })
  all.forEach((section, i) => {
    const at = tableAt + (i + 1) * SECTION_SIZE
    const offset = offsets[i]!
    file.set(section.bytes, offset)
    view.setUint32(at, names.offsetOf(section.name), true)
    view.setUint32(at + 4, section.type, true)
    view.setBigUint64(at + 8, BigInt(section.flags ?? 0), true)
    view.setBigUint64(at + 16, BigInt(section.base === undefined ? 0 : section.base + offset), true)
    view.setBigUint64(at + 24, BigInt(offset), true)
    view.setBigUint64(at + 32, BigInt(section.size ?? section.bytes.length), true)
    view.setUint32(at + 40, all.findIndex(({ name }) => name === section.link) + 1, true)
    view.setUint32(at + 44, section.info ?? 0, true)
  })
  return file
}

/** Where the first section of a file with so many mappings lies. */
export function firstOffset(mappings: number): number {
  return align(HEADER_SIZE + mappings * MAPPING_SIZE)
}

/** Strings one after the other. */
export function stringTable(strings: readonly string[]): {
  bytes: Uint8Array
  offsetOf: (text: string) => number
} {
  const offsets = new Map<string, number>()
  let text = ''
  for (const each of new Set(strings)) {
    offsets.set(each, text.length)
    text += `${each}\0`
  }
  return { bytes: new TextEncoder().encode(text), offsetOf: each => offsets.get(each)! }
}

/** A table of symbols and the strings it needs; symbol 0 is the one that every table begins with. */
export function symbolTable(
  symbols: readonly SymbolRecipe[],
  more: readonly string[] = [],
): { table: Uint8Array; strings: Uint8Array; offsetOf: (text: string) => number } {
  const { bytes, offsetOf } = stringTable(['', ...symbols.map(({ name }) => name), ...more])
  const table = new Uint8Array((symbols.length + 1) * SYMBOL_SIZE)
  const view = new DataView(table.buffer)
  symbols.forEach(({ name, value, section, type = 2, binding = 1 }, i) => {
    const at = (i + 1) * SYMBOL_SIZE
    view.setUint32(at, offsetOf(name), true)
    view.setUint8(at + 4, (binding << 4) | type)
    view.setUint16(at + 6, section, true)
    view.setBigUint64(at + 8, BigInt(value), true)
  })
  return { table, strings: bytes, offsetOf }
}

/**
 * `.gnu.version_d`: definitions of versions, numbered from 2.
 *
 * @param offsetOf where the names are in the string table
 */
export function versionDefinitions(names: readonly string[], offsetOf: (text: string) => number): Uint8Array {
  const [DEFINITION, AUXILIARY] = [20, 8]
  const size = DEFINITION + AUXILIARY
  const bytes = new Uint8Array(names.length * size)
  const view = new DataView(bytes.buffer)
  names.forEach((name, i) => {
    const at = i * size
    view.setUint16(at, 1, true)
    view.setUint16(at + 4, i + 2, true)
    view.setUint16(at + 6, 1, true)
    view.setUint32(at + 12, DEFINITION, true)
    view.setUint32(at + 16, i === names.length - 1 ? 0 : size, true)
    view.setUint32(at + DEFINITION, offsetOf(name), true)
  })
  return bytes
}
