/**
 * Stubs that linkers make for functions of other files: `strlen@plt`. No symbol has them.
 *
 * Source: System V ABI, AMD64 and AArch64 supplements, "Procedure Linkage Table"; GNU ld `elf_x86_64_*_plt`, lld
 * `X86_64::writePltHeader`: slots of 16 bytes in the order of the relocations.
 *
 * @module
 */

import type { ElfFile } from '../../elf/file.ts'
import { EM_AARCH64, EM_X86_64, RELA_SIZE, sectionTypes } from '../../elf/format.ts'
import type { ElfSection } from '../../elf/headers.ts'
import type { FunctionAt, FunctionSource } from './function-source.ts'
import { NameTable } from './name-table.ts'

const SLOT = 16
/** Bytes before the first slot of `.plt`; `.plt.sec` has none. */
const HEADER: Readonly<Record<number, number>> = { [EM_X86_64]: 16, [EM_AARCH64]: 32 }

/** Stubs of the linker, by their slot: nothing is read before an address is asked for. */
export class LinkerStubs implements FunctionSource {
  readonly #elf: ElfFile
  readonly #slots: ElfSection
  readonly #header: number
  readonly #relocations: ElfSection
  readonly #symbols: ElfSection
  readonly #names: NameTable

  /** @returns `undefined` for a file without stubs, or of another architecture */
  static of(elf: ElfFile): LinkerStubs | undefined {
    const header = HEADER[elf.machine]
    const second = elf.section('.plt.sec')
    const slots = second ?? elf.section('.plt')
    const relocations = elf.section('.rela.plt')
    const symbols = elf.sections.find(({ type }) => type === sectionTypes.dynsym)
    const names = symbols && elf.sections[symbols.link]
    if (elf.bits !== 64 || header === undefined) return undefined
    if (slots === undefined || relocations === undefined || names === undefined) return undefined
    return new LinkerStubs(elf, slots, second === undefined ? header : 0, relocations, symbols!, names)
  }

  private constructor(
    elf: ElfFile,
    slots: ElfSection,
    header: number,
    relocations: ElfSection,
    symbols: ElfSection,
    names: ElfSection,
  ) {
    this.#elf = elf
    this.#slots = slots
    this.#header = header
    this.#relocations = relocations
    this.#symbols = symbols
    this.#names = new NameTable(elf, names.offset, names.size)
  }

  get memory(): number {
    return this.#names.memory
  }

  find(address: number): FunctionAt | undefined {
    const first = this.#slots.address + this.#header
    const slot = Math.floor((address - first) / SLOT)
    if (slot < 0 || address >= this.#slots.address + this.#slots.size) return undefined
    const at = slot * RELA_SIZE
    if (at + RELA_SIZE > this.#relocations.size) return undefined
    // The upper half of `r_info` is the number of the symbol; 0 for indirect functions of this file.
    const little = this.#elf.byteOrder === 'little'
    const info = this.#relocations.offset + at + 8
    const symbol = this.#elf.part(info + (little ? 4 : 0), 4, 'relocation').u32(0)
    const { size } = this.#elf.layout.symbol
    if (symbol === 0 || (symbol + 1) * size > this.#symbols.size) return undefined
    const name = this.#names.at(this.#elf.part(this.#symbols.offset + symbol * size, 4, 'symbol').u32(0))
    return name === '' ? undefined : { name: `${name}@plt`, start: first + slot * SLOT }
  }
}
