/**
 * The functions of programs and libraries, with the versions that libraries give them.
 *
 * @module
 */

import type { ElfFile, ElfSymbol } from './file.ts'
import { readVersions } from './versions.ts'

/** A function symbol with its version. */
export interface VersionedSymbol {
  /** Name without version. */
  readonly name: string
  /** `undefined` when it has none. */
  readonly version: string | undefined
  /** Whether the linker takes it only for programs that ask for its version. */
  readonly hidden: boolean
  /** Whether it is of the dynamic symbols: those that other files see. */
  readonly dynamic: boolean
  readonly symbol: ElfSymbol
}

/**
 * The functions that a file defines, from its dynamic symbols and its symbol table, in this order. Those with type
 * `'ifunc'` are not what is called in the end: they return its address when the program starts.
 *
 * @throws ObjectFileError when a table is truncated or inconsistent
 */
export function* functionSymbols(elf: ElfFile): Generator<VersionedSymbol> {
  const versions = readVersions(elf)
  for (const [index, symbol] of elf.dynamicSymbols().entries()) {
    if (isDefinedFunction(symbol)) yield { name: symbol.name, ...versions(index), dynamic: true, symbol }
  }
  for (const symbol of elf.symbols) {
    if (!isDefinedFunction(symbol)) continue
    // Linkers write the version into these names, with two signs when it is the default.
    const [name, version] = splitVersion(symbol.name)
    const hidden = version !== undefined && !symbol.name.includes('@@')
    yield { name, version, hidden, dynamic: false, symbol }
  }
}

/** Splits `'name@VERSION'` and `'name@@VERSION'`. */
export function splitVersion(text: string): [name: string, version: string | undefined] {
  const at = text.indexOf('@')
  if (at === -1) return [text, undefined]
  return [text.slice(0, at), text.slice(text[at + 1] === '@' ? at + 2 : at + 1)]
}

function isDefinedFunction({ name, type, section }: ElfSymbol): boolean {
  return (type === 'func' || type === 'ifunc') && section !== 0 && name !== ''
}
