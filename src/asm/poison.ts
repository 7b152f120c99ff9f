/**
 * Poison: calls that stand for what a program needs and the kernel lacks. A program may be written so that it never
 * gets there on this kernel; the verifier refuses it only if it does.
 *
 * Source: libbpf `bpf_core_poison_insn`, `poison_map_ldimm64`, `poison_kfunc_call`.
 *
 * @module
 */

import type { Instruction } from './instruction.ts'
import { CALL, LDIMM64 } from './opcodes.ts'

/**
 * Helper numbers that such calls have, by what is missing: no helper has them, and a reader of a log recognizes them.
 * They are those of libbpf, so that the kernel gives a program the same tag. `core` stands for every CO-RE relocation
 * ("bad relo" in hexadecimal); the others are the number of the first map or kfunc, and the next ones follow.
 */
export const poisonNumbers = { core: 0xbad2310, map: 2_001_000_000, kfunc: 2_002_000_000 } as const

/** Whether the text of an instruction in the verifier's log is such a call: `call unknown#2001000000`. */
export function isPoisonedCall(text: string): boolean {
  const number = Number(/^call unknown#(\d+)$/.exec(text)?.[1])
  return number === poisonNumbers.core || number >= poisonNumbers.map
}

/**
 * The call, or the two calls, that an instruction becomes: every slot is one, so that jumps over a 64-bit load stay
 * right. The symbol, the type and the source line stay.
 *
 * @param number helper number of the call, of {@link poisonNumbers}
 */
export function poisoned(instruction: Instruction, number: number): Instruction[] {
  const call: Instruction = { opcode: CALL, dst: 0, src: 0, offset: 0, imm: number }
  const { reference: _, relocation: __, ...kept } = instruction
  const first: Instruction = { ...kept, ...call }
  return instruction.opcode === LDIMM64 ? [first, call] : [first]
}
