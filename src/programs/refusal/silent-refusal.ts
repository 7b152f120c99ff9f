/**
 * Why the kernel refuses a program without a word in the verifier's log: what it got is looked through, then smaller
 * programs are loaded to see which part is refused.
 *
 * Source: kernel/bpf/syscall.c `bpf_prog_load`, `bpf_prog_load_check_attach`; kernel/bpf/core.c `bpf_check_tail_call`.
 *
 * @module
 */

import { BPF_PSEUDO_MAP_FD } from '../../abi/constants.ts'
import { type AttachType, attachTypes } from '../../abi/generated/enums.ts'
import { enumName } from '../../abi/names.ts'
import { mov } from '../../asm/alu.ts'
import { call, loadMapFd } from '../../asm/calls.ts'
import { encodeInstructions } from '../../asm/encode.ts'
import { INSTRUCTION_SIZE, type Instruction } from '../../asm/instruction.ts'
import { exit } from '../../asm/jumps.ts'
import { LDIMM64 } from '../../asm/opcodes.ts'
import { r0, r2, r3 } from '../../asm/registers.ts'
import { E2BIG, EINVAL, ENOTSUPP, EPERM } from '../../base/errno.ts'
import { explainPrivileges, permissionFacts } from '../../kernel/permission.ts'
import { discard } from '../../kernel/probes/experiment.ts'
import { readMapInfo } from '../../maps/info.ts'
import { describeOwner } from '../../maps/kinds/program-array.ts'
import type { AttrFields } from '../../syscalls/attr.ts'
import { bpfUninterrupted } from '../../syscalls/bpf.ts'
import { attachTypesOf } from '../program-kinds.ts'
import type { ProgramSpec } from '../spec.ts'
import { UNNAMED_OPERATION } from './explain-verdict.ts'

type Fields = AttrFields<'prog_load'>

/** What the kernel got. */
export interface SilentLoad {
  readonly spec: ProgramSpec
  /** Without a log. */
  readonly fields: Fields
  readonly instructions: readonly Instruction[]
}

/** Slots that a program has at most: `BPF_COMPLEXITY_LIMIT_INSNS`, and `BPF_MAXINSNS` without CAP_BPF. */
const MOST_SLOTS = 1_000_000
const MOST_SLOTS_UNPRIVILEGED = 4096

/**
 * Says why a program was refused, or what was looked at in vain.
 *
 * @param result -errno, of a load whose log has no reason
 * @returns `undefined` for an errno that says enough, and when this process may not find out
 */
export function explainSilence(load: SilentLoad, result: number): string | undefined {
  if (result !== -EINVAL && result !== -ENOTSUPP && result !== -E2BIG) return undefined
  const { spec, fields, instructions } = load
  const slots = Number(fields.insn_cnt)
  if (result === -E2BIG && slots > MOST_SLOTS)
    return `it has ${slots} instructions; the kernel takes ${MOST_SLOTS}`
  if (result === -E2BIG && slots > MOST_SLOTS_UNPRIVILEGED && lacksBpf(fields))
    return `it has ${slots} instructions; the kernel takes ${MOST_SLOTS_UNPRIVILEGED} from a process without CAP_BPF`
  if (spec.type === 'struct_ops' && fields.attach_btf_id === undefined) {
    return UNNAMED_OPERATION
  }
  const least = tryCode(fields, [mov(r0, 0), exit()])
  if (least === -EPERM) return undefined
  if (least < 0) return explainKind(spec, fields)
  if (fields.signature !== undefined)
    return `it finds no keyring ${fields.keyring_id}, or the signature of ${fields.signature_size} bytes is too large`
  for (const fd of mapsOf(instructions)) {
    const { type, name } = readMapInfo(fd)
    if (type !== 'prog_array') continue
    const code = [loadMapFd(r2, { fd }), mov(r3, 0), call('tail_call'), mov(r0, 0), exit()]
    if (tryCode(fields, code) < 0)
      return `it may not use program array ${name}, which takes ${describeOwner(fd, spec.type)}`
  }
  return 'the kernel gives no reason: it loads a program of this type, attach type and flags that does nothing, and the program arrays fit'
}

/** Whether CAP_BPF of this process does not reach the kernel; a token may delegate the type without it. */
function lacksBpf({ prog_token_fd }: Fields): boolean {
  return prog_token_fd !== undefined || explainPrivileges(permissionFacts(), ['CAP_BPF']) !== undefined
}

/** Loads other code in the place of a program's own, and closes it again. */
function tryCode(fields: Fields, instructions: readonly Instruction[]): number {
  const insns = encodeInstructions(instructions)
  const { func_info, func_info_cnt, line_info, line_info_cnt, prog_btf_fd, ...others } = fields
  const { fd_array, fd_array_cnt, signature, signature_size, keyring_id, ...rest } = others
  return discard(bpfUninterrupted('prog_load', { ...rest, insns, insn_cnt: insns.length / INSTRUCTION_SIZE }))
}

/** Which of the fields besides the code the kernel refuses. */
function explainKind({ type }: ProgramSpec, fields: Fields): string {
  const code = [mov(r0, 0), exit()]
  const without = (field: 'prog_flags' | 'prog_ifindex' | 'expected_attach_type'): boolean =>
    Number(fields[field] ?? 0) !== 0 && tryCode({ ...fields, [field]: 0 }, code) >= 0
  if (without('prog_flags'))
    return `this kernel does not take the flags 0x${Number(fields.prog_flags).toString(16)} for it`
  if (without('prog_ifindex')) return `it cannot be bound to the device of index ${fields.prog_ifindex}`
  const known = attachTypesOf(type)
  const attachType = enumName(attachTypes, Number(fields.expected_attach_type))
  const given =
    Number(fields.expected_attach_type) === 0 && !known.includes(attachType as never) ? 'none' : attachType
  const fits = (each: AttachType): boolean =>
    tryCode({ ...fields, expected_attach_type: attachTypes[each] }, code) >= 0
  if (!known.includes(attachType as never) && known.some(fits))
    return `programs of type ${type} need expectedAttachType ${known.join(', ')}; it has ${given}`
  if (without('expected_attach_type'))
    return `this kernel does not take attach type ${attachType} for programs of type ${type}`
  return `the kernel gives no reason: it refuses a program of this type and attach type that does nothing, too`
}

/** Descriptors of the maps that instructions use. */
function mapsOf(instructions: readonly Instruction[]): Set<number> {
  const maps = new Set<number>()
  for (const { opcode, src, imm } of instructions)
    if (opcode === LDIMM64 && src === BPF_PSEUDO_MAP_FD) maps.add(Number(BigInt.asUintN(32, BigInt(imm))))
  return maps
}
