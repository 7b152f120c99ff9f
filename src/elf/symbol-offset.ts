/**
 * Where the functions of a program or library lie in its file, as uprobes want it.
 *
 * A symbol has an address. What of the file lies there is said by the headers of segments, by which the kernel maps it;
 * those of sections need not be there, nor say the same.
 *
 * Source: libbpf elf.c `elf_find_func_offset`, `symbol_match`; kernel/events/uprobes.c `offset_to_vaddr`; Linux Standard
 * Base, symbol versioning.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import { explainMissing } from './explain-missing.ts'
import type { ElfFile } from './file.ts'
import { EM_ARM, PF_X, PT_LOAD, SHN_LORESERVE } from './format.ts'
import { functionSymbols, functionsNamed, splitVersion, type VersionedSymbol } from './functions.ts'
import type { ElfSymbol } from './symbol-table.ts'

/**
 * Offset in the file of a function.
 *
 * What a name means if several functions have it: a dynamic symbol rather than one that only the symbol table has, the
 * default version rather than hidden ones, a strong symbol rather than a weak one.
 *
 * @param name plain, or with a version: `'pthread_create@GLIBC_2.34'`
 * @throws BpfError `ENOENT` when it is missing, with what is known of the name, or is an indirect function; `ERR_AMBIGUOUS`
 *   when several lie at different places
 */
export function functionOffset(elf: ElfFile, name: string): number {
  return functionOffsets(elf, [name])[0]!
}

/** Offsets in the file of functions, in the order of the names, which mean what they mean to `functionOffset`. */
export function functionOffsets(elf: ElfFile, names: readonly string[]): number[] {
  const candidates = new Map<string, VersionedSymbol[]>()
  for (const name of names) candidates.set(splitVersion(name)[0], [])
  for (const each of functionsNamed(elf, candidates.keys())) candidates.get(each.name)?.push(each)
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
  const where = elf.file === undefined ? '' : ` (${elf.file})`
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
    const found = strong.find(({ symbol }) => symbol.type === 'ifunc') ?? strong[0]
    throw new BpfError(`${explainMissing(elf, name, found?.symbol)}${where}`, { code: 'ENOENT' })
  }
  if (offsets.size > 1) {
    const several = `There are ${offsets.size} functions ${name}; give a version or an offset`
    throw new BpfError(`${several}${where}`, { code: 'ERR_AMBIGUOUS' })
  }
  return offset
}

/** Those that a predicate holds for; all when it holds for none. */
function preferred<T>(list: readonly T[], predicate: (each: T) => boolean): readonly T[] {
  const some = list.filter(predicate)
  return some.length > 0 ? some : list
}

/** Offset in the file of a function; `undefined` when no part of the file that may be executed is mapped there. */
function fileOffset(elf: ElfFile, { type, value, section }: ElfSymbol): number | undefined {
  // From there on, numbers are not of sections: such a value is not an address.
  if (type !== 'func' || section >= SHN_LORESERVE) return undefined
  // The lowest bit of an address says that the function is written in Thumb.
  const address = elf.machine === EM_ARM ? value - (value % 2) : value
  const segment = elf.segments.find(
    each =>
      each.type === PT_LOAD &&
      (each.flags & PF_X) !== 0 &&
      address >= each.address &&
      address < each.address + each.fileSize,
  )
  if (segment === undefined) return undefined
  const offset = address - segment.address + segment.offset
  return offset < elf.fileSize ? offset : undefined
}
