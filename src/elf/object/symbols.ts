/**
 * What the symbols of a BPF object stand for: functions, maps, variables, by section and offset.
 *
 * @module
 */

import { countUpTo } from '../../base/sorted.ts'
import type { ElfFile } from '../file.ts'
import { SHF_EXECINSTR, sectionTypes } from '../format.ts'
import type { ElfSection } from '../headers.ts'
import type { ElfSymbol } from '../symbol-table.ts'
import { type CalledOffsets, calledOffsets } from './called.ts'

/** A symbol of a function, under a name that is unique in the object. */
export interface NamedSymbol {
  readonly name: string
  readonly symbol: ElfSymbol
  /** Bytes of the function: those of the symbol, or up to the next function when the symbol has no size. */
  readonly size: number
}

/** Sections of global variables. libbpf: `bpf_object__elf_collect`. */
const DATA = /^\.(?:rodata|data|bss)(?:\..*)?$/
/** Section of the variables of an arena. */
const ARENA = '.addr_space.1'
/** Section of BTF-defined maps. */
export const MAPS_SECTION = '.maps'
/** Section of tables of offsets of instructions, which `gotox` jumps through. LLVM 22. */
export const JUMP_TABLES = '.jumptables'
/** Sections of maps as they were before BTF; decoders of infrared have theirs in `lirc_mode2/maps`. */
const LEGACY_MAPS = /^maps(?:\/|$)|\/maps$/

/** Labels that LLVM makes. */
const BASIC_BLOCK = /^(?:LBB|\.L)/

interface FoundFunction extends Pick<NamedSymbol, 'symbol' | 'size'> {
  readonly section: ElfSection
}

/** The symbols that begin in none of `functions`. */
function outside(functions: readonly ElfSymbol[], symbols: readonly ElfSymbol[]): readonly ElfSymbol[] {
  if (symbols.length === 0) return symbols
  const isCovered = coverage(functions)
  return symbols.filter(({ value }) => !isCovered(value))
}

/** Whether an offset lies in one of some symbols that have a size, or where one without begins. */
function coverage(symbols: readonly ElfSymbol[]): (offset: number) => boolean {
  const sorted = [...symbols].sort((a, b) => a.value - b.value)
  /** Greatest end of the symbols up to each. */
  const ends: number[] = []
  for (const { value, size } of sorted) ends.push(Math.max(ends.at(-1) ?? 0, value + Math.max(size, 1)))
  return offset => {
    const before = countUpTo(sorted, offset, each => each.value)
    return before > 0 && offset < ends[before - 1]!
  }
}

/** Finds what lies where. */
export class ObjectSymbols {
  readonly #functions = new Map<ElfSection, NamedSymbol[]>()
  readonly #names = new Map<ElfSection, Map<number, string>>()
  readonly #maps = new Map<ElfSection, Map<number, string>>()
  readonly #legacyMaps = new Map<ElfSection, ElfSymbol[]>()

  constructor(elf: ElfFile) {
    // A static function must not take the place of an extern of another file.
    const taken = new Set(elf.symbols.flatMap(({ name, section }) => (section === 0 ? [name] : [])))
    /** The last number that was put behind each name. */
    const numbers = new Map<string, number>()
    const found = this.#findFunctions(elf)
    // Global names are unique as they are; static functions of several files may share theirs.
    const byBinding = (local: boolean): FoundFunction[] =>
      found.filter(({ symbol }) => (symbol.binding === 'local') === local)
    for (const { section, symbol, size } of [...byBinding(false), ...byBinding(true)]) {
      let name = symbol.name
      let number = numbers.get(name) ?? 0
      while (taken.has(name)) name = `${symbol.name}.${++number}`
      taken.add(name)
      numbers.set(symbol.name, number)
      this.#add(section, { name, symbol, size })
    }
    for (const functions of this.#functions.values())
      functions.sort((a, b) => a.symbol.value - b.symbol.value)
    this.#findMaps(elf)
  }

  /**
   * The functions of all code sections, in the order of the symbol table. Compilers before LLVM 8 and assembly without
   * `.type` give functions neither type nor size: each global name outside of other functions begins one. Local names
   * without a type are labels, except where something calls them, and that of a section's first instruction where
   * nothing else begins there: these are static functions.
   */
  #findFunctions(elf: ElfFile): FoundFunction[] {
    const functions: FoundFunction[] = []
    const sections = elf.sections.filter(each => this.isCode(each))
    let called: CalledOffsets | undefined
    for (const section of sections) {
      const named = elf.symbolsIn(section).filter(each => each.name !== '')
      const typed = named.filter(({ type }) => type === 'func')
      const untyped = outside(
        typed,
        named.filter(
          ({ type, binding }) => type === 'notype' && (binding === 'global' || binding === 'weak'),
        ),
      )
      const others = untyped.length === 0 ? typed : [...typed, ...untyped]
      const first = others.some(({ value }) => value === 0)
        ? undefined
        : named.find(({ name, type, value }) => type === 'notype' && value === 0 && !BASIC_BLOCK.test(name))
      const labels = named.filter(
        ({ name, type, binding, value }) =>
          type === 'notype' && binding === 'local' && value > 0 && !BASIC_BLOCK.test(name),
      )
      if (labels.length > 0) called ??= calledOffsets(elf, sections)
      const statics = outside(
        others,
        labels.filter(({ value }) => called!.get(section)!.has(value)),
      )
      const own = [...(first === undefined ? [] : [first]), ...others, ...statics]
      const starts = own.some(({ size }) => size === 0)
        ? [...new Set(own.map(({ value }) => value))].sort((a, b) => a - b)
        : []
      const nextStart = new Map(starts.map((start, index) => [start, starts[index + 1] ?? section.size]))
      for (const symbol of own) {
        const size =
          symbol.size === 0 ? Math.max(0, nextStart.get(symbol.value)! - symbol.value) : symbol.size
        functions.push({ section, symbol, size })
      }
    }
    const order = new Map(elf.symbols.map((symbol, index) => [symbol, index]))
    return functions.sort((a, b) => order.get(a.symbol)! - order.get(b.symbol)!)
  }

  #findMaps(elf: ElfFile): void {
    const defined = elf.section(MAPS_SECTION)
    for (const symbol of elf.symbols) {
      const section = elf.sectionOf(symbol)
      if (section === undefined || symbol.name === '') continue
      const legacy = this.isLegacyMaps(section)
      // Compilers before LLVM 8 gave variables no type.
      const variable = symbol.type === 'object' || (legacy && symbol.type === 'notype')
      if (!variable || (section !== defined && !legacy)) continue
      const names = this.#maps.get(section) ?? new Map<number, string>()
      this.#maps.set(section, names.set(symbol.value, symbol.name))
      if (!legacy) continue
      const symbols = this.#legacyMaps.get(section) ?? []
      this.#legacyMaps.set(section, symbols)
      symbols.push(symbol)
    }
    for (const symbols of this.#legacyMaps.values()) symbols.sort((a, b) => a.value - b.value)
  }

  #add(section: ElfSection, named: NamedSymbol): void {
    const functions = this.#functions.get(section) ?? []
    const names = this.#names.get(section) ?? new Map<number, string>()
    this.#functions.set(section, functions)
    this.#names.set(section, names)
    functions.push(named)
    names.set(named.symbol.value, named.name)
  }

  /** Whether a section holds instructions. */
  isCode(section: ElfSection): boolean {
    return section.type === sectionTypes.progbits && (section.flags & SHF_EXECINSTR) !== 0
  }

  /** Whether a section holds global variables. */
  isData(section: ElfSection): boolean {
    const { type } = section
    return (type === sectionTypes.progbits || type === sectionTypes.nobits) && DATA.test(section.name)
  }

  /** Whether a section holds variables of an arena: those of address space 1. */
  isArena({ type, name }: ElfSection): boolean {
    return (type === sectionTypes.progbits || type === sectionTypes.nobits) && name === ARENA
  }

  /** Whether a section holds definitions of maps from before BTF. */
  isLegacyMaps(section: ElfSection): boolean {
    return section.type === sectionTypes.progbits && !this.isCode(section) && LEGACY_MAPS.test(section.name)
  }

  /** The symbols of the maps in such a section, in order. */
  legacyMapsIn(section: ElfSection): readonly ElfSymbol[] {
    return this.#legacyMaps.get(section) ?? []
  }

  /** The functions of a section, in order. */
  functionsIn(section: ElfSection): readonly NamedSymbol[] {
    return this.#functions.get(section) ?? []
  }

  /** Name of the function that starts at an offset. */
  functionAt(section: ElfSection, offset: number): string | undefined {
    return this.#names.get(section)?.get(offset)
  }

  /** Name of the map whose definition lies at an offset of a section of maps. */
  mapAt(section: ElfSection, offset: number): string | undefined {
    return this.#maps.get(section)?.get(offset)
  }
}
