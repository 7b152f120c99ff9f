/**
 * The SHA-256 by which the kernel knows a program: that of its instructions, without what says where its maps are.
 * The tag of a program is its beginning, from the release on that has exclusive maps.
 *
 * Source: kernel/bpf/core.c `bpf_prog_calc_tag`; libbpf `bpf_prog_compute_hash`.
 *
 * @module
 */

import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../../abi/constants.ts'
import { encodeInstructions } from '../../asm/encode.ts'
import type { Instruction } from '../../asm/instruction.ts'
import { LDIMM64 } from '../../asm/opcodes.ts'
import { finishProgram, type PreparedProgram, prepareProgram } from '../prepare.ts'
import type { ProgramSpec } from '../spec.ts'

/** Of a map that does not exist yet: its descriptor does not count. */
const anyMap = { fd: 0 }

/**
 * The SHA-256 of a program as it would be loaded here, for maps that this program alone may use
 * (`CreateMapOptions.exclusiveProgramHash`, Linux 6.18). A program of a collection may be another one once its externs
 * and relocations are applied: `MapSpec.exclusiveProgram` names it there.
 *
 * @returns 32 bytes
 * @throws BpfError as `Program.load` does for a program that can never be loaded
 */
export function programHash(spec: ProgramSpec): Uint8Array {
  return hashOfPrepared(prepareProgram(spec))
}

/** As {@link programHash}, of a program that only lacks the descriptors of its maps. */
export function hashOfPrepared(program: PreparedProgram): Uint8Array {
  const instructions = finishProgram(program, { maps: () => anyMap, jumpTables: () => anyMap })
  const bytes = encodeInstructions(instructions.map(withoutMap))
  return new Uint8Array(process.getBuiltinModule('node:crypto').createHash('sha256').update(bytes).digest())
}

function withoutMap(instruction: Instruction): Instruction {
  const { opcode, src } = instruction
  const refersToMap = src === BPF_PSEUDO_MAP_FD || src === BPF_PSEUDO_MAP_VALUE
  return opcode === LDIMM64 && refersToMap ? { ...instruction, imm: 0n } : instruction
}
