/**
 * Programs and libraries with the symbols that a test gives them.
 *
 * @module
 */

import { ElfFile } from '../../../src/elf/file.ts'
import { EM_X86_64, ET_EXEC, PF_R, PF_X, sectionTypes } from '../../../src/elf/format.ts'
import { functionOffset } from '../../../src/elf/symbol-offset.ts'
import {
  firstSectionOffset,
  type SectionSource,
  type SegmentSource,
  StringTableBuilder,
  type SymbolSource,
  symbolTable,
  writeElf,
} from '../../../src/elf/write.ts'
import { versionDefinitions } from './files.ts'

/** The only code section of the files here is their first. */
export const TEXT = 1
export const TEXT_SIZE = 0x100
export const TEXT_OFFSET = firstSectionOffset(1)
export const BASE = 0x40_0000
/** The code, mapped as far behind the base as it lies in the file. */
export const CODE: SegmentSource = {
  flags: PF_R | PF_X,
  address: BASE + TEXT_OFFSET,
  first: '.text',
  last: '.text',
}

/** A function some bytes behind the start of the code. */
export const at = (name: string, offset: number, more: Partial<SymbolSource> = {}): SymbolSource => ({
  name,
  value: BASE + TEXT_OFFSET + offset,
  section: TEXT,
  ...more,
})

/** A symbol table, dynamic symbols, and for these the entries of `.gnu.version` and the names of versions 2, 3... */
export interface Tables {
  symbols?: readonly SymbolSource[]
  dynamic?: readonly SymbolSource[]
  versions?: readonly number[]
  definitions?: readonly string[]
}

export function sectionsOf({ symbols, dynamic, versions, definitions = [] }: Tables): SectionSource[] {
  const sections: SectionSource[] = [
    { name: '.text', type: sectionTypes.progbits, base: BASE, data: new Uint8Array(TEXT_SIZE) },
  ]
  if (symbols !== undefined) {
    const strings = new StringTableBuilder()
    const data = symbolTable(symbols, strings)
    sections.push({ name: '.symtab', type: sectionTypes.symtab, link: '.strtab', data })
    sections.push({ name: '.strtab', type: sectionTypes.strtab, data: strings.build() })
  }
  if (dynamic !== undefined) {
    const strings = new StringTableBuilder()
    const data = symbolTable(dynamic, strings)
    sections.push({ name: '.dynsym', type: sectionTypes.dynsym, link: '.dynstr', data })
    if (versions !== undefined) {
      const numbers = new Uint8Array(Uint16Array.of(0, ...versions).buffer)
      sections.push({ name: '.gnu.version', type: sectionTypes.versions, link: '.dynsym', data: numbers })
      sections.push({
        name: '.gnu.version_d',
        type: sectionTypes.versionDefinitions,
        link: '.dynstr',
        data: versionDefinitions(definitions, strings),
      })
    }
    sections.push({ name: '.dynstr', type: sectionTypes.strtab, data: strings.build() })
  }
  return sections
}

export const parse = (sections: readonly SectionSource[], segments = [CODE]): ElfFile =>
  ElfFile.parse(writeElf({ sections, segments, type: ET_EXEC, machine: EM_X86_64 }), 'lib.so')
export const file = (tables: Tables): ElfFile => parse(sectionsOf(tables))
/** Offset of a function from the start of the code. */
export const find = (elf: ElfFile, name: string): number => functionOffset(elf, name) - TEXT_OFFSET
export const none = (name: string, why = '') => ({
  code: 'ENOENT',
  message: `Function ${name} not found${why} (lib.so)`,
})
export const STRIPPED =
  ': the file is stripped, it has only the symbols that it shares with others; give an offset'
export const NOT_MAPPED = ': no part of the file that may be executed lies at its address'
