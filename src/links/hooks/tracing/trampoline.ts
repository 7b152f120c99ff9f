/**
 * BPF trampolines: programs at the entry and the return of kernel functions and of other BPF programs, with
 * typed arguments and without a breakpoint. What they attach to was named when they were loaded.
 *
 * Source: kernel/bpf/syscall.c `bpf_tracing_prog_attach`; libbpf `bpf_program__attach_trace_opts`.
 *
 * @module
 */

import { featureSince } from '../../../abi/feature-since.ts'
import { type AttachType, attachTypes } from '../../../abi/generated/enums.ts'
import { EINVAL } from '../../../base/errno.ts'
import type { BpfErrorCode } from '../../../base/error-codes.ts'
import { withReason } from '../../../base/errors.ts'
import { failure } from '../../../kernel/failure.ts'
import { lacking } from '../../../kernel/lacking.ts'
import { features } from '../../../kernel/probes/features.ts'
import { explainFunction } from '../../../symbols/explain-function.ts'
import type { AttrFields } from '../../../syscalls/attr.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'
import { requireCookie } from '../cookie.ts'
import type { HookDefinition } from '../definition.ts'
import {
  attachTypeError,
  explainKind,
  type HookUse,
  requireAttachType,
  requireProgramType,
} from '../program-kind.ts'

/** What the hooks of trampolines have in common. */
export const trampolineFacts: Required<
  Pick<HookDefinition, 'linkType' | 'sinceArm64' | 'feature' | 'config'>
> = {
  linkType: 'tracing',
  sinceArm64: featureSince.trampolineArm64,
  feature: features.trampoline,
  config: 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS',
}

/** How to attach to a function. */
export interface TracingOptions {
  /** Number that the program reads with `bpf_get_attach_cookie`. Since Linux 6.0. */
  cookie?: bigint
}

/**
 * Attaches a program to what it was loaded for.
 *
 * @param target names it in errors: `'the entry of its function'`
 * @throws BpfError, RangeError, NotSupportedError as `fentry` does
 */
export function attachTrampoline(
  use: HookUse & { readonly attachType: AttachType },
  target: string,
  { cookie }: TracingOptions,
): Link {
  const { program, attachType } = use
  const what = `program ${program.name} to ${target}`
  requireProgramType(what, use)
  requireAttachType(program, what, attachType)
  requireCookie(what, cookie)
  const fields: AttrFields<'link_create'> = { prog_fd: program.fd, attach_type: attachTypes[attachType] }
  const result = bpf('link_create', cookie === undefined ? fields : { ...fields, tracing: { cookie } })
  if (result !== -EINVAL) {
    return adoptTrampoline(result, what, 'bpf(BPF_LINK_CREATE)', use)
  }
  if (features.tracingLink.probe() === 'yes') {
    // Of a program that we loaded it is known that this is not the reason.
    if (program.spec === undefined) throw attachTypeError(what, attachType)
    return adoptTrampoline(result, what, 'bpf(BPF_LINK_CREATE)', use)
  }
  if (cookie !== undefined) {
    throw lacking(`Attaching ${what} with a cookie`, featureSince.tracingLink, {
      errno: -result,
    })
  }
  // What older kernels have instead; it asks neither for the attach type nor for a cookie.
  const opened = bpf('raw_tracepoint_open', { prog_fd: program.fd })
  return adoptTrampoline(opened, what, 'bpf(BPF_RAW_TRACEPOINT_OPEN)', use)
}

/**
 * The link that a system call has returned.
 *
 * @param what names the attachment in errors
 * @throws BpfError when it has returned an error, with the reason where it is known
 */
export function adoptTrampoline(result: number, what: string, syscall: string, use: HookUse): Link {
  if (result >= 0) return new KernelLink(OwnedFd.adopt(result, `link of ${what}`))
  const error = failure(`Cannot attach ${what}`, result, syscall)
  const reason = explain(error.code, use)
  throw reason === undefined ? error : withReason(error, reason)
}

/** What the kernel's errno means for a trampoline. Source: kernel/bpf/trampoline.c `__bpf_trampoline_link_prog`. */
function explain(code: BpfErrorCode, use: HookUse): string | undefined {
  const { program } = use
  switch (code) {
    case 'EINVAL':
      return untraceable(program) ?? explainKind(use)
    case 'EBUSY':
      return (
        untraceable(program) ??
        'the program is attached to it already, or the function is replaced (freplace), which excludes other programs'
      )
    case 'ENOENT':
      return 'the program was attached before, and this kernel attaches it only once'
    case 'E2BIG':
      return 'the function has as many programs as a trampoline can call'
    case 'ENOTSUPP':
      return (
        untraceable(program) ??
        'trampolines of this kernel and architecture cannot pass the arguments of the function: there are too many, or some are structures'
      )
    default:
      return undefined
  }
}

/** Why the kernel cannot patch a call into its function, where that is the reason. */
function untraceable({ spec }: ProgramHandle): string | undefined {
  if (spec?.attachTarget === undefined || spec.attachProgram !== undefined) return undefined
  return spec.type === 'tracing' ? explainFunction(spec.attachTarget, 'fentry') : undefined
}
