/**
 * The pass that puts the descriptors of jump tables where instructions load one: each is a map of instructions.
 *
 * Source: libbpf `bpf_object__relocate_data` (`RELO_INSN_ARRAY`), `create_jt_map`.
 *
 * @module
 */

import { BPF_PSEUDO_MAP_VALUE } from '../../abi/constants.ts'
import { symbolSlots } from '../../asm/assemble.ts'
import type { Instruction } from '../../asm/instruction.ts'
import { BpfError } from '../../base/errors.ts'

/** What this pass needs to know. */
export interface JumpTableContext {
  /** Makes a table that leads to these slots. Default: loads of tables stay. */
  readonly jumpTables?: ((slots: readonly number[]) => { readonly fd: number }) | undefined
}

/**
 * Replaces the labels of jump tables by descriptors of maps.
 *
 * @throws BpfError `ERR_LABEL` when the program has not the label of an entry, or has it twice
 */
export function resolveJumpTables(
  instructions: readonly Instruction[],
  { jumpTables }: JumpTableContext,
): readonly Instruction[] {
  if (jumpTables === undefined) return instructions
  if (!instructions.some(({ reference }) => reference?.kind === 'jump_table')) return instructions
  const { slots, ambiguous } = symbolSlots(instructions)
  return instructions.map(instruction => {
    const { reference, ...rest } = instruction
    if (reference?.kind !== 'jump_table') return instruction
    const table = reference.labels.map(name => {
      const slot = slots.get(name)
      if (slot !== undefined && !ambiguous.has(name)) return slot
      const what = slot === undefined ? 'it is not defined' : 'it is defined twice'
      throw new BpfError(`Cannot make jump table ${reference.name}: label ${JSON.stringify(name)}: ${what}`, {
        code: 'ERR_LABEL',
      })
    })
    const imm = (BigInt(reference.offset) << 32n) | BigInt(jumpTables(table).fd)
    return { ...rest, src: BPF_PSEUDO_MAP_VALUE, imm }
  })
}
