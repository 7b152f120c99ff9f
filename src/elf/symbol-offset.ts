/**
 * Where a function of a program or library lies in its file, as uprobes want it.
 *
 * Source: libbpf elf.c `elf_find_func_offset`, `symbol_match`; Linux Standard Base, symbol versioning.
 *
 * @module
 */

import { ObjectFileError } from '../errors.ts'
import type { ElfFile, ElfSymbol } from './file.ts'

/**
 * Offsets in the file of all functions whose name matches, by name. Symbols with several versions have the offset of
 * the default one; `name@VERSION` names each.
 *
 * @param matches predicate on the plain name
 */
export function functionOffsets(elf: ElfFile, matches: (name: string) => boolean): Map<string, number> {
  const offsets = new Map<string, number>()
  for (const { name, version, hidden, symbol } of elf.functionSymbols()) {
    if (!matches(name)) continue
    const offset = fileOffset(elf, symbol)
    if (offset === undefined) continue
    if (version !== undefined) offsets.set(`${name}@${version}`, offset)
    if (!hidden && !(offsets.has(name) && symbol.binding === 'weak')) offsets.set(name, offset)
  }
  return offsets
}

/**
 * Offset in the file of a function.
 *
 * @param name plain, or with a version: `'memcpy@GLIBC_2.14'`
 * @throws ObjectFileError when there is none, or there are several at different places
 */
export function functionOffset(elf: ElfFile, name: string): number {
  const [plain = name, version] = name.split(/@+/)
  const found = [...elf.functionSymbols()].filter(
    each => each.name === plain && (version === undefined || each.version === version),
  )
  const where = elf.file === undefined ? {} : { file: elf.file }
  // The default version is what a plain name means to the linker; strong symbols win over weak ones.
  const visible =
    version === undefined && found.some(each => !each.hidden) ? found.filter(each => !each.hidden) : found
  const strong = visible.filter(({ symbol }) => symbol.binding !== 'weak')
  const offsets = new Set(
    (strong.length > 0 ? strong : visible)
      .map(({ symbol }) => fileOffset(elf, symbol))
      .filter(each => each !== undefined),
  )
  const [offset, ...others] = offsets
  if (offset === undefined) throw new ObjectFileError(`There is no function ${name}`, where)
  if (others.length > 0) {
    throw new ObjectFileError(
      `There are ${offsets.size} functions ${name}; give a version or an offset`,
      where,
    )
  }
  return offset
}

/** Symbols have addresses in memory; their section tells how far these are from the file. */
function fileOffset(elf: ElfFile, symbol: ElfSymbol): number | undefined {
  const section = elf.sectionOf(symbol)
  return section === undefined ? undefined : symbol.value - section.address + section.offset
}
