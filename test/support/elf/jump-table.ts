/**
 * An object with a jump table as LLVM 22 writes it: `.jumptables` has offsets in the section of the code.
 *
 * @module
 */

import { mov } from '../../../src/asm/alu.ts'
import { INSTRUCTION_SIZE, type Instruction, slotCount } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { type ElfSource, writeElf } from '../../../src/elf/write.ts'
import { switchOnLength } from '../asm/jump-table.ts'
import { code } from './files.ts'

/** Another function before the program, so that offsets in the section and in the function differ. */
const before = [mov(r0, 0), exit()]
const withLabels = switchOnLength()
/** Without what the object reader is to find: names, and the reference. */
const bare: readonly Instruction[] = withLabels.map(({ opcode, dst, src, offset, imm, reference }) =>
  reference === undefined ? { opcode, dst, src, offset, imm } : { opcode, dst, src: 0, offset, imm: 0n },
)

/** Bytes from the start of the section to the instruction that has a label. */
function offsetOf(name: string): number {
  let slot = before.length
  for (const each of withLabels) {
    if (each.symbol === name) break
    slot += slotCount(each)
  }
  return slot * INSTRUCTION_SIZE
}

/** The entries of the table. */
export const entries: readonly number[] = ['a', 'b', 'c', 'b'].map(offsetOf)
/** Where the program begins in its section. */
export const START: number = before.length * INSTRUCTION_SIZE
/** Where its load of the table is. */
export const LOAD: number = START + 3 * INSTRUCTION_SIZE

/**
 * The object; its program is `main`, of section `socket`.
 *
 * @param table other contents of the section of tables
 */
export function compiledSwitch(
  table: readonly number[] = entries,
  more: Partial<ElfSource> = {},
): Uint8Array {
  const size = (before.length + bare.length + 1) * INSTRUCTION_SIZE
  return writeElf({
    sections: [
      code('socket', [...before, ...bare], { relocations: [{ offset: LOAD, symbol: 3 }] }),
      { name: '.jumptables', data: new Uint8Array(BigUint64Array.from(table.map(BigInt)).buffer) },
      { name: 'license', data: new TextEncoder().encode('GPL\0') },
    ],
    symbols: [
      { name: 'other', section: 1, size: START },
      { name: 'main', section: 1, value: START, size: size - START },
      { name: 'BPF.JT.0.0', type: 'object', section: 2, size: table.length * 8 },
    ],
    ...more,
  })
}
