/**
 * Versions of dynamic symbols.
 *
 * Source: Linux Standard Base Core Specification, "Symbol Versioning".
 *
 * @module
 */

import type { ElfFile } from './file.ts'
import { sectionTypes } from './format.ts'
import { StringTable } from './strings.ts'

/** `vs_index` bit: only for programs that ask for this version. */
const HIDDEN = 0x8000
/** Index of symbols without a version of their own: local, and global. */
const NO_VERSION = 1
const DEFINITION_SIZE = 20

/** The version of a dynamic symbol. */
export interface SymbolVersion {
  version: string | undefined
  hidden: boolean
}

/** Reads the version tables of a file; the result gives the version of the dynamic symbol with an index. */
export function readVersions(elf: ElfFile): (index: number) => SymbolVersion {
  const table = elf.sections.find(each => each.type === sectionTypes.versions)
  if (table === undefined) return () => ({ version: undefined, hidden: false })
  const names = versionNames(elf)
  const reader = elf.reader(table)
  return index => {
    const value = reader.u16(index * 2)
    const number = value & ~HIDDEN
    return { version: number <= NO_VERSION ? undefined : names.get(number), hidden: (value & HIDDEN) !== 0 }
  }
}

function versionNames(elf: ElfFile): Map<number, string> {
  const names = new Map<number, string>()
  const section = elf.sections.find(each => each.type === sectionTypes.versionDefinitions)
  const strings = section === undefined ? undefined : elf.sections[section.link]
  if (section === undefined || strings === undefined) return names
  const reader = elf.reader(section)
  const text = new StringTable(elf.reader(strings), elf.limits)
  // Each definition says how far the next is; the distance is at least its own size.
  for (let at = 0; ; ) {
    const index = reader.u16(at + 4)
    const name = text.at(reader.u32(at + reader.u32(at + 12)))
    names.set(index, name)
    const next = reader.u32(at + 16)
    if (next < DEFINITION_SIZE) return names
    at += next
  }
}
