/**
 * Whether the running kernel has a program type.
 *
 * Source: libbpf libbpf_probes.c `probe_prog_load`.
 *
 * @module
 */

import { BPF_F_SLEEPABLE } from '../../abi/constants.ts'
import { type AttachType, type ProgramType, programTypes } from '../../abi/generated/enums.ts'
import { enumName, enumNumber } from '../../abi/names.ts'
import type { Instruction } from '../../asm/instruction.ts'
import { cString } from '../../base/bytes.ts'
import { ENOTSUPP } from '../../base/errno.ts'
import type { AttrFields } from '../../syscalls/attr.ts'
import { allocate } from '../../syscalls/memory.ts'
import type { TokenHandle, TokenOptions } from '../tokens/handle.ts'
import { answerOf, discard, doNothing, loadCode } from './experiment.ts'
import { Answers, type ProbeAnswer } from './probe.ts'

/** How to load a program of a type. */
export interface ProgramShape {
  readonly attachType?: AttachType
  readonly fields?: AttrFields<'prog_load'>
}

/** What programs that do nothing need to be loaded; nothing where a type is not here. */
export const programShapes: Readonly<Partial<Record<ProgramType, ProgramShape>>> = {
  cgroup_sock_addr: { attachType: 'cgroup_inet4_connect' },
  cgroup_sockopt: { attachType: 'cgroup_getsockopt' },
  sk_lookup: { attachType: 'sk_lookup' },
  netfilter: { attachType: 'netfilter' },
  syscall: { fields: { prog_flags: BPF_F_SLEEPABLE } },
  // Type 1 is nothing to attach to: only a kernel with the program type looks, and says so.
  tracing: { attachType: 'trace_raw_tp', fields: { attach_btf_id: 1 } },
  lsm: { attachType: 'lsm_mac', fields: { attach_btf_id: 1 } },
  ext: { fields: { attach_btf_id: 1 } },
}

/** What the verifier says to programs that it would take, had they a target. */
const WOULD_TAKE = /attach_btf_id 1 is not a (typedef|function)|Cannot replace kernel functions/

/** A load: its result, closed again, and what the verifier wrote. */
export interface LoggedLoad {
  readonly result: number
  readonly log: string
}

/** Loads a program with a log and closes it again. */
export function tryProgram(
  token: TokenHandle | undefined,
  type: ProgramType,
  instructions: readonly Instruction[],
  shape: ProgramShape = {},
): LoggedLoad {
  const log = allocate(4096)
  const result = discard(
    loadCode(token, type, instructions, shape.attachType, {
      ...shape.fields,
      log_level: 1,
      log_buf: log.bytes,
      log_size: log.bytes.length,
    }),
  )
  return { result, log: cString(log.bytes) }
}

const answers = new Answers<number>()

/**
 * Whether the running kernel has a program type, found out by loading such a program; a certain answer is kept,
 * for each token.
 * A kernel without type information lacks `tracing`, `lsm`, `ext` and `struct_ops`, for they are of no use there.
 *
 * @param type a name, or a number that the tables do not know
 * @returns `'unknown'` when this process may not load it, or the tables do not know the type
 * @throws RangeError when no program type has this name
 */
export function haveProgramType(type: ProgramType | number, options: TokenOptions = {}): ProbeAnswer {
  const number = enumNumber(programTypes, type, 'program type')
  const name = enumName(programTypes, number)
  if (typeof name === 'number') return 'unknown'
  return answers.ask(number, options.token, token => probe(token, name))
}

function probe(token: TokenHandle | undefined, type: ProgramType): ProbeAnswer {
  if (type === 'unspec') return 'no'
  const { result, log } = tryProgram(token, type, doNothing(), programShapes[type])
  if (WOULD_TAKE.test(log)) return 'yes'
  // The struct of operations is missing: only a kernel with the program type looks for it.
  if (type === 'struct_ops' && result === -ENOTSUPP) return 'yes'
  return answerOf(result)
}
