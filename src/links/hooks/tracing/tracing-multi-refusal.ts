/**
 * Which functions the kernel refuses of those that a program is attached to at once: it attaches to all or to none, and
 * returns only an errno. It is asked about parts of them, with a program that does nothing.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_tracing_multi_attach`; kernel/bpf/verifier.c `bpf_check_attach_target`.
 *
 * @module
 */

import { BPF_F_SLEEPABLE } from '../../../abi/constants.ts'
import { attachTypes } from '../../../abi/generated/enums.ts'
import { E2BIG, EBUSY, EINVAL, ENOENT, ENOTSUPP, EOPNOTSUPP } from '../../../base/errno.ts'
import { type BpfError, withReason } from '../../../base/errors.ts'
import { failure } from '../../../kernel/failure.ts'
import { discard, doNothing, loadCode } from '../../../kernel/probes/experiment.ts'
import { BtfObject } from '../../../objects/btf-object.ts'
import { explainFunction } from '../../../symbols/explain-function.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { explainKind, type HookUse } from '../program-kind.ts'
import { type TargetTypes, type TypedFunctions, targetTypes } from './tracing-multi-targets.ts'

/** Attach types of programs for many functions. */
export type TracingMultiAttachType = 'trace_fentry_multi' | 'trace_fexit_multi' | 'trace_fsession_multi'

/** An attachment to many functions that is to be made. */
export interface TracingMultiUse extends HookUse {
  readonly attachType: TracingMultiAttachType
}

/** Attaches to some functions, by their BTF ids, and detaches again: 0 or more, or -errno. */
export type Attempt = (ids: readonly number[]) => number

/** Errnos that may be about one of the functions. */
const ABOUT_FUNCTIONS: readonly number[] = [EINVAL, ENOENT, EBUSY, E2BIG, EOPNOTSUPP, ENOTSUPP]

/**
 * What is left of some functions without those that the kernel refuses, which are rejected then.
 *
 * @param result -errno of all of them
 */
export function withoutRefused(
  use: TracingMultiUse,
  result: number,
  functions: TypedFunctions,
): TypedFunctions {
  if (!ABOUT_FUNCTIONS.includes(-result)) return functions
  const trial = trialOf(use)
  const refused = new Set(tryWith(trial, attempt => searchRefused(attempt, functions.ids)))
  const { types } = trial.target
  const rejected = Array.from(refused, id => ({ name: types.name(id), reason: 'refused' as const }))
  return {
    ids: functions.ids.filter(id => !refused.has(id)),
    rejected: [...functions.rejected, ...rejected],
  }
}

/**
 * The error of a refused link, with the first function that is at fault.
 *
 * @param what names the attachment in errors
 * @param result -errno
 */
export function tracingMultiError(
  what: string,
  result: number,
  use: TracingMultiUse,
  ids: readonly number[],
): BpfError {
  const error = failure(`Cannot attach ${what}`, result, 'bpf(BPF_LINK_CREATE)')
  if (!ABOUT_FUNCTIONS.includes(-result)) return error
  const trial = trialOf(use)
  const [refused] = tryWith(trial, attempt => searchRefused(attempt, ids, 1)) ?? []
  if (refused !== undefined) {
    const others = ids.length === 1 ? '' : ` (one of ${ids.length} functions)`
    return withReason(error, `${explainRefused(trial, refused)}${others}`)
  }
  if (result === -EBUSY) return withReason(error, 'the program is attached to one of them already')
  const reason = result === -EINVAL ? explainKind(use) : undefined
  return reason === undefined ? error : withReason(error, reason)
}

/**
 * Asks about halves of what is refused, until what is left is one function.
 *
 * @param limit how many to look for
 */
export function searchRefused(
  attempt: Attempt,
  ids: readonly number[],
  limit: number = Number.POSITIVE_INFINITY,
): number[] {
  const refused: number[] = []
  const search = (part: readonly number[]): void => {
    if (part.length === 0 || refused.length >= limit || attempt(part) >= 0) return
    if (part.length === 1) {
      refused.push(part[0]!)
      return
    }
    const middle = part.length >> 1
    search(part.slice(0, middle))
    search(part.slice(middle))
  }
  search(ids)
  return refused
}

/** The program that does nothing. */
interface Trial {
  readonly attachType: TracingMultiAttachType
  readonly sleepable: boolean
  readonly target: TargetTypes
}

function trialOf({ program, attachType }: TracingMultiUse): Trial {
  const sleepable = ((program.spec?.flags ?? 0) & BPF_F_SLEEPABLE) !== 0
  return { attachType, sleepable, target: targetTypes(program) }
}

/**
 * Asks the kernel by attaching a program that does nothing.
 *
 * @returns `undefined` when it cannot be loaded
 */
function tryWith<T>({ attachType, sleepable, target }: Trial, ask: (attempt: Attempt) => T): T | undefined {
  using module = target.objectId === 0 ? undefined : BtfObject.fromId(target.objectId)
  const result = loadCode(undefined, 'tracing', doNothing(), attachType, {
    prog_flags: sleepable ? BPF_F_SLEEPABLE : 0,
    ...(module === undefined ? {} : { attach_btf_obj_fd: module.fd }),
  })
  if (result < 0) return undefined
  using program = OwnedFd.adopt(result, 'program')
  return ask(ids => {
    const tracing_multi = { ids: Uint32Array.from(ids), cnt: ids.length }
    const fields = { prog_fd: program.fd, attach_type: attachTypes[attachType], tracing_multi }
    return discard(bpf('link_create', fields))
  })
}

/** Why the kernel refuses a function, by what it does with other programs there. */
function explainRefused(trial: Trial, id: number): string {
  const { module, types } = trial.target
  const name = module === undefined ? types.name(id) : `${module}:${types.name(id)}`
  const known = explainFunction(name, 'fentry')
  if (known !== undefined) return known
  const accepts = (other: Trial): boolean => {
    const result = tryWith(other, attempt => attempt([id]))
    return result !== undefined && result >= 0
  }
  if (trial.sleepable && accepts({ ...trial, sleepable: false })) return `programs at ${name} may not sleep`
  if (trial.attachType !== 'trace_fentry_multi' && accepts({ ...trial, attachType: 'trace_fentry_multi' })) {
    return `the kernel attaches programs to the entry of ${name}, not to its return`
  }
  return `the kernel does not attach programs to ${name}, and gives no other reason`
}
