/**
 * Where the functions begin that code calls or takes the address of.
 *
 * @module
 */

import { BPF_PSEUDO_CALL } from '../../abi/constants.ts'
import { INSTRUCTION_SIZE } from '../../asm/instruction.ts'
import { CALL, LDIMM64 } from '../../asm/opcodes.ts'
import type { ElfFile } from '../file.ts'
import type { ElfSection } from '../headers.ts'

/** Offsets of functions, by section. */
export type CalledOffsets = ReadonlyMap<ElfSection, ReadonlySet<number>>

/**
 * The offsets that calls and loads of addresses lead to, with relocations and without.
 *
 * @param sections those of code
 */
export function calledOffsets(elf: ElfFile, sections: readonly ElfSection[]): CalledOffsets {
  const called = new Map<ElfSection, Set<number>>(sections.map(section => [section, new Set()]))
  for (const section of sections) {
    const code = new Code(elf, section)
    const relocated = new Set<number>()
    for (const { offset, symbol } of elf.relocations(section)) {
      relocated.add(offset)
      const target = elf.sectionOf(symbol)
      const offsets = target === undefined ? undefined : called.get(target)
      if (offsets === undefined || !code.has(offset)) continue
      const immediate = code.immediate(offset)
      if (code.opcode(offset) === LDIMM64) offsets.add(symbol.value + immediate)
      else if (code.isCall(offset)) {
        // Calls of static functions go through the section's symbol, with the distance in instructions.
        offsets.add(symbol.value + (symbol.type === 'section' ? (immediate + 1) * INSTRUCTION_SIZE : 0))
      }
    }
    const own = called.get(section)!
    for (let offset = 0; code.has(offset); offset += INSTRUCTION_SIZE) {
      if (!relocated.has(offset) && code.isCall(offset))
        own.add(offset + (code.immediate(offset) + 1) * INSTRUCTION_SIZE)
    }
  }
  return called
}

/** The instructions of a section, as far as calls are concerned. */
class Code {
  readonly #view: DataView
  readonly #little: boolean

  constructor(elf: ElfFile, section: ElfSection) {
    const { buffer, byteOffset, byteLength } = elf.data(section)
    this.#view = new DataView(buffer, byteOffset, byteLength)
    this.#little = elf.byteOrder === 'little'
  }

  has(offset: number): boolean {
    return offset % INSTRUCTION_SIZE === 0 && offset + INSTRUCTION_SIZE <= this.#view.byteLength
  }

  opcode(offset: number): number {
    return this.#view.getUint8(offset)
  }

  /** Whether it is a call of a BPF function. */
  isCall(offset: number): boolean {
    const registers = this.#view.getUint8(offset + 1)
    const source = this.#little ? registers >> 4 : registers & 15
    return this.opcode(offset) === CALL && source === BPF_PSEUDO_CALL
  }

  immediate(offset: number): number {
    return this.#view.getInt32(offset + 4, this.#little)
  }
}
