/**
 * Where the functions of a program or library lie in its file, as uprobes want it.
 *
 * Source: libbpf elf.c `elf_find_func_offset`, `symbol_match`; Linux Standard Base, symbol versioning.
 *
 * @module
 */

import { ObjectFileError } from '../base/errors.ts'
import { suggestion } from '../base/nearest.ts'
import type { ElfFile, ElfSymbol } from './file.ts'
import { sectionTypes } from './format.ts'
import { functionSymbols, splitVersion, type VersionedSymbol } from './functions.ts'

/**
 * Offset in the file of a function.
 *
 * What a name means if several functions have it: a dynamic symbol rather than one that only the symbol table has, the
 * default version rather than hidden ones, a strong symbol rather than a weak one.
 *
 * @param name plain, or with a version: `'pthread_create@GLIBC_2.34'`
 * @throws ObjectFileError when it is missing, when several lie at different places, or it is an indirect function
 */
export function functionOffset(elf: ElfFile, name: string): number {
  return functionOffsets(elf, [name])[0]!
}

/** Offsets in the file of functions, in the order of the names, which mean what they mean to `functionOffset`. */
export function functionOffsets(elf: ElfFile, names: readonly string[]): number[] {
  const candidates = new Map<string, VersionedSymbol[]>()
  for (const name of names) candidates.set(splitVersion(name)[0], [])
  for (const each of functionSymbols(elf)) candidates.get(each.name)?.push(each)
  return names.map(name => choose(elf, name, candidates.get(splitVersion(name)[0])!))
}

/**
 * The functions whose name matches: offset in the file to name, which has a version where it is not the default.
 * Functions at the same place are one; functions with the same name at different places are several.
 *
 * @param matches predicate on the name without version
 */
export function matchingFunctions(elf: ElfFile, matches: (name: string) => boolean): Map<number, string> {
  const functions = new Map<number, string>()
  for (const { name, version, hidden, symbol } of functionSymbols(elf)) {
    if (!matches(name)) continue
    const offset = fileOffset(elf, symbol)
    if (offset === undefined || functions.has(offset)) continue
    functions.set(offset, hidden && version !== undefined ? `${name}@${version}` : name)
  }
  return functions
}

function choose(elf: ElfFile, name: string, candidates: readonly VersionedSymbol[]): number {
  const where = elf.file === undefined ? {} : { file: elf.file }
  const version = splitVersion(name)[1]
  const matching = candidates.filter(each => version === undefined || each.version === version)
  const table = preferred(matching, each => each.dynamic)
  const visible = version === undefined ? preferred(table, each => !each.hidden) : table
  const strong = preferred(visible, ({ symbol }) => symbol.binding !== 'weak')
  const offsets = new Set(
    strong.map(({ symbol }) => fileOffset(elf, symbol)).filter(each => each !== undefined),
  )
  const [offset] = offsets
  if (offset === undefined) {
    const reason = strong.some(({ symbol }) => symbol.type === 'ifunc')
      ? `${name} is an indirect function: what is called is chosen when the program starts; give the offset of that`
      : `Function ${name} not found${similarFunction(elf, name)}`
    throw new ObjectFileError(reason, where)
  }
  if (offsets.size > 1) {
    const several = `There are ${offsets.size} functions ${name}; give a version or an offset`
    throw new ObjectFileError(several, where)
  }
  return offset
}

/** A function whose name is like one that is not there, as the end of a message. */
function similarFunction(elf: ElfFile, name: string): string {
  const [plain] = splitVersion(name)
  const others = Array.from(functionSymbols(elf), each => each.name).filter(each => each !== plain)
  return suggestion(plain, others)
}

/** Those that a predicate holds for; all when it holds for none. */
function preferred<T>(list: readonly T[], predicate: (each: T) => boolean): readonly T[] {
  const some = list.filter(predicate)
  return some.length > 0 ? some : list
}

/** Symbols have addresses in memory; their section says how far these are from the file. */
function fileOffset(elf: ElfFile, symbol: ElfSymbol): number | undefined {
  const section = elf.sectionOf(symbol)
  if (symbol.type !== 'func' || section === undefined || section.type === sectionTypes.nobits)
    return undefined
  const inSection = symbol.value - section.address
  return inSection >= 0 && inSection < section.size ? inSection + section.offset : undefined
}
