/**
 * Parts of ELF files for tests: code of BPF programs, and what linkers add to libraries.
 *
 * @module
 */

import { BPF_PSEUDO_CALL } from '../../../src/abi/constants.ts'
import { encodeInstructions } from '../../../src/asm/encode.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { CALL } from '../../../src/asm/opcodes.ts'
import { SHF_EXECINSTR } from '../../../src/elf/format.ts'
import type { SectionSource, StringTableBuilder } from '../../../src/elf/write.ts'

/** A section of instructions, as compilers write it. */
export function code(
  name: string,
  instructions: readonly Instruction[],
  more: Partial<SectionSource> = {},
): SectionSource {
  return { name, flags: SHF_EXECINSTR, data: encodeInstructions(instructions, 'little'), ...more }
}

/** Calls a BPF function at a distance in instructions, as compilers do. */
export function callAt(distance: number): Instruction {
  return { opcode: CALL, dst: 0, src: BPF_PSEUDO_CALL, offset: 0, imm: distance }
}

/**
 * `.gnu.version_d`: definitions of versions, numbered from 2.
 *
 * @param strings the string table of the dynamic symbols
 */
export function versionDefinitions(names: readonly string[], strings: StringTableBuilder): Uint8Array {
  const [DEFINITION, AUXILIARY] = [20, 8]
  const size = DEFINITION + AUXILIARY
  const bytes = new Uint8Array(names.length * size)
  const view = new DataView(bytes.buffer)
  names.forEach((name, i) => {
    const at = i * size
    view.setUint16(at, 1, true)
    view.setUint16(at + 4, i + 2, true)
    view.setUint16(at + 6, 1, true)
    view.setUint32(at + 12, DEFINITION, true)
    view.setUint32(at + 16, i === names.length - 1 ? 0 : size, true)
    view.setUint32(at + DEFINITION, strings.add(name), true)
  })
  return bytes
}
