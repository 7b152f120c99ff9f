/**
 * ELF files from sections, symbols and relocations: BPF objects as compilers make them, and programs and libraries of
 * 32 and 64 bits. The same input gives the same bytes.
 *
 * The file has, in this order: header, headers of segments, contents of sections, headers of sections.
 *
 * Source: System V ABI, chapters 4 and 5.
 *
 * @module
 */

import type { ByteOrder } from '../base/bytes.ts'
import {
  ELF_MAGIC,
  ELFCLASS32,
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
  SHN_LORESERVE,
  sectionTypes,
  symbolBindings,
  symbolTypes,
} from './format.ts'
import { ELF32, ELF64, type ElfLayout } from './layout.ts'

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

/** A part of the file that is mapped into memory. */
export interface SegmentSource {
  /** `p_type`. Default: `PT_LOAD`. */
  readonly type?: number
  /** `PF_*`. */
  readonly flags: number
  /**
   * Where it lies in memory: as far behind a page's start as in the file. Without an address the segment covers nothing.
   */
  readonly address?: number
  /** Name of the first section in it. Default: it begins with the file. */
  readonly first?: string
  /** Name of the last section in it. Default: it is the whole file. */
  readonly last?: string
}

/** A file to write. */
export interface ElfSource {
  /** The section with number 1 comes first. Tables of symbols, relocations and names are added behind them. */
  readonly sections: readonly SectionSource[]
  /** Symbols of the table `.symtab`; linkers want local ones first. Default: the file has no such table. */
  readonly symbols?: readonly SymbolSource[]
  /** Default: 64. Relocations are written into files of 64 bits only. */
  readonly bits?: 32 | 64
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

/** Writes a word: an address, an offset in the file or a size. */
function setWord(view: DataView, { bits }: ElfLayout, at: number, value: number, little: boolean): void {
  if (bits === 64) view.setBigUint64(at, BigInt(value), little)
  else view.setUint32(at, value, little)
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
  layout: ElfLayout = ELF64,
): Uint8Array<ArrayBuffer> {
  const little = byteOrder === 'little'
  const fields = layout.symbol
  const table = new Uint8Array((symbols.length + 1) * fields.size)
  const view = new DataView(table.buffer)
  symbols.forEach(({ name, type = 'func', binding = 'global', section, value = 0, size = 0 }, i) => {
    const at = (i + 1) * fields.size
    view.setUint32(at, names.add(name), little)
    view.setUint8(at + fields.info, (symbolBindings.indexOf(binding) << 4) | symbolTypes[type])
    view.setUint16(at + fields.section, section, little)
    setWord(view, layout, at + fields.value, value, little)
    setWord(view, layout, at + fields.bytes, size, little)
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
export function firstSectionOffset(
  segments: number,
  alignment: number = DEFAULT_ALIGNMENT,
  { header, segment }: ElfLayout = ELF64,
): number {
  return align(header.size + segments * segment.size, alignment)
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
  const layout = layoutOfSource(source)
  const names = new StringTableBuilder()
  const sections = withTables(source)
  const nameOffsets = [...sections.map(({ name }) => names.add(name)), names.add('.shstrtab')]
  sections.push({ name: '.shstrtab', type: sectionTypes.strtab, data: names.build(), alignment: 1 })
  if (sections.length + 1 >= SHN_LORESERVE)
    throw new RangeError(`Cannot write an ELF file: ${sections.length} sections are too many`)

  const offsets: number[] = []
  let end = layout.header.size + segments.length * layout.segment.size
  for (const { data, alignment = DEFAULT_ALIGNMENT } of sections) {
    end = align(end, alignment)
    offsets.push(end)
    end += data?.length ?? 0
  }
  const table = align(end, DEFAULT_ALIGNMENT)
  const file = new Uint8Array(table + (sections.length + 1) * layout.section.size)
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
    const start = segment.first === undefined ? 0 : offsets[numberOf(segment.first) - 1]!
    const end = last === undefined ? file.length : offsets[last]! + (sections[last]!.data?.length ?? 0)
    const at = layout.header.size + i * layout.segment.size
    writeSegment(view, at, segment, { layout, offset: start, size: end - start, little })
  })
  sections.forEach((section, i) => {
    const offset = offsets[i]!
    if (section.data !== undefined) file.set(section.data, offset)
    const { link = 0 } = section
    const number = typeof link === 'string' ? numberOf(link) : link
    const place = { layout, name: nameOffsets[i]!, offset, link: number, little }
    writeSection(view, table + (i + 1) * layout.section.size, section, place)
  })
  return file
}

const layoutOfSource = ({ bits }: ElfSource): ElfLayout => (bits === 32 ? ELF32 : ELF64)

/** The sections with the tables of symbols and relocations. */
function withTables(source: ElfSource): SectionSource[] {
  const { sections, symbols, byteOrder } = source
  const layout = layoutOfSource(source)
  if (symbols === undefined) {
    const relocated = sections.find(({ relocations }) => relocations !== undefined)
    if (relocated === undefined) return [...sections]
    throw new RangeError(
      `Cannot write an ELF file: ${relocated.name} has relocations, but there are no symbols`,
    )
  }
  const names = new StringTableBuilder()
  const data = symbolTable(symbols, names, byteOrder, layout)
  const locals = symbols.findLastIndex(({ binding }) => binding === 'local') + 1
  const number = sections.length + 1
  const table = { alignment: 8, entrySize: layout.symbol.size }
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
  const layout = layoutOfSource(source)
  const { header } = layout
  for (const [i, byte] of ELF_MAGIC.entries()) view.setUint8(i, byte)
  view.setUint8(4, layout.bits === 64 ? ELFCLASS64 : ELFCLASS32)
  view.setUint8(5, little ? ELFDATA2LSB : ELFDATA2MSB)
  view.setUint8(6, EV_CURRENT)
  view.setUint16(16, type, little)
  view.setUint16(18, machine, little)
  view.setUint32(20, EV_CURRENT, little)
  setWord(view, layout, header.entry, entry, little)
  setWord(view, layout, header.segments, segments.length === 0 ? 0 : header.size, little)
  setWord(view, layout, header.sections, table, little)
  // The section of names is the last.
  const numbers = [
    header.size,
    layout.segment.size,
    segments.length,
    layout.section.size,
    sections + 1,
    sections,
  ]
  numbers.forEach((number, i) => {
    view.setUint16(header.counts + i * 2, number, little)
  })
}

function writeSegment(
  view: DataView,
  at: number,
  { type = PT_LOAD, flags, address }: SegmentSource,
  place: { layout: ElfLayout; offset: number; size: number; little: boolean },
): void {
  const { layout, offset, size, little } = place
  const fields = layout.segment
  view.setUint32(at, type, little)
  view.setUint32(at + fields.flags, flags, little)
  if (address === undefined) return
  for (const [field, value] of [
    [fields.offset, offset],
    [fields.address, address],
    [fields.physicalAddress, address],
    [fields.fileSize, size],
    [fields.memorySize, size],
    [fields.alignment, MAX_PAGE],
  ] as const)
    setWord(view, layout, at + field, value, little)
}

function writeSection(
  view: DataView,
  at: number,
  section: SectionSource,
  place: { layout: ElfLayout; name: number; offset: number; link: number; little: boolean },
): void {
  const { type = sectionTypes.progbits, flags = 0, data, base, info = 0 } = section
  const { size = data?.length ?? 0, alignment = DEFAULT_ALIGNMENT, entrySize = 0 } = section
  const { layout, name, offset, link, little } = place
  const fields = layout.section
  view.setUint32(at, name, little)
  view.setUint32(at + 4, type, little)
  view.setUint32(at + fields.link, link, little)
  view.setUint32(at + fields.info, info, little)
  for (const [field, value] of [
    [fields.flags, flags],
    [fields.address, base === undefined ? 0 : base + offset],
    [fields.offset, offset],
    [fields.bytes, size],
    [fields.alignment, alignment],
    [fields.entrySize, entrySize],
  ] as const)
    setWord(view, layout, at + field, value, little)
}
