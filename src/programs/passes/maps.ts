/**
 * The pass that puts the descriptors of maps where instructions name maps, those of jump tables among them.
 *
 * Source: libbpf `bpf_object__relocate_data`, include/uapi/linux/bpf.h (`BPF_PSEUDO_*`).
 *
 * @module
 */

import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../../abi/constants.ts'
import { symbolSlots } from '../../asm/assemble.ts'
import type { Instruction, Reference } from '../../asm/instruction.ts'
import { LDIMM64 } from '../../asm/opcodes.ts'
import { BpfError } from '../../base/errors.ts'
import { type JumpTableMaker, resolveJumpTable } from './jump-tables.ts'

/** Finds the map that an instruction names; `undefined` when it does not exist. */
export type MapResolver = (name: string) => { readonly fd: number } | undefined

/** What this pass needs to know. */
export interface MapContext {
  /** Default: no map exists. */
  readonly maps?: MapResolver | undefined
  /** Makes a jump table. Default: jump tables are not resolved. */
  readonly jumpTables?: JumpTableMaker | undefined
}

/**
 * Replaces the names of maps and the labels of jump tables by descriptors. It is the last pass that resolves references.
 *
 * @throws BpfError `ERR_LABEL` when a label of a jump table is missing or ambiguous
 * @throws BpfError `ERR_UNRESOLVED` when a map does not exist, or another reference is left
 */
export function resolveMaps(
  instructions: readonly Instruction[],
  { maps, jumpTables }: MapContext,
): readonly Instruction[] {
  let resolved: Instruction[] | undefined
  let symbols: ReturnType<typeof symbolSlots> | undefined
  for (let i = 0; i < instructions.length; i++) {
    const instruction = instructions[i]!
    const { reference } = instruction
    if (reference === undefined) continue
    resolved ??= [...instructions]
    if (reference.kind === 'jump_table' && jumpTables !== undefined) {
      symbols ??= symbolSlots(instructions)
      resolved[i] = resolveJumpTable(instruction, reference, symbols, jumpTables)
    } else resolved[i] = resolveMap(instruction, reference, maps)
  }
  return resolved ?? instructions
}

/** The low half of the immediate is the descriptor, the high half the offset in the value. */
function resolveMap(
  { reference: _, ...rest }: Instruction,
  named: Reference,
  maps: MapResolver | undefined,
): Instruction {
  const name = JSON.stringify(named.name)
  if (named.kind !== 'map' && named.kind !== 'map_value') {
    throw unresolved(`the ${named.kind} reference to ${name} is not resolved`)
  }
  if (rest.opcode !== LDIMM64) throw unresolved(`only a 64-bit immediate load can refer to map ${name}`)
  const map = maps?.(named.name)
  if (map === undefined) throw unresolved(`it refers to map ${name}, which does not exist`)
  const isValue = named.kind === 'map_value'
  rest.src = isValue ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD
  rest.imm = (BigInt.asUintN(32, BigInt(isValue ? named.offset : 0)) << 32n) | BigInt(map.fd)
  return rest
}

function unresolved(reason: string): BpfError {
  return new BpfError(reason, { code: 'ERR_UNRESOLVED' })
}
