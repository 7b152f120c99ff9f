/**
 * Where static variables lie. Compilers write it into BTF, but gcc writes 0 for all of them: the symbol table decides.
 *
 * @module
 */

import { countUpTo } from '../../base/sorted.ts'
import type { Btf } from '../../btf/btf.ts'
import type { BtfSectionVariable } from '../../btf/types.ts'
import type { ElfFile } from '../file.ts'
import type { ElfSection } from '../headers.ts'
import type { ElfSymbol } from '../symbol-table.ts'

/** gcc makes the names of variables in functions unique by a number that BTF lacks. */
const SUFFIX = /\.\d+$/

/**
 * Moves static variables to where symbols of their names are; one that has no symbol stays where BTF has it.
 *
 * @param symbols those of the section; they are taken
 * @param variables those of the section, all others in their places
 * @returns without those that lie over others, as none that has no symbol and no offset can be reached
 */
export function placeStatics(
  btf: Btf,
  symbols: LocalSymbols,
  variables: readonly BtfSectionVariable[],
): BtfSectionVariable[] {
  const isStatic = (id: number): boolean => {
    const variable = btf.type(id)
    return variable.kind === 'var' && variable.linkage === 'static'
  }
  // One that is where a symbol is keeps its place; several can have one name.
  const placed = variables.map(each => {
    if (!isStatic(each.type)) return each
    const symbol = symbols.take(btf.name(each.type), each.size, each.offset)
    return symbol === undefined ? undefined : each
  })
  const unsure: BtfSectionVariable[] = []
  variables.forEach((each, index) => {
    if (placed[index] !== undefined) return
    const name = btf.name(each.type)
    const symbol = symbols.take(name, each.size) ?? symbols.take(name)
    if (symbol === undefined) unsure.push(each)
    else placed[index] = { ...each, offset: symbol.value }
  })
  const known = placed.filter(each => each !== undefined)
  return [...known, ...withoutOverlaps(unsure, known)]
}

/** Symbols of local variables of a section, each to be taken once: by name, and by what else is known. */
export class LocalSymbols {
  readonly #byKey = new Map<string, ElfSymbol[]>()
  readonly #taken = new Set<ElfSymbol>()

  constructor(elf: ElfFile, section: ElfSection) {
    // From the last to the first, so that the first is taken first.
    for (const symbol of elf.symbolsIn(section).toReversed()) {
      const { type, binding, name, value, size } = symbol
      if (type !== 'object' || binding !== 'local' || value > section.size) continue
      for (const each of new Set([name, name.replace(SUFFIX, '')])) {
        for (const known of [[], [size], [size, value]]) this.#add(keyOf(each, known), symbol)
      }
    }
  }

  #add(key: string, symbol: ElfSymbol): void {
    const same = this.#byKey.get(key)
    if (same === undefined) this.#byKey.set(key, [symbol])
    else same.push(symbol)
  }

  /** @param known size, and size and offset, where they are known */
  take(name: string, ...known: readonly number[]): ElfSymbol | undefined {
    const same = this.#byKey.get(keyOf(name, known)) ?? []
    for (let symbol = same.pop(); symbol !== undefined; symbol = same.pop()) {
      if (this.#taken.has(symbol)) continue
      this.#taken.add(symbol)
      return symbol
    }
    return undefined
  }
}

function keyOf(name: string, known: readonly number[]): string {
  return [...known, name].join(' ')
}

/** Those that begin where no other lies. */
function withoutOverlaps(
  unsure: readonly BtfSectionVariable[],
  known: readonly BtfSectionVariable[],
): BtfSectionVariable[] {
  if (unsure.length === 0) return []
  const ordered = [...known].sort((a, b) => a.offset - b.offset)
  return unsure.filter(each => {
    const before = ordered[countUpTo(ordered, each.offset, known => known.offset) - 1]
    return before === undefined || before.offset + before.size <= each.offset
  })
}
