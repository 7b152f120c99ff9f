/**
 * ELF64 files: sections, symbols, relocations. Nothing is copied, and everything is checked against the size of the
 * file.
 *
 * Source: System V ABI, chapter 4 ("Object Files"), as include/uapi/linux/elf.h has it.
 *
 * @module
 */

import { type ByteOrder, ByteReader } from '../base/bytes.ts'
import { ObjectFileError, type ObjectFileLocation } from '../base/errors.ts'
import {
  ELF_HEADER_SIZE,
  ELF_MAGIC,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  type ElfSymbolType,
  REL_SIZE,
  RELA_SIZE,
  SECTION_HEADER_SIZE,
  SHN_LORESERVE,
  SHN_XINDEX,
  SYMBOL_SIZE,
  sectionTypes,
  symbolBindings,
  symbolTypes,
  symbolVisibilities,
} from './format.ts'
import { completeLimits, type ObjectLimits } from './limits.ts'
import { StringTable } from './strings.ts'

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

const typeNames: Readonly<Record<number, ElfSymbol['type']>> = Object.fromEntries(
  Object.entries(symbolTypes).map(([name, number]) => [number, name as ElfSymbolType]),
)

/** A symbol. */
export interface ElfSymbol {
  readonly name: string
  /** Byte offset in its section. */
  readonly value: number
  readonly size: number
  readonly type: 'notype' | 'object' | 'func' | 'section' | 'file' | 'common' | 'tls' | 'ifunc' | 'other'
  readonly binding: 'local' | 'global' | 'weak' | 'other'
  readonly visibility: 'default' | 'internal' | 'hidden' | 'protected'
  /** Index of its section; 0 when it is not defined here; numbers from 0xff00 are no sections. */
  readonly section: number
}

/** A relocation of a place in a section. */
export interface ElfRelocation {
  /** Byte offset in the section. */
  readonly offset: number
  readonly type: number
  readonly symbol: ElfSymbol
}

/** A parsed ELF64 file. */
export class ElfFile {
  /** Name for error messages. */
  readonly file: string | undefined
  readonly byteOrder: ByteOrder
  /** `e_type`. */
  readonly type: number
  /** `e_machine`. */
  readonly machine: number
  /** All sections; the index is the section's number. */
  readonly sections: readonly ElfSection[]
  /** All symbols of the symbol table; the index is the symbol's number. */
  readonly symbols: readonly ElfSymbol[]
  /** @internal What bounds the memory and time of reading it. */
  readonly limits: Required<ObjectLimits>
  readonly #bytes: Uint8Array
  // Indexes, made when they are needed: files may have as many sections as bytes allow.
  #byName: Map<string, ElfSection> | undefined
  #relocationsOf: Map<number, ElfSection[]> | undefined
  #symbolsOf: Map<number, ElfSymbol[]> | undefined

  /**
   * Parses the headers, section table and symbol table.
   *
   * @param file name for error messages
   * @throws ObjectFileError when it is not ELF64, is truncated or inconsistent, or exceeds a limit
   */
  static parse(bytes: Uint8Array, file?: string, limits?: ObjectLimits): ElfFile {
    return new ElfFile(bytes, file, completeLimits(limits))
  }

  private constructor(bytes: Uint8Array, file: string | undefined, limits: Required<ObjectLimits>) {
    this.file = file
    this.limits = limits
    this.#bytes = bytes
    const where = file === undefined ? {} : { file }
    const ident = new ByteReader(bytes, 'little', where)
    if (bytes.length < ELF_MAGIC.length || ELF_MAGIC.some((byte, at) => ident.u8(at) !== byte)) {
      throw ident.error('Not an ELF file')
    }
    ident.need(0, ELF_HEADER_SIZE, 'ELF header')
    if (ident.u8(4) !== ELFCLASS64) throw ident.error('Not a 64-bit ELF file', 4)
    const data = ident.u8(5)
    if (data !== ELFDATA2LSB && data !== ELFDATA2MSB) throw ident.error(`Unknown ELF byte order ${data}`, 5)
    this.byteOrder = data === ELFDATA2LSB ? 'little' : 'big'

    const header = new ByteReader(bytes, this.byteOrder, where)
    this.type = header.u16(16)
    this.machine = header.u16(18)
    this.sections = readSections(header, where, limits)
    this.symbols = this.#readSymbols(sectionTypes.symtab)
  }

  /** Size of the file. */
  get fileSize(): number {
    return this.#bytes.length
  }

  /** The first section with a name. */
  section(name: string): ElfSection | undefined {
    // Backwards, so that the first one stays.
    this.#byName ??= new Map(
      this.sections
        .slice(1)
        .reverse()
        .map(each => [each.name, each]),
    )
    return this.#byName.get(name)
  }

  /** The symbols that are defined in a section, in the order of the table. */
  symbolsIn(section: ElfSection): readonly ElfSymbol[] {
    this.#symbolsOf ??= groupBy(this.symbols, each => each.section)
    return this.#symbolsOf.get(section.index) ?? []
  }

  /** The section that a symbol is defined in. */
  sectionOf(symbol: ElfSymbol): ElfSection | undefined {
    return symbol.section === 0 || symbol.section >= SHN_LORESERVE ? undefined : this.sections[symbol.section]
  }

  /** A section's bytes, without a copy; empty for `nobits`. */
  data(section: ElfSection): Uint8Array {
    if (section.type === sectionTypes.nobits) return new Uint8Array(0)
    return this.#bytes.subarray(section.offset, section.offset + section.size)
  }

  /**
   * Reads a section's bytes; errors name the section.
   *
   * @internal
   */
  reader(section: ElfSection): ByteReader {
    const where = { section: section.name, ...(this.file === undefined ? {} : { file: this.file }) }
    return new ByteReader(this.data(section), this.byteOrder, where)
  }

  /**
   * An error about a place in a section; about its start, when no other place is to blame.
   *
   * @internal
   */
  error(reason: string, section: Pick<ElfSection, 'name'>, offset = 0): ObjectFileError {
    return new ObjectFileError(reason, {
      section: section.name,
      offset,
      ...(this.file === undefined ? {} : { file: this.file }),
    })
  }

  /**
   * An error about a field of the file's header.
   *
   * @internal
   */
  headerError(reason: string, offset: number): ObjectFileError {
    return new ObjectFileError(reason, { offset, ...(this.file === undefined ? {} : { file: this.file }) })
  }

  /**
   * An error about a symbol of the symbol table.
   *
   * @internal
   */
  symbolError(reason: string, symbol: ElfSymbol): ObjectFileError {
    const table = this.sections.find(each => each.type === sectionTypes.symtab)
    return this.error(reason, table ?? { name: '.symtab' }, this.symbols.indexOf(symbol) * SYMBOL_SIZE)
  }

  /**
   * The relocations of a section, in the order of the file. Explicit addends (`rela`) are refused unless 0: compilers
   * for BPF keep addends in the instructions.
   *
   * @throws ObjectFileError when one is truncated or names a symbol that does not exist
   */
  relocations(target: ElfSection): ElfRelocation[] {
    const relocations: ElfRelocation[] = []
    this.#relocationsOf ??= groupBy(
      this.sections.filter(({ type }) => type === sectionTypes.rel || type === sectionTypes.rela),
      each => each.info,
    )
    for (const section of this.#relocationsOf.get(target.index) ?? []) {
      const explicit = section.type === sectionTypes.rela
      const reader = this.reader(section)
      const size = explicit ? RELA_SIZE : REL_SIZE
      if (reader.length % size !== 0) throw reader.error(`Relocations of ${reader.length} bytes`)
      for (let at = 0; at < reader.length; at += size) {
        const offset = reader.size(at)
        const info = reader.u64(at + 8)
        const symbol = this.symbols[Number(info >> 32n)]
        if (symbol === undefined)
          throw reader.error(`Relocation of symbol ${info >> 32n}, which does not exist`, at)
        if (explicit && reader.u64(at + 16) !== 0n)
          throw reader.error('Relocation with an explicit addend', at)
        if (offset >= target.size)
          throw reader.error(`Relocation of offset ${offset} in ${target.size} bytes`, at)
        relocations.push({ offset, type: Number(info & 0xffff_ffffn), symbol })
      }
    }
    return relocations
  }

  /**
   * The dynamic symbols: what the file shares with others, and needs of them. The index is the symbol's number.
   *
   * @throws ObjectFileError when the table is truncated or inconsistent
   */
  dynamicSymbols(): ElfSymbol[] {
    return this.#readSymbols(sectionTypes.dynsym)
  }

  #readSymbols(type: number): ElfSymbol[] {
    const table = this.sections.find(each => each.type === type)
    return table === undefined ? [] : this.#readTable(table)
  }

  #readTable(table: ElfSection): ElfSymbol[] {
    const names = this.sections[table.link]
    if (names?.type !== sectionTypes.strtab) throw this.error('Symbol table without a string table', table)
    const reader = this.reader(table)
    const strings = new StringTable(this.reader(names), this.limits)
    if (reader.length % SYMBOL_SIZE !== 0) throw reader.error(`Symbol table of ${reader.length} bytes`)
    const symbols: ElfSymbol[] = []
    for (let at = 0; at < reader.length; at += SYMBOL_SIZE) {
      const nameOffset = reader.u32(at)
      const info = reader.u8(at + 4)
      const section = reader.u16(at + 6)
      if (section === SHN_XINDEX) throw reader.error('Symbol in a section with an extended number', at)
      if (section < SHN_LORESERVE && section >= this.sections.length) {
        throw reader.error(`Symbol in section ${section} of ${this.sections.length}`, at)
      }
      symbols.push({
        name: nameOffset === 0 ? '' : strings.at(nameOffset),
        type: typeNames[info & 0x0f] ?? 'other',
        binding: symbolBindings[info >> 4] ?? 'other',
        visibility: symbolVisibilities[reader.u8(at + 5) & 0x03]!,
        section,
        value: reader.size(at + 8),
        size: reader.size(at + 16),
      })
    }
    return symbols
  }
}

function groupBy<T>(list: Iterable<T>, keyOf: (each: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>()
  for (const each of list) {
    const group = groups.get(keyOf(each))
    if (group === undefined) groups.set(keyOf(each), [each])
    else group.push(each)
  }
  return groups
}

function readSections(
  header: ByteReader,
  where: ObjectFileLocation,
  limits: Required<ObjectLimits>,
): ElfSection[] {
  const tableAt = header.size(40)
  const entrySize = header.u16(58)
  let count = header.u16(60)
  let namesIndex = header.u16(62)
  if (tableAt === 0) return []
  if (entrySize !== SECTION_HEADER_SIZE) throw header.error(`Section headers of ${entrySize} bytes`, 58)
  header.need(tableAt, SECTION_HEADER_SIZE, 'section table')
  if (count === 0) count = header.size(tableAt + 32)
  if (namesIndex === SHN_XINDEX) namesIndex = header.u32(tableAt + 40)
  header.need(tableAt, count * SECTION_HEADER_SIZE, 'section table')

  let used = 0
  const sections = Array.from({ length: count }, (_, index) => {
    const at = tableAt + index * SECTION_HEADER_SIZE
    const section = {
      index,
      name: '',
      type: header.u32(at + 4),
      flags: Number(header.u64(at + 8) & 0xffff_ffffn),
      address: Number(header.u64(at + 16)),
      offset: header.size(at + 24),
      size: header.size(at + 32),
      link: header.u32(at + 40),
      info: header.u32(at + 44),
    }
    // Section 0 is not a section, and may hold the numbers that do not fit the file's header.
    if (index > 0 && section.type !== sectionTypes.nobits) {
      header.need(section.offset, section.size, `section ${index}`)
      used += section.size
      if (used > header.length * limits.maxOverlap) throw header.error('Sections overlap too often', at)
    }
    return section
  })
  const names = sections[namesIndex]
  if (names?.type !== sectionTypes.strtab)
    throw header.error(`Section ${namesIndex} holds no section names`, 62)
  const strings = new StringTable(
    new ByteReader(header.slice(names.offset, names.size), header.byteOrder, {
      ...where,
      section: '.shstrtab',
    }),
    limits,
  )
  for (const section of sections.slice(1)) {
    section.name = strings.at(header.u32(tableAt + section.index * SECTION_HEADER_SIZE))
  }
  return sections
}
