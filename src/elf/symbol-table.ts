/**
 * Tables of symbols.
 *
 * Source: System V ABI, chapter 4, "Symbol Table".
 *
 * @module
 */

import type { ByteReader } from '../base/bytes.ts'
import {
  type ElfSymbolType,
  SHN_LORESERVE,
  SHN_XINDEX,
  symbolBindings,
  symbolTypes,
  symbolVisibilities,
} from './format.ts'
import { type ElfLayout, readWord } from './layout.ts'
import type { StringTable } from './strings.ts'

const typeNames: Readonly<Record<number, ElfSymbol['type']>> = Object.fromEntries(
  Object.entries(symbolTypes).map(([name, number]) => [number, name as ElfSymbolType]),
)

/** A symbol. */
export interface ElfSymbol {
  readonly name: string
  /** Byte offset in its section; in programs and libraries its address. */
  readonly value: number
  readonly size: number
  readonly type: 'notype' | 'object' | 'func' | 'section' | 'file' | 'common' | 'tls' | 'ifunc' | 'other'
  readonly binding: 'local' | 'global' | 'weak' | 'other'
  readonly visibility: 'default' | 'internal' | 'hidden' | 'protected'
  /** Index of its section; 0 when it is not defined here; numbers from 0xff00 are no sections. */
  readonly section: number
}

/** The symbols of a table, each decoded when it is asked for: programs have hundreds of thousands. */
export class SymbolTable {
  /** Number of symbols; the first one is empty. */
  readonly length: number
  readonly #reader: ByteReader
  readonly #strings: StringTable
  readonly #layout: ElfLayout
  readonly #sections: number

  /**
   * @param sections number of sections
   * @throws ObjectFileError when the last symbol is cut off
   */
  constructor(reader: ByteReader, strings: StringTable, layout: ElfLayout, sections: number) {
    if (reader.length % layout.symbol.size !== 0) {
      throw reader.error(`Symbol table of ${reader.length} bytes`)
    }
    this.length = reader.length / layout.symbol.size
    this.#reader = reader
    this.#strings = strings
    this.#layout = layout
    this.#sections = sections
  }

  /** Whether a symbol is one of a function, defined here or elsewhere. */
  isFunction(index: number): boolean {
    const { size, info } = this.#layout.symbol
    const type = this.#reader.u8(index * size + info) & 0x0f
    return type === symbolTypes.func || type === symbolTypes.ifunc
  }

  /** Whether a symbol has one of some names, without or with a version. */
  isNamed(index: number, names: readonly Uint8Array[]): boolean {
    const offset = this.#reader.u32(index * this.#layout.symbol.size)
    return names.some(name => this.#strings.isName(offset, name))
  }

  /**
   * The symbol with a number.
   *
   * @throws ObjectFileError when it is inconsistent
   */
  at(index: number): ElfSymbol {
    const reader = this.#reader
    const layout = this.#layout
    const fields = layout.symbol
    const at = index * fields.size
    const nameOffset = reader.u32(at)
    const info = reader.u8(at + fields.info)
    const section = reader.u16(at + fields.section)
    if (section === SHN_XINDEX) throw reader.error('Symbol in a section with an extended number', at)
    if (section < SHN_LORESERVE && section >= this.#sections) {
      throw reader.error(`Symbol in section ${section} of ${this.#sections}`, at)
    }
    return {
      name: nameOffset === 0 ? '' : this.#strings.at(nameOffset),
      type: typeNames[info & 0x0f] ?? 'other',
      binding: symbolBindings[info >> 4] ?? 'other',
      visibility: symbolVisibilities[reader.u8(at + fields.other) & 0x03]!,
      section,
      value: readWord(reader, layout, at + fields.value),
      size: readWord(reader, layout, at + fields.bytes),
    }
  }

  /** All symbols; the index is the symbol's number. */
  all(): ElfSymbol[] {
    return Array.from({ length: this.length }, (_, index) => this.at(index))
  }
}
