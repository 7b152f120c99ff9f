/**
 * ELF files: sections, symbols, relocations, segments. Nothing is read before it is needed, nothing in memory is copied,
 * and everything is checked against the size of the file.
 *
 * Source: System V ABI, chapters 4 and 5, as include/uapi/linux/elf.h has it.
 *
 * @module
 */

import { type ByteOrder, ByteReader } from '../base/bytes.ts'
import { ObjectFileError, type ObjectFileLocation } from '../base/errors.ts'
import { REL_SIZE, RELA_SIZE, SHN_LORESERVE, sectionTypes } from './format.ts'
import {
  type ElfHeader,
  type ElfSection,
  type ElfSegment,
  readHeader,
  readSections,
  readSegments,
} from './headers.ts'
import type { ElfLayout } from './layout.ts'
import { completeLimits, type ObjectLimits } from './limits.ts'
import { type ByteSource, memorySource, SourceReader } from './source.ts'
import { StringTable } from './strings.ts'
import { type ElfSymbol, SymbolTable } from './symbol-table.ts'

/** A relocation of a place in a section. */
export interface ElfRelocation {
  /** Byte offset in the section. */
  readonly offset: number
  readonly type: number
  readonly symbol: ElfSymbol
}

/** An ELF file of 32 or 64 bits. */
export class ElfFile {
  /** Name for error messages. */
  readonly file: string | undefined
  /** Bits of addresses, by the file's class. */
  readonly bits: 32 | 64
  readonly byteOrder: ByteOrder
  /** `e_type`. */
  readonly type: number
  /** `e_machine`. */
  readonly machine: number
  /** All sections; the index is the section's number. */
  readonly sections: readonly ElfSection[]
  /** @internal What bounds the memory and time of reading it. */
  readonly limits: Required<ObjectLimits>
  readonly #source: ByteSource
  readonly #header: ElfHeader
  readonly #where: ObjectFileLocation
  readonly #symbolTables = new Map<'symtab' | 'dynsym', SymbolTable>()
  #symbols: readonly ElfSymbol[] | undefined
  #segments: readonly ElfSegment[] | undefined
  // Indexes, made when they are needed: files may have as many sections as bytes allow.
  #byName: Map<string, ElfSection> | undefined
  #relocationsOf: Map<number, ElfSection[]> | undefined
  #symbolsOf: Map<number, ElfSymbol[]> | undefined

  /**
   * Reads the headers of a file in memory.
   *
   * @param file name for error messages
   * @throws ObjectFileError when it is not ELF, is truncated or inconsistent, or exceeds a limit
   */
  static parse(bytes: Uint8Array, file?: string, limits?: ObjectLimits): ElfFile {
    return new ElfFile(memorySource(bytes), file, completeLimits(limits))
  }

  /**
   * Reads the headers of a file piece by piece; its symbols and sections are read from the source when they are asked
   * for. Throws as `parse` does.
   *
   * @param file name for error messages
   */
  static from(source: ByteSource, file?: string, limits?: ObjectLimits): ElfFile {
    return new ElfFile(source, file, completeLimits(limits))
  }

  private constructor(source: ByteSource, file: string | undefined, limits: Required<ObjectLimits>) {
    this.file = file
    this.limits = limits
    this.#source = source
    this.#where = file === undefined ? {} : { file }
    this.#header = readHeader(source, this.#where)
    const { layout, byteOrder, type, machine } = this.#header
    this.bits = layout.bits
    this.byteOrder = byteOrder
    this.type = type
    this.machine = machine
    this.sections = readSections(source, this.#header, this.#where, limits)
  }

  /**
   * Address of the first instruction of a program.
   *
   * @internal
   */
  get entry(): number {
    return this.#header.entry
  }

  /**
   * Where fields of symbols lie.
   *
   * @internal
   */
  get layout(): ElfLayout {
    return this.#header.layout
  }

  /**
   * Bytes of the file, wherever they are; fewer where it ends before. `into` is as `ByteSource.read` has it.
   *
   * @internal
   */
  bytes(offset: number, length: number, into?: Uint8Array): Uint8Array {
    const within = Math.max(0, Math.min(length, this.#source.size - offset))
    return this.#source.read(offset, within, into)
  }

  /**
   * A part of the file for reading numbers. Throws as `SourceReader.part` does.
   *
   * @param what names it in the error
   *
   * @internal
   */
  part(offset: number, length: number, what: string): ByteReader {
    return new SourceReader(this.#source, this.byteOrder, this.#where).part(offset, length, what)
  }

  /** Size of the file. */
  get fileSize(): number {
    return this.#source.size
  }

  /**
   * All symbols of the symbol table; the index is the symbol's number.
   *
   * @throws ObjectFileError when the table is truncated or inconsistent
   */
  get symbols(): readonly ElfSymbol[] {
    this.#symbols ??= this.symbolTable('symtab')?.all() ?? []
    return this.#symbols
  }

  /**
   * The parts of the file that are mapped into memory, and what describes them.
   *
   * @throws ObjectFileError when their headers are truncated
   */
  get segments(): readonly ElfSegment[] {
    this.#segments ??= readSegments(this.#source, this.#header, this.sections[0], this.#where)
    return this.#segments
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

  /** A section's bytes, of a file in memory without a copy; empty for `nobits`. */
  data(section: ElfSection): Uint8Array {
    if (section.type === sectionTypes.nobits) return new Uint8Array(0)
    return this.#source.read(section.offset, section.size)
  }

  /**
   * Reads a section's bytes; errors name the section.
   *
   * @internal
   */
  reader(section: ElfSection): ByteReader {
    return new ByteReader(this.data(section), this.byteOrder, { ...this.#where, section: section.name })
  }

  /**
   * An error about a place in a section; about its start, when no other place is to blame.
   *
   * @internal
   */
  error(reason: string, section: Pick<ElfSection, 'name'>, offset = 0): ObjectFileError {
    return new ObjectFileError(reason, { ...this.#where, section: section.name, offset })
  }

  /**
   * An error about a field of the file's header.
   *
   * @internal
   */
  headerError(reason: string, offset: number): ObjectFileError {
    return new ObjectFileError(reason, { ...this.#where, offset })
  }

  /**
   * An error about a symbol of the symbol table.
   *
   * @internal
   */
  symbolError(reason: string, symbol: ElfSymbol): ObjectFileError {
    const table = this.sections.find(each => each.type === sectionTypes.symtab)
    return this.error(
      reason,
      table ?? { name: '.symtab' },
      this.symbols.indexOf(symbol) * this.#header.layout.symbol.size,
    )
  }

  /**
   * The relocations of a section, in the order of the file. Explicit addends (`rela`) are refused unless 0: compilers
   * for BPF keep addends in the instructions.
   *
   * @throws ObjectFileError when one is truncated or names a symbol that does not exist, and for files of 32 bits
   */
  relocations(target: ElfSection): ElfRelocation[] {
    if (this.bits !== 64) throw this.headerError('Relocations are read from 64-bit files only', 4)
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
    return this.symbolTable('dynsym')?.all() ?? []
  }

  /**
   * A table whose symbols are decoded one by one; it is read once. `undefined` when the file does not have it. Throws as `symbols` does.
   *
   * @internal
   */
  symbolTable(type: 'symtab' | 'dynsym'): SymbolTable | undefined {
    const known = this.#symbolTables.get(type)
    if (known !== undefined) return known
    const table = this.sections.find(each => each.type === sectionTypes[type])
    if (table === undefined) return undefined
    const names = this.sections[table.link]
    if (names?.type !== sectionTypes.strtab) throw this.error('Symbol table without a string table', table)
    const strings = new StringTable(this.reader(names), this.limits)
    const made = new SymbolTable(this.reader(table), strings, this.#header.layout, this.sections.length)
    this.#symbolTables.set(type, made)
    return made
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
