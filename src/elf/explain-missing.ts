/**
 * Why a program or library has no function of a name.
 *
 * @module
 */

import { suggestion } from '../base/nearest.ts'
import type { ElfFile } from './file.ts'
import { DT_NEEDED, sectionTypes } from './format.ts'
import { functionSymbols, splitVersion } from './functions.ts'
import type { ElfSection } from './headers.ts'
import { StringTable } from './strings.ts'
import type { ElfSymbol } from './symbol-table.ts'

/**
 * What the file says of a name that is not the one of a function in it.
 *
 * @param found a function with this name that does not lie in the file
 */
export function explainMissing(elf: ElfFile, name: string, found: ElfSymbol | undefined): string {
  if (found?.type === 'ifunc') {
    return `${name} is an indirect function: what is called is chosen when the program starts; give the offset of that`
  }
  const missing = `Function ${name} not found`
  if (found !== undefined) {
    return elf.segments.length === 0
      ? `${missing}: the file is not a program or library, none of it is mapped into memory`
      : `${missing}: no part of the file that may be executed lies at its address`
  }
  const symbol = anySymbol(elf, splitVersion(name)[0])
  if (symbol?.section === 0) {
    const libraries = neededLibraries(elf)
    const where = libraries.length === 0 ? 'it is defined elsewhere' : `look in ${libraries.join(', ')}`
    return `${missing}: the file imports it; ${where}`
  }
  if (symbol !== undefined && symbol.type !== 'func') return `${missing}: ${name} is not a function`
  const similar = similarFunction(elf, name)
  if (similar !== '') return missing + similar
  const without = missingSymbols(elf)
  return without === undefined ? missing : `${missing}: ${without}; give an offset`
}

/** A function whose name is like one that is not there, as the end of a message. */
function similarFunction(elf: ElfFile, name: string): string {
  const [plain] = splitVersion(name)
  return suggestion(plain, otherNames(elf, plain))
}

/** Names of functions one by one: there may be millions. */
function* otherNames(elf: ElfFile, than: string): Generator<string> {
  for (const { name } of functionSymbols(elf)) if (name !== than) yield name
}

/** Says that functions of a file have no names; `undefined` when the file has its symbol table. */
export function missingSymbols(elf: ElfFile): string | undefined {
  if (elf.sections.length === 0) return 'the file has no section headers, so that its symbols cannot be found'
  const has = (type: number): boolean => elf.sections.some(each => each.type === type)
  if (has(sectionTypes.symtab)) return undefined
  return has(sectionTypes.dynsym)
    ? 'the file is stripped, it has only the symbols that it shares with others'
    : 'the file is stripped, it has no symbols'
}

/** A symbol of any kind with a name, rather one that is defined here. */
function anySymbol(elf: ElfFile, name: string): ElfSymbol | undefined {
  if (name === '') return undefined
  let imported: ElfSymbol | undefined
  for (const type of ['dynsym', 'symtab'] as const) {
    const table = elf.symbolTable(type)
    for (let index = 0; table !== undefined && index < table.length; index++) {
      const symbol = table.at(index)
      if (splitVersion(symbol.name)[0] !== name) continue
      if (symbol.section !== 0) return symbol
      imported ??= symbol
    }
  }
  return imported
}

/** Names of the libraries that are loaded with the file, in this order. */
function neededLibraries(elf: ElfFile): string[] {
  const dynamic = elf.sections.find(each => each.type === sectionTypes.dynamic)
  const strings = dynamic === undefined ? undefined : elf.sections[dynamic.link]
  if (dynamic === undefined || strings?.type !== sectionTypes.strtab) return []
  const text = new StringTable(elf.reader(strings), elf.limits)
  return entries(elf, dynamic)
    .filter(({ tag }) => tag === DT_NEEDED)
    .map(({ value }) => text.at(value))
}

function entries(elf: ElfFile, section: ElfSection): { tag: number; value: number }[] {
  const reader = elf.reader(section)
  const word = elf.bits / 8
  const read = (at: number): number => (word === 8 ? Number(reader.u64(at)) : reader.u32(at))
  return Array.from({ length: Math.floor(reader.length / (2 * word)) }, (_, index) => ({
    tag: read(2 * word * index),
    value: read(2 * word * index + word),
  }))
}
