/**
 * Whether the running kernel has a helper function, and for which program types.
 *
 * Source: libbpf libbpf_probes.c `libbpf_probe_bpf_helper`; kernel/bpf/verifier.c `check_helper_call`.
 *
 * @module
 */

import {
  type AttachType,
  type Helper,
  helpers,
  type ProgramType,
  programTypes,
} from '../abi/generated/enums.ts'
import { enumName, enumNumber } from '../abi/names.ts'
import { call } from '../asm/calls.ts'
import { exit } from '../asm/jumps.ts'
import { kernelBtf } from './btf.ts'
import {
  haveProgramType,
  type LoggedLoad,
  type ProgramShape,
  programShapes,
  tryProgram,
} from './have-program-type.ts'
import type { ProbeAnswer } from './probe.ts'

/** The verifier has no helper of this number. */
const UNKNOWN_TO_ALL = /^.*invalid func /m
/** The kernel has it, for other programs. */
const UNKNOWN_TO_TYPE = /unknown func |program of this type cannot use helper/

const known = new Map<number, ProbeAnswer>()
const knownByType = new Map<string, ProbeAnswer>()

/**
 * Whether the running kernel has a helper at all, whatever programs may call it; a certain answer is kept.
 *
 * @param helper a name without `bpf_`, or a number that the tables do not know
 * @returns `'unknown'` when this process may not load programs
 * @throws RangeError when there is no helper of this name
 */
export function knowsHelper(helper: Helper | number): ProbeAnswer {
  const number = enumNumber(helpers, helper, 'helper')
  let answer = known.get(number) ?? 'unknown'
  if (answer === 'unknown') {
    const load = tryCall('socket_filter', number)
    if (number === helpers.unspec || UNKNOWN_TO_ALL.test(load.log)) answer = 'no'
    else answer = load.result >= 0 || load.log !== '' ? 'yes' : 'unknown'
    known.set(number, answer)
  }
  return answer
}

/**
 * Whether programs of a type may call a helper on the running kernel, by letting the verifier look at a call; a
 * certain answer is kept. It is about programs that cannot sleep, except for `syscall`, whose programs always can,
 * and for `tracing` about `fentry`.
 *
 * @param programType type of the program that calls; `ext` and `struct_ops` are `'unknown'`, for what they may
 *   call is up to what they replace
 * @param helper a name without `bpf_`, or a number that the tables do not know
 * @throws RangeError when there is no program type or helper of this name
 */
export function haveHelper(programType: ProgramType | number, helper: Helper | number): ProbeAnswer {
  const type = enumName(programTypes, enumNumber(programTypes, programType, 'program type'))
  const number = enumNumber(helpers, helper, 'helper')
  const key = `${type} ${number}`
  let answer = knownByType.get(key) ?? 'unknown'
  if (answer === 'unknown') {
    answer = probe(type, number)
    knownByType.set(key, answer)
  }
  return answer
}

function probe(type: ProgramType | number, helper: number): ProbeAnswer {
  if (typeof type === 'number' || type === 'ext' || type === 'struct_ops') return 'unknown'
  const hasType = haveProgramType(type)
  if (hasType !== 'yes') return hasType
  if (helper === helpers.unspec) return 'no'
  const shape = callerShape(type)
  if (shape === undefined) return 'unknown'
  const { result, log } = tryCall(type, helper, shape)
  if (UNKNOWN_TO_ALL.test(log) || UNKNOWN_TO_TYPE.test(log)) return 'no'
  return result >= 0 || log !== '' ? 'yes' : 'unknown'
}

/** The verifier looks at a call before its arguments, so there need not be any. */
function tryCall(type: ProgramType, helper: number, shape: ProgramShape = {}): LoggedLoad {
  return tryProgram(type, [call(helper), exit()], shape)
}

/** A program that has a real target, where it must have one; `undefined` when the kernel offers none. */
function callerShape(type: ProgramType): ProgramShape | undefined {
  if (type === 'tracing') return attachedTo('trace_fentry', 'bpf_fentry_test1')
  if (type === 'lsm') return attachedTo('lsm_mac', 'bpf_lsm_file_open')
  return programShapes[type] ?? {}
}

function attachedTo(attachType: AttachType, functionName: string): ProgramShape | undefined {
  let id: number | undefined
  try {
    id = kernelBtf().find(functionName, 'func')
  } catch {
    return undefined
  }
  return id === undefined ? undefined : { attachType, fields: { attach_btf_id: id } }
}
