/**
 * The error of a refused load: which program, why, and where in its source.
 *
 * @module
 */

import { attachTypes, type ProgramType, programTypes } from '../abi/generated/enums.ts'
import { enumName } from '../abi/names.ts'
import { attachTypeSince, programTypeSince } from '../abi/since.ts'
import type { Instruction } from '../asm/instruction.ts'
import { EINVAL } from '../base/errno.ts'
import { type BpfError, type BpfErrorOptions, NotSupportedError, withReason } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { lacking } from '../kernel/lacking.ts'
import { features } from '../kernel/probes/features.ts'
import { haveProgramType } from '../kernel/probes/have-program-type.ts'
import type { TokenHandle } from '../kernel/tokens/handle.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { attachTypeOf, isMulti, needsTrampoline, programTypeOf } from './attach-target.ts'
import type { PreparedProgram } from './prepare.ts'
import { explainVerdict } from './refusal/explain-verdict.ts'
import { lackedField } from './refusal/lacked-field.ts'
import { explainSilence } from './refusal/silent-refusal.ts'
import { describeProgram, type ProgramSpec } from './spec.ts'
import { VerifierError } from './verifier-error.ts'
import { formatSourceLine, sourceOfSlot, summarizeVerifierLog } from './verifier-log.ts'

const LOAD_SYSCALL = 'bpf(BPF_PROG_LOAD)'

/** What the kernel got of a program. */
export interface LoadRequest {
  readonly instructions: readonly Instruction[]
  /** Without a log. */
  readonly fields: AttrFields<'prog_load'>
  readonly token: TokenHandle | undefined
  /** Why the kernel does not have the program's BTF; `undefined` when it has it, or the program has none. */
  readonly btfRefusal: BpfError | undefined
}

/**
 * The error of a refused load: a `VerifierError` when the verifier said why.
 *
 * @param result -errno
 * @param log the verifier's; empty when it wrote none
 */
export function loadError(
  { spec, poisons }: PreparedProgram,
  { instructions, fields, token, btfRefusal }: LoadRequest,
  result: number,
  log: string,
): BpfError {
  const what = `Cannot load program ${describeProgram(spec)}`
  const programType = programTypeOf(spec)
  const attachType = Number(fields.expected_attach_type)
  const base = failure(what, result, LOAD_SYSCALL, token, { command: 'prog_load', programType, attachType })
  const lacked = lackedField(fields, result, token)
  if (lacked !== undefined) return lacking(lacked.name, lacked.since, { ...optionsOf(base), action: what })
  // A process that may not load programs may not load their types either.
  const sameReason = base.code === 'EPERM' && btfRefusal?.code === 'EPERM'
  const without = btfRefusal === undefined || sameReason ? undefined : withoutTypes(btfRefusal)
  const { reason, slot, instruction } = summarizeVerifierLog(log)
  if (reason.length === 0) {
    if (needsRefusedTrampoline(spec, base, token)) return refusedTrampoline(spec, result, base)
    if (result === -EINVAL && lacksType(spec, token)) return missingType(spec, base)
    const found = [explainSilence({ spec, fields, instructions }, result), without]
    const silence = found.filter(each => each !== undefined).join('; ')
    if (silence === '') return base
    if (log.trim() === '') return withReason(base, silence)
    const details = { log, reason, explanation: silence }
    return new VerifierError(`${what}: ${base.code}: ${silence}`, details, optionsOf(base))
  }

  const source = slot === undefined ? undefined : sourceOfSlot(instructions, slot)
  const poison = poisons.explain(log) ?? unknownMulti(spec, log)
  const type = enumName(programTypes, programType)
  const explanation = poison ?? explainVerdict({ log, type, license: spec.license ?? '' })
  const lines = [`${what}: ${base.code}: ${poison ?? reason.join('; ')}`]
  if (poison === undefined && explanation !== undefined) lines.push(`    cause: ${explanation}`)
  if (source !== undefined) lines.push(`    at ${formatSourceLine(source)}`)
  if (instruction !== undefined) lines.push(`    instruction ${slot}: ${instruction}`)
  if (without !== undefined) lines.push(`    ${without}`)
  return new VerifierError(lines.join('\n'), { log, reason, explanation, slot, source }, optionsOf(base))
}

function optionsOf(base: BpfError): BpfErrorOptions {
  return { code: base.code, errno: base.errno, syscall: LOAD_SYSCALL, cause: base }
}

/** Whether the kernel, for certain, has no programs of this type; it returns only `EINVAL`. */
function lacksType({ type }: ProgramSpec, token: TokenHandle | undefined): boolean {
  return typeof type === 'string' && haveProgramType(type, { token: token ?? false }) === 'no'
}

function missingType(spec: ProgramSpec, cause: BpfError): BpfError {
  const type = spec.type as ProgramType
  return lacking(`Program type ${type}`, programTypeSince[type], {
    ...optionsOf(cause),
    action: `Cannot load program ${describeProgram(spec)}`,
  })
}

/** What else may have to do with a refusal: functions, kfuncs and maps with locks need types. */
export function withoutTypes(refusal: BpfError): string {
  return `the kernel does not have the object's types: ${refusal.message}`
}

/**
 * Whether a program was refused because the kernel has no trampolines: an architecture without them says `ENOTSUPP`, a
 * locked-down kernel `EPERM`, and both say so before the verifier writes a log.
 */
function needsRefusedTrampoline(
  spec: ProgramSpec,
  { code }: BpfError,
  token: TokenHandle | undefined,
): boolean {
  if (code !== 'EPERM' && code !== 'ENOTSUPP') return false
  return needsTrampoline(spec) && features.trampoline.probe(token ?? false) === 'no'
}

/** Kernels that know these attach types want no function; the others want one for every program of the type. */
function unknownMulti(spec: ProgramSpec, log: string): string | undefined {
  const type = enumName(attachTypes, attachTypeOf(spec))
  if (!isMulti(spec) || typeof type !== 'string' || !log.includes('must provide btf_id')) return undefined
  return `the kernel does not have attach type ${type}, which came with Linux ${attachTypeSince[type]}`
}

function refusedTrampoline(spec: ProgramSpec, result: number, cause: BpfError): BpfError {
  const reason =
    cause.code === 'EPERM'
      ? 'it refuses trampolines (fentry, fexit, fmod_ret, lsm, freplace) to every process, as locked-down kernels do'
      : 'it has no trampolines on this architecture'
  return new NotSupportedError(`Loading program ${describeProgram(spec)}`, undefined, {
    errno: -result,
    syscall: LOAD_SYSCALL,
    cause,
    reason,
  })
}
