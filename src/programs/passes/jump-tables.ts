/**
 * The descriptors of jump tables, where instructions load one: each is a map of instructions.
 *
 * Source: libbpf `bpf_object__relocate_data` (`RELO_INSN_ARRAY`), `create_jt_map`.
 *
 * @module
 */

import { BPF_PSEUDO_MAP_VALUE } from '../../abi/constants.ts'
import type { symbolSlots } from '../../asm/assemble.ts'
import type { Instruction, Reference } from '../../asm/instruction.ts'
import { BpfError } from '../../base/errors.ts'

/** Makes a table that leads to these slots of the program. */
export type JumpTableMaker = (slots: readonly number[]) => { readonly fd: number }

/**
 * A load of a jump table with a descriptor in place of the labels.
 *
 * @param symbols those of the whole program
 * @throws BpfError `ERR_LABEL` when the program lacks the label of an entry, or has it twice
 */
export function resolveJumpTable(
  { reference: _, ...rest }: Instruction,
  { name, labels, offset }: Reference & { kind: 'jump_table' },
  { slots, ambiguous }: ReturnType<typeof symbolSlots>,
  make: JumpTableMaker,
): Instruction {
  const table = labels.map(label => {
    const slot = slots.get(label)
    if (slot !== undefined && !ambiguous.has(label)) return slot
    const what = slot === undefined ? 'it is not defined' : 'it is defined twice'
    throw new BpfError(`Cannot make jump table ${name}: label ${JSON.stringify(label)}: ${what}`, {
      code: 'ERR_LABEL',
    })
  })
  rest.src = BPF_PSEUDO_MAP_VALUE
  rest.imm = (BigInt(offset) << 32n) | BigInt(make(table).fd)
  return rest
}
