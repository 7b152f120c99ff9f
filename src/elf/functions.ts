/**
 * The functions of programs and libraries, with the versions that libraries give them.
 *
 * @module
 */

import type { ElfFile } from './file.ts'
import type { ElfSymbol, SymbolTable } from './symbol-table.ts'
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
export function functionSymbols(elf: ElfFile): Generator<VersionedSymbol> {
  return versionedFunctions(elf)
}

/** Names that are looked for in the bytes of the file; of more, all symbols are decoded. */
const FEW = 16

/**
 * The functions with some names, as `functionSymbols`, and perhaps others. Of a program with some hundred thousand functions
 * only those are decoded, unless the names are many.
 *
 * @param names without versions
 */
export function functionsNamed(elf: ElfFile, names: Iterable<string>): Generator<VersionedSymbol> {
  const encoder = new TextEncoder()
  const wanted = Array.from(names, name => encoder.encode(name))
  return versionedFunctions(elf, wanted.length <= FEW ? wanted : undefined)
}

function* versionedFunctions(elf: ElfFile, names?: readonly Uint8Array[]): Generator<VersionedSymbol> {
  const versions = readVersions(elf)
  for (const [index, symbol] of functionsOf(elf.symbolTable('dynsym'), names)) {
    yield { name: symbol.name, ...versions(index), dynamic: true, symbol }
  }
  for (const [, symbol] of functionsOf(elf.symbolTable('symtab'), names)) {
    // Linkers write the version into these names, with two signs when it is the default.
    const [name, version] = splitVersion(symbol.name)
    const hidden = version !== undefined && !symbol.name.includes('@@')
    yield { name, version, hidden, dynamic: false, symbol }
  }
}

function* functionsOf(
  table: SymbolTable | undefined,
  names: readonly Uint8Array[] | undefined,
): Generator<[index: number, symbol: ElfSymbol]> {
  for (let index = 0; table !== undefined && index < table.length; index++) {
    if (!table.isFunction(index)) continue
    if (names !== undefined && !table.isNamed(index, names)) continue
    const symbol = table.at(index)
    if (symbol.section !== 0 && symbol.name !== '') yield [index, symbol]
  }
}

/** Splits `'name@VERSION'` and `'name@@VERSION'`. */
export function splitVersion(text: string): [name: string, version: string | undefined] {
  const at = text.indexOf('@')
  if (at === -1) return [text, undefined]
  return [text.slice(0, at), text.slice(text[at + 1] === '@' ? at + 2 : at + 1)]
}
