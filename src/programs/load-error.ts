/**
 * The error of a refused load: which program, why, and where in its source.
 *
 * @module
 */

import type { Instruction } from '../asm/instruction.ts'
import { errnoName } from '../base/errno.ts'
import { type BpfError, NotSupportedError } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { features } from '../kernel/probes/features.ts'
import type { TokenHandle } from '../kernel/tokens/handle.ts'
import { needsTrampoline, programTypeOf } from './attach-target.ts'
import type { PreparedProgram } from './prepare.ts'
import { describeProgram, type ProgramSpec } from './spec.ts'
import { VerifierError } from './verifier-error.ts'
import { formatSourceLine, sourceOfSlot, summarizeVerifierLog } from './verifier-log.ts'

const LOAD_SYSCALL = 'bpf(BPF_PROG_LOAD)'

/** What the kernel got of a program. */
export interface LoadRequest {
  readonly instructions: readonly Instruction[]
  /** Number of the expected attach type. */
  readonly attachType: number
  readonly token: TokenHandle | undefined
}

/**
 * The error of a refused load: a `VerifierError` when the verifier said why.
 *
 * @param result -errno
 * @param log the verifier's; empty when it wrote none
 */
export function loadError(
  { spec, poisons }: PreparedProgram,
  { instructions, attachType, token }: LoadRequest,
  result: number,
  log: string,
): BpfError {
  const what = `Cannot load program ${describeProgram(spec)}`
  const programType = programTypeOf(spec)
  const base = failure(what, result, LOAD_SYSCALL, token, { command: 'prog_load', programType, attachType })
  if (log.trim() === '')
    return needsRefusedTrampoline(spec, base, token) ? refusedTrampoline(spec, result, base) : base

  const { reason, slot, instruction } = summarizeVerifierLog(log)
  const source = slot === undefined ? undefined : sourceOfSlot(instructions, slot)
  const explanation = poisons.explain(log)
  const lines = [`${what}: ${errnoName(-result)}: ${explanation ?? reason.join('; ')}`]
  if (source !== undefined) lines.push(`    at ${formatSourceLine(source)}`)
  if (instruction !== undefined) lines.push(`    instruction ${slot}: ${instruction}`)
  return new VerifierError(
    lines.join('\n'),
    { log, reason, explanation, slot, source },
    { code: base.code, errno: -result, syscall: LOAD_SYSCALL, cause: base },
  )
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

function refusedTrampoline(spec: ProgramSpec, result: number, cause: BpfError): BpfError {
  const hint =
    cause.code === 'EPERM'
      ? 'it refuses trampolines (fentry, fexit, fmod_ret, lsm, freplace) to every process, as locked-down kernels do'
      : 'it has no trampolines on this architecture'
  return new NotSupportedError(`Loading program ${describeProgram(spec)}`, undefined, {
    code: cause.code,
    errno: -result,
    syscall: LOAD_SYSCALL,
    cause,
    hint,
  })
}
