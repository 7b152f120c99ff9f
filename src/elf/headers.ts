/**
 * The headers of an ELF file: its own, those of its sections and of its segments. Everything is checked against the size
 * of the file.
 *
 * @module
 */

import { type ByteOrder, ByteReader } from '../base/bytes.ts'
import type { ObjectFileLocation } from '../base/errors.ts'
import {
  ELF_MAGIC,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  IDENT_SIZE,
  PN_XNUM,
  SHN_XINDEX,
  sectionTypes,
} from './format.ts'
import { type ElfLayout, layoutOf, readAddress, readWord } from './layout.ts'
import type { ObjectLimits } from './limits.ts'
import { describeFormat } from './other-formats.ts'
import { type ByteSource, SourceReader } from './source.ts'
import { StringTable } from './strings.ts'

/** Sections, and segments, of a file: a sparse file has room for any number that its header claims. */
const MAX_HEADERS = 1 << 20

/** A section. */
export interface ElfSection {
  readonly index: number
  readonly name: string
  /** `sh_type`, one of `sectionTypes` or another number. */
  readonly type: number
  readonly flags: number
  /** Where it lies in memory; 0 in objects that are not linked. */
  readonly address: number
  /** Where it lies in the file. */
  readonly offset: number
  /** Bytes; those of a `nobits` section are not in the file. */
  readonly size: number
  readonly link: number
  readonly info: number
}

/** A part of the file that is mapped into memory, or describes that. */
export interface ElfSegment {
  /** `p_type`. */
  readonly type: number
  /** `PF_*`. */
  readonly flags: number
  /** Where it lies in the file. */
  readonly offset: number
  /** Where it lies in memory; of a library, from where that is loaded. */
  readonly address: number
  /** Bytes in the file. */
  readonly fileSize: number
  /** Bytes in memory. */
  readonly memorySize: number
}

/** What the file's header says. */
export interface ElfHeader {
  readonly layout: ElfLayout
  readonly byteOrder: ByteOrder
  /** `e_type`. */
  readonly type: number
  /** `e_machine`. */
  readonly machine: number
  /** `e_entry`. */
  readonly entry: number
  /** Where the headers of sections begin, how large each is, how many there are, which one holds their names. */
  readonly sections: {
    readonly at: number
    readonly size: number
    readonly count: number
    readonly names: number
  }
  /** Where the headers of segments begin, how large each is, and how many there are. */
  readonly segments: { readonly at: number; readonly size: number; readonly count: number }
  /** The header's bytes, for errors about its fields. */
  readonly reader: ByteReader
}

/**
 * Reads the file's header.
 *
 * @throws ObjectFileError when it is not that of an ELF file, or truncated
 */
export function readHeader(source: ByteSource, where: ObjectFileLocation): ElfHeader {
  const start = source.read(0, Math.min(IDENT_SIZE, source.size))
  const ident = new ByteReader(start, 'little', where)
  if (ident.length < ELF_MAGIC.length || ELF_MAGIC.some((byte, at) => ident.u8(at) !== byte)) {
    throw ident.error(`Not an ELF file${describeFormat(start)}`)
  }
  const elfClass = ident.length > 4 ? ident.u8(4) : ELFCLASS64
  const layout = layoutOf(elfClass)
  if (layout === undefined) throw ident.error(`Unknown ELF class ${elfClass}`, 4)
  const { size } = layout.header
  new SourceReader(source, 'little', where).need(0, size, 'ELF header')
  const data = ident.u8(5)
  if (data !== ELFDATA2LSB && data !== ELFDATA2MSB) throw ident.error(`Unknown ELF byte order ${data}`, 5)
  const byteOrder = data === ELFDATA2LSB ? 'little' : 'big'
  const reader = new ByteReader(source.read(0, size), byteOrder, where)
  // Sizes of headers: of the file, of a segment, of a section; counts of segments and sections; the section of names.
  const count = (index: number): number => reader.u16(layout.header.counts + 2 * index)
  return {
    layout,
    byteOrder,
    type: reader.u16(16),
    machine: reader.u16(18),
    entry: readAddress(reader, layout, layout.header.entry),
    sections: {
      at: readWord(reader, layout, layout.header.sections),
      size: count(3),
      count: count(4),
      names: count(5),
    },
    segments: { at: readWord(reader, layout, layout.header.segments), size: count(1), count: count(2) },
    reader,
  }
}

/**
 * Reads the headers of sections, and the names.
 *
 * @throws ObjectFileError when they are truncated or inconsistent, or exceed a limit
 */
export function readSections(
  source: ByteSource,
  header: ElfHeader,
  where: ObjectFileLocation,
  limits: Required<ObjectLimits>,
): ElfSection[] {
  const { layout, byteOrder, reader } = header
  const { at: tableAt, size: entrySize } = header.sections
  let { count, names: namesIndex } = header.sections
  if (tableAt === 0) return []
  if (entrySize !== layout.section.size) {
    throw reader.error(`Section headers of ${entrySize} bytes`, layout.header.counts + 6)
  }
  const file = new SourceReader(source, byteOrder, where)
  const first = file.part(tableAt, entrySize, 'section table')
  if (count === 0) count = readWord(first, layout, layout.section.bytes)
  if (namesIndex === SHN_XINDEX) namesIndex = first.u32(layout.section.link)
  const table = headers(file, { at: tableAt, size: entrySize, count }, 'section')

  let used = 0
  const fields = layout.section
  const sections = Array.from({ length: count }, (_, index) => {
    const at = index * entrySize
    const section = {
      index,
      name: '',
      type: table.u32(at + 4),
      // Those of 64-bit files have more bits, which nothing uses.
      flags:
        layout.bits === 64
          ? Number(table.u64(at + fields.flags) & 0xffff_ffffn)
          : table.u32(at + fields.flags),
      address: readAddress(table, layout, at + fields.address),
      offset: readWord(table, layout, at + fields.offset),
      size: readWord(table, layout, at + fields.bytes),
      link: table.u32(at + fields.link),
      info: table.u32(at + fields.info),
    }
    // Section 0 is not a section, and may hold the numbers that do not fit the file's header.
    if (index > 0 && section.type !== sectionTypes.nobits) {
      file.need(section.offset, section.size, `section ${index}`)
      used += section.size
      if (used > source.size * limits.maxOverlap) throw table.error('Sections overlap too often', at)
    }
    return section
  })
  const names = sections[namesIndex]
  if (names?.type !== sectionTypes.strtab) {
    throw reader.error(`Section ${namesIndex} holds no section names`, layout.header.counts + 10)
  }
  const strings = new StringTable(
    new ByteReader(source.read(names.offset, names.size), byteOrder, { ...where, section: '.shstrtab' }),
    limits,
  )
  for (const section of sections.slice(1)) section.name = strings.at(table.u32(section.index * entrySize))
  return sections
}

/**
 * Reads the headers of segments.
 *
 * @param first section 0, which counts them when they are too many for the file's header
 * @throws ObjectFileError when they are truncated, or more than a million
 */
export function readSegments(
  source: ByteSource,
  header: ElfHeader,
  first: ElfSection | undefined,
  where: ObjectFileLocation,
): ElfSegment[] {
  const { layout, byteOrder, reader } = header
  const { at: tableAt, size: entrySize } = header.segments
  const count = header.segments.count === PN_XNUM && first !== undefined ? first.info : header.segments.count
  if (tableAt === 0 || count === 0) return []
  if (entrySize !== layout.segment.size) {
    throw reader.error(`Segment headers of ${entrySize} bytes`, layout.header.counts + 2)
  }
  const file = new SourceReader(source, byteOrder, where)
  const table = headers(file, { at: tableAt, size: entrySize, count }, 'segment')
  return Array.from({ length: count }, (_, index) => {
    const at = index * entrySize
    const fields = layout.segment
    return {
      type: table.u32(at),
      flags: table.u32(at + fields.flags),
      offset: readWord(table, layout, at + fields.offset),
      address: readAddress(table, layout, at + fields.address),
      fileSize: readWord(table, layout, at + fields.fileSize),
      memorySize: readAddress(table, layout, at + fields.memorySize),
    }
  })
}

/** The bytes of all headers of a kind. */
function headers(
  file: SourceReader,
  { at, size, count }: ElfHeader['segments'],
  what: 'section' | 'segment',
): ByteReader {
  file.need(at, count * size, `${what} table`)
  const table = file.part(at, count > MAX_HEADERS ? 0 : count * size, `${what} table`)
  if (count > MAX_HEADERS) throw table.error(`${count} ${what}s are more than the limit of ${MAX_HEADERS}`)
  return table
}
