/**
 * What the symbols of a BPF object stand for: functions, maps, variables, by section and offset.
 *
 * @module
 */

import { type ElfFile, type ElfSection, type ElfSymbol, SHF_EXECINSTR, sectionTypes } from './file.ts'

/** A symbol of a function, under a name that is unique in the object. */
export interface NamedSymbol {
  readonly name: string
  readonly symbol: ElfSymbol
}

/** Sections of global variables. libbpf: `bpf_object__elf_collect`. */
const DATA = /^\.(?:rodata|data|bss)(?:\..*)?$/
/** Section of BTF-defined maps. */
export const MAPS_SECTION = '.maps'

/** Finds what lies where. */
export class ObjectSymbols {
  readonly #functions = new Map<ElfSection, NamedSymbol[]>()
  readonly #names = new Map<ElfSection, Map<number, string>>()
  readonly #maps = new Map<number, string>()
  readonly #mapsSection: ElfSection | undefined

  constructor(elf: ElfFile) {
    this.#mapsSection = elf.section(MAPS_SECTION)
    const taken = new Set<string>()
    // Global names are unique as they are; static functions of several files may share theirs.
    const byBinding = (local: boolean): ElfSymbol[] =>
      elf.symbols.filter(each => each.type === 'func' && (each.binding === 'local') === local)
    for (const symbol of [...byBinding(false), ...byBinding(true)]) {
      const section = elf.sectionOf(symbol)
      if (section === undefined || !this.isCode(section)) continue
      let name = symbol.name
      for (let number = 1; taken.has(name); number++) name = `${symbol.name}.${number}`
      taken.add(name)
      this.#add(section, { name, symbol })
    }
    for (const functions of this.#functions.values())
      functions.sort((a, b) => a.symbol.value - b.symbol.value)
    if (this.#mapsSection === undefined) return
    for (const symbol of elf.symbols) {
      if (symbol.section === this.#mapsSection.index && symbol.type === 'object') {
        this.#maps.set(symbol.value, symbol.name)
      }
    }
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

  /** The functions of a section, in order. */
  functionsIn(section: ElfSection): readonly NamedSymbol[] {
    return this.#functions.get(section) ?? []
  }

  /** Name of the function that starts at an offset. */
  functionAt(section: ElfSection, offset: number): string | undefined {
    return this.#names.get(section)?.get(offset)
  }

  /** Name of the map whose definition lies at an offset of the `.maps` section. */
  mapAt(section: ElfSection, offset: number): string | undefined {
    return section === this.#mapsSection ? this.#maps.get(offset) : undefined
  }
}
