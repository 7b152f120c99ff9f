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
} from '../../abi/generated/enums.ts'
import { enumName, enumNumber } from '../../abi/names.ts'
import { call } from '../../asm/calls.ts'
import { exit } from '../../asm/jumps.ts'
import { kernelFunctionId } from '../btf.ts'
import type { TokenHandle, TokenOptions } from '../tokens/handle.ts'
import {
  haveProgramType,
  type LoggedLoad,
  type ProgramShape,
  programShapes,
  tryProgram,
} from './have-program-type.ts'
import { Answers, type ProbeAnswer } from './probe.ts'

/** The verifier has no helper of this number. */
const UNKNOWN_TO_ALL = /^.*invalid func /m
/** The kernel has it, for other programs. */
const UNKNOWN_TO_TYPE = /unknown func |program of this type cannot use helper/

const answers = new Answers<number>()
const answersByType = new Answers<string>()

/**
 * Whether the running kernel has a helper at all, whatever programs may call it; a certain answer is kept, for
 * each token.
 *
 * @param helper a name without `bpf_`, or a number that the tables do not know
 * @returns `'unknown'` when this process may not load programs
 * @throws RangeError when no helper has this name, or the number is outside 0 to 2^31 - 1
 */
export function knowsHelper(helper: Helper | number, options: TokenOptions = {}): ProbeAnswer {
  const number = enumNumber(helpers, helper, 'helper')
  return answers.ask(number, options.token, token => {
    if (number === helpers.unspec) return 'no'
    const { result, log } = tryCall(token, 'socket_filter', number)
    if (UNKNOWN_TO_ALL.test(log)) return 'no'
    return result >= 0 || log !== '' ? 'yes' : 'unknown'
  })
}

/**
 * Whether programs of a type may call a helper on the running kernel, by letting the verifier look at a call; a
 * certain answer is kept, for each token. It is about programs that cannot sleep, except for `syscall`, whose programs always can,
 * and for `tracing` about `fentry`.
 *
 * @param programType type of the program that calls; `ext` and `struct_ops` are `'unknown'`, for what they may
 *   call is up to what they replace
 * @param helper a name without `bpf_`, or a number that the tables do not know
 * @throws RangeError when no program type or helper has this name, or the number of the helper is outside 0 to 2^31 - 1
 */
export function haveHelper(
  programType: ProgramType | number,
  helper: Helper | number,
  options: TokenOptions = {},
): ProbeAnswer {
  const type = enumName(programTypes, enumNumber(programTypes, programType, 'program type'))
  const number = enumNumber(helpers, helper, 'helper')
  return answersByType.ask(`${type} ${number}`, options.token, token => probe(token, type, number))
}

function probe(token: TokenHandle | undefined, type: ProgramType | number, helper: number): ProbeAnswer {
  if (typeof type === 'number' || type === 'ext' || type === 'struct_ops') return 'unknown'
  const hasType = haveProgramType(type, { token: token ?? false })
  if (hasType !== 'yes') return hasType
  if (helper === helpers.unspec) return 'no'
  const shape = callerShape(type)
  if (shape === undefined) return 'unknown'
  const { result, log } = tryCall(token, type, helper, shape)
  if (UNKNOWN_TO_ALL.test(log) || UNKNOWN_TO_TYPE.test(log)) return 'no'
  return result >= 0 || log !== '' ? 'yes' : 'unknown'
}

/** The verifier looks at a call before its arguments, so there need not be any. */
function tryCall(
  token: TokenHandle | undefined,
  type: ProgramType,
  helper: number,
  shape: ProgramShape = {},
): LoggedLoad {
  return tryProgram(token, type, [call(helper), exit()], shape)
}

/** A program that has a real target, where it must have one; `undefined` when the kernel offers none. */
function callerShape(type: ProgramType): ProgramShape | undefined {
  if (type === 'tracing') return attachedTo('trace_fentry', 'bpf_fentry_test1')
  if (type === 'lsm') return attachedTo('lsm_mac', 'bpf_lsm_file_open')
  return programShapes[type] ?? {}
}

function attachedTo(attachType: AttachType, functionName: string): ProgramShape | undefined {
  const id = kernelFunctionId(functionName)
  return id === undefined ? undefined : { attachType, fields: { attach_btf_id: id } }
}
