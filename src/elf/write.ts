/**
 * ELF64 files from sections, symbols and relocations: BPF objects as compilers make them, and programs and libraries for
 * x86-64 and arm64. The same input gives the same bytes.
 *
 * The file has, in this order: header, headers of segments, contents of sections, headers of sections.
 *
 * Source: System V ABI, chapters 4 and 5.
 *
 * @module
 */

import type { ByteOrder } from '../base/bytes.ts'
import {
  ELF_HEADER_SIZE,
  ELF_MAGIC,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  type ElfSymbolBinding,
  type ElfSymbolType,
  EM_BPF,
  ET_REL,
  EV_CURRENT,
  PT_LOAD,
  R_BPF_64_64,
  REL_SIZE,
  SECTION_HEADER_SIZE,
  SEGMENT_HEADER_SIZE,
  SHN_LORESERVE,
  SYMBOL_SIZE,
  sectionTypes,
  symbolBindings,
  symbolTypes,
} from './format.ts'

/** A section to write. */
export interface SectionSource {
  readonly name: string
  /** `sh_type`, one of `sectionTypes` or another number. Default: `progbits`. */
  readonly type?: number
  /** `SHF_*`. Default: 0. */
  readonly flags?: number
  /** Contents; `nobits` sections have none. Default: empty. */
  readonly data?: Uint8Array
  /** Bytes that the header has. Default: those of `data`. */
  readonly size?: number
  /** Where the start of the file lies in memory; the section lies as far behind it as in the file. Default: nowhere. */
  readonly base?: number
  /** Name of the section that this one refers to, or its number. Default: 0. */
  readonly link?: string | number
  /** Meaning by the type. Default: 0. */
  readonly info?: number
  /** Where it may begin, in the file and in memory: a power of two. Default: 8. */
  readonly alignment?: number
  /** Bytes of each entry, of sections that are tables. Default: 0. */
  readonly entrySize?: number
  /** Relocations of its contents; they become a section of their own, `.rel` and this name. */
  readonly relocations?: readonly RelocationSource[]
}

/** A symbol to write. */
export interface SymbolSource {
  readonly name: string
  /** Default: `'func'`. */
  readonly type?: ElfSymbolType
  /** Default: `'global'`. */
  readonly binding?: ElfSymbolBinding
  /** Number of its section, from 1 in the order of the sections; 0 when it is not defined here. */
  readonly section: number
  /** Bytes from the start of its section; in programs and libraries its address. Default: 0. */
  readonly value?: number
  /** Bytes. Default: 0. */
  readonly size?: number
}

/** A relocation to write. Its addend is in the contents of the section. */
export interface RelocationSource {
  /** Bytes from the start of the section. */
  readonly offset: number
  /** Number of the symbol, from 1 in the order of the symbols. */
  readonly symbol: number
  /** Default: `R_BPF_64_64`. */
  readonly type?: number
}

/** A part of the file that is mapped into memory, from its first byte on. */
export interface SegmentSource {
  /** `p_type`. Default: `PT_LOAD`. */
  readonly type?: number
  /** `PF_*`. */
  readonly flags: number
  /** Where it lies in memory: a multiple of the page size. Without an address the segment covers nothing. */
  readonly address?: number
  /** Name of the last section in it. Default: it is the whole file. */
  readonly last?: string
}

/** A file to write. */
export interface ElfSource {
  /** The section with number 1 comes first. Tables of symbols, relocations and names are added behind them. */
  readonly sections: readonly SectionSource[]
  /** Symbols of the table `.symtab`; linkers want local ones first. Default: the file has no such table. */
  readonly symbols?: readonly SymbolSource[]
  /** `e_type`. Default: `ET_REL`. */
  readonly type?: number
  /** `e_machine`. Default: `EM_BPF`. */
  readonly machine?: number
  /** Default: `'little'`. */
  readonly byteOrder?: ByteOrder
  /** Address of the first instruction. Default: 0. */
  readonly entry?: number
  /** Default: none. */
  readonly segments?: readonly SegmentSource[]
}

/** Greatest page size of the architectures. */
const MAX_PAGE = 0x10000
const DEFAULT_ALIGNMENT = 8
const encoder = new TextEncoder()

/** A string table in the making: each string once, behind the empty one that every table begins with. */
export class StringTableBuilder {
  readonly #offsets = new Map<string, number>([['', 0]])
  readonly #parts: Uint8Array[] = [new Uint8Array(1)]
  #length = 1

  /** Offset of a string, which is added unless the table has it. */
  add(text: string): number {
    const known = this.#offsets.get(text)
    if (known !== undefined) return known
    const bytes = encoder.encode(`${text}\0`)
    const offset = this.#length
    this.#offsets.set(text, offset)
    this.#parts.push(bytes)
    this.#length += bytes.length
    return offset
  }

  /** The table as a section holds it. */
  build(): Uint8Array<ArrayBuffer> {
    const table = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      table.set(part, at)
      at += part.length
    }
    return table
  }
}

/**
 * A table of symbols as a section holds it, with the empty symbol that every table begins with.
 *
 * @param names where the names are added
 */
export function symbolTable(
  symbols: readonly SymbolSource[],
  names: StringTableBuilder,
  byteOrder: ByteOrder = 'little',
): Uint8Array<ArrayBuffer> {
  const little = byteOrder === 'little'
  const table = new Uint8Array((symbols.length + 1) * SYMBOL_SIZE)
  const view = new DataView(table.buffer)
  symbols.forEach(({ name, type = 'func', binding = 'global', section, value = 0, size = 0 }, i) => {
    const at = (i + 1) * SYMBOL_SIZE
    view.setUint32(at, names.add(name), little)
    view.setUint8(at + 4, (symbolBindings.indexOf(binding) << 4) | symbolTypes[type])
    view.setUint16(at + 6, section, little)
    view.setBigUint64(at + 8, BigInt(value), little)
    view.setBigUint64(at + 16, BigInt(size), little)
  })
  return table
}

function relocationTable(relocations: readonly RelocationSource[], little: boolean): Uint8Array {
  const table = new Uint8Array(relocations.length * REL_SIZE)
  const view = new DataView(table.buffer)
  relocations.forEach(({ offset, symbol, type = R_BPF_64_64 }, i) => {
    view.setBigUint64(i * REL_SIZE, BigInt(offset), little)
    view.setBigUint64(i * REL_SIZE + 8, (BigInt(symbol) << 32n) | BigInt(type), little)
  })
  return table
}

/** Where the contents of the first section begin in a file with so many segments. */
export function firstSectionOffset(segments: number, alignment: number = DEFAULT_ALIGNMENT): number {
  return align(ELF_HEADER_SIZE + segments * SEGMENT_HEADER_SIZE, alignment)
}

function align(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}

/**
 * Writes a file.
 *
 * @throws RangeError when a section or segment names a section that does not exist, relocations have no symbols, or there
 *   are more sections than 16 bits have numbers for
 */
export function writeElf(source: ElfSource): Uint8Array<ArrayBuffer> {
  const { byteOrder = 'little', segments = [] } = source
  const little = byteOrder === 'little'
  const names = new StringTableBuilder()
  const sections = withTables(source)
  const nameOffsets = [...sections.map(({ name }) => names.add(name)), names.add('.shstrtab')]
  sections.push({ name: '.shstrtab', type: sectionTypes.strtab, data: names.build(), alignment: 1 })
  if (sections.length + 1 >= SHN_LORESERVE)
    throw new RangeError(`Cannot write an ELF file: ${sections.length} sections are too many`)

  const offsets: number[] = []
  let end = ELF_HEADER_SIZE + segments.length * SEGMENT_HEADER_SIZE
  for (const { data, alignment = DEFAULT_ALIGNMENT } of sections) {
    end = align(end, alignment)
    offsets.push(end)
    end += data?.length ?? 0
  }
  const table = align(end, DEFAULT_ALIGNMENT)
  const file = new Uint8Array(table + (sections.length + 1) * SECTION_HEADER_SIZE)
  const view = new DataView(file.buffer)
  writeHeader(view, source, table, sections.length)
  const numbers = new Map(sections.map(({ name }, i) => [name, i + 1] as const).reverse())
  const numberOf = (name: string): number => {
    const number = numbers.get(name)
    if (number === undefined) throw new RangeError(`Cannot write an ELF file: it has no section ${name}`)
    return number
  }
  segments.forEach((segment, i) => {
    const last = segment.last === undefined ? undefined : numberOf(segment.last) - 1
    const size = last === undefined ? file.length : offsets[last]! + (sections[last]!.data?.length ?? 0)
    writeSegment(view, ELF_HEADER_SIZE + i * SEGMENT_HEADER_SIZE, segment, size, little)
  })
  sections.forEach((section, i) => {
    const offset = offsets[i]!
    if (section.data !== undefined) file.set(section.data, offset)
    const { link = 0 } = section
    const place = { name: nameOffsets[i]!, offset, link: typeof link === 'string' ? numberOf(link) : link }
    writeSection(view, table + (i + 1) * SECTION_HEADER_SIZE, section, place, little)
  })
  return file
}

/** The sections with the tables of symbols and relocations. */
function withTables({ sections, symbols, byteOrder }: ElfSource): SectionSource[] {
  if (symbols === undefined) {
    const relocated = sections.find(({ relocations }) => relocations !== undefined)
    if (relocated === undefined) return [...sections]
    throw new RangeError(
      `Cannot write an ELF file: ${relocated.name} has relocations, but there are no symbols`,
    )
  }
  const names = new StringTableBuilder()
  const data = symbolTable(symbols, names, byteOrder)
  const locals = symbols.findLastIndex(({ binding }) => binding === 'local') + 1
  const number = sections.length + 1
  const table = { alignment: 8, entrySize: SYMBOL_SIZE }
  return [
    ...sections,
    { name: '.symtab', type: sectionTypes.symtab, data, link: number + 1, info: locals + 1, ...table },
    { name: '.strtab', type: sectionTypes.strtab, data: names.build(), alignment: 1 },
    ...sections.flatMap(({ name, relocations }, i): SectionSource[] => {
      if (relocations === undefined) return []
      const data = relocationTable(relocations, byteOrder !== 'big')
      return [
        { name: `.rel${name}`, type: sectionTypes.rel, data, link: number, info: i + 1, entrySize: REL_SIZE },
      ]
    }),
  ]
}

function writeHeader(view: DataView, source: ElfSource, table: number, sections: number): void {
  const { byteOrder, type = ET_REL, machine = EM_BPF, entry = 0, segments = [] } = source
  const little = byteOrder !== 'big'
  for (const [i, byte] of ELF_MAGIC.entries()) view.setUint8(i, byte)
  view.setUint8(4, ELFCLASS64)
  view.setUint8(5, little ? ELFDATA2LSB : ELFDATA2MSB)
  view.setUint8(6, EV_CURRENT)
  view.setUint16(16, type, little)
  view.setUint16(18, machine, little)
  view.setUint32(20, EV_CURRENT, little)
  view.setBigUint64(24, BigInt(entry), little)
  view.setBigUint64(32, BigInt(segments.length === 0 ? 0 : ELF_HEADER_SIZE), little)
  view.setBigUint64(40, BigInt(table), little)
  // The section of names is the last.
  const numbers = [
    ELF_HEADER_SIZE,
    SEGMENT_HEADER_SIZE,
    segments.length,
    SECTION_HEADER_SIZE,
    sections + 1,
    sections,
  ]
  numbers.forEach((number, i) => {
    view.setUint16(52 + i * 2, number, little)
  })
}

function writeSegment(
  view: DataView,
  at: number,
  { type = PT_LOAD, flags, address }: SegmentSource,
  size: number,
  little: boolean,
): void {
  view.setUint32(at, type, little)
  view.setUint32(at + 4, flags, little)
  if (address === undefined) return
  // Offset in the file 0, virtual and physical address, bytes in the file and in memory, alignment.
  const words = [0, address, address, size, size, MAX_PAGE]
  words.forEach((word, i) => {
    view.setBigUint64(at + 8 + i * 8, BigInt(word), little)
  })
}

function writeSection(
  view: DataView,
  at: number,
  section: SectionSource,
  { name, offset, link }: { name: number; offset: number; link: number },
  little: boolean,
): void {
  const { type = sectionTypes.progbits, flags = 0, data, base, info = 0 } = section
  const { size = data?.length ?? 0, alignment = DEFAULT_ALIGNMENT, entrySize = 0 } = section
  view.setUint32(at, name, little)
  view.setUint32(at + 4, type, little)
  const words = [flags, base === undefined ? 0 : base + offset, offset, size]
  words.forEach((word, i) => {
    view.setBigUint64(at + 8 + i * 8, BigInt(word), little)
  })
  view.setUint32(at + 40, link, little)
  view.setUint32(at + 44, info, little)
  view.setBigUint64(at + 48, BigInt(alignment), little)
  view.setBigUint64(at + 56, BigInt(entrySize), little)
}
