/**
 * What the symbols of a BPF object stand for: functions, maps, variables, by section and offset.
 *
 * @module
 */

import type { ElfFile, ElfSection, ElfSymbol } from '../file.ts'
import { SHF_EXECINSTR, sectionTypes } from '../format.ts'

/** A symbol of a function, under a name that is unique in the object. */
export interface NamedSymbol {
  readonly name: string
  readonly symbol: ElfSymbol
}

/** Sections of global variables. libbpf: `bpf_object__elf_collect`. */
const DATA = /^\.(?:rodata|data|bss)(?:\..*)?$/
/** Section of the variables of an arena. */
const ARENA = '.addr_space.1'
/** Section of BTF-defined maps. */
export const MAPS_SECTION = '.maps'
/** Sections of maps as they were before BTF. */
const LEGACY_MAPS = /^maps(?:\/|$)/

/** Finds what lies where. */
export class ObjectSymbols {
  readonly #functions = new Map<ElfSection, NamedSymbol[]>()
  readonly #names = new Map<ElfSection, Map<number, string>>()
  readonly #maps = new Map<ElfSection, Map<number, string>>()
  readonly #legacyMaps = new Map<ElfSection, ElfSymbol[]>()

  constructor(elf: ElfFile) {
    const taken = new Set<string>()
    /** The last number that was put behind each name. */
    const numbers = new Map<string, number>()
    // Global names are unique as they are; static functions of several files may share theirs.
    const byBinding = (local: boolean): ElfSymbol[] =>
      elf.symbols.filter(each => each.type === 'func' && (each.binding === 'local') === local)
    for (const symbol of [...byBinding(false), ...byBinding(true)]) {
      const section = elf.sectionOf(symbol)
      if (section === undefined || !this.isCode(section)) continue
      let name = symbol.name
      let number = numbers.get(name) ?? 0
      while (taken.has(name)) name = `${symbol.name}.${++number}`
      taken.add(name)
      numbers.set(symbol.name, number)
      this.#add(section, { name, symbol })
    }
    for (const functions of this.#functions.values())
      functions.sort((a, b) => a.symbol.value - b.symbol.value)
    this.#findMaps(elf)
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
