/**
 * BPF trampolines: programs at the entry and the return of kernel functions and of other BPF programs, with
 * typed arguments and without a breakpoint. What they attach to was named when they were loaded.
 *
 * Source: kernel/bpf/syscall.c `bpf_tracing_prog_attach`; libbpf `bpf_program__attach_trace_opts`,
 * `bpf_program__attach_freplace`.
 *
 * @module
 */

import { type AttachType, attachTypes } from '../abi/generated/enums.ts'
import { BpfError, NotSupportedError, withReason } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { features } from '../kernel/features.ts'
import { BtfObject } from '../objects/btf-object.ts'
import { explainFunction } from '../symbols/explain-function.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { bpf } from '../syscalls/bpf.ts'
import { errnoName } from '../syscalls/errno.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { attachTypeError, requireAttachType } from './attach-type.ts'
import { requireCookie } from './cookie.ts'
import { KernelLink, type Link, type ProgramHandle } from './link.ts'

/** How to attach to a function. */
export interface TracingOptions {
  /** Number that the program reads with `bpf_get_attach_cookie` (6.0). */
  cookie?: bigint
}

/** What an `ext` program replaces, if not what it was loaded for. */
export interface FreplaceOptions {
  /** Program whose function is replaced. */
  target: { readonly fd: number }
  /** Name of a global function of it, with the arguments of the one that the program was loaded for. */
  function: string
}

/**
 * Attaches a `tracing` program of attach type `trace_fentry`: it runs when the function is entered (5.5).
 *
 * @throws BpfError with `ERR_ATTACH_TYPE` when it was loaded for something else, `EBUSY` when it is attached already
 *   or the function cannot be patched, `ENOTSUPP` when a trampoline cannot pass the function's arguments, `E2BIG` when
 *   the function has all the programs that a trampoline can call
 * @throws RangeError when the cookie does not fit 64 bits
 * @throws NotSupportedError when a cookie is given and the kernel is older than 6.0
 */
export function fentry(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'the entry of its function', 'trace_fentry', options)
}

/**
 * Attaches a `tracing` program of attach type `trace_fexit`: it runs when the function returns (5.5). Throws as
 * `fentry` does.
 */
export function fexit(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'the return of its function', 'trace_fexit', options)
}

/**
 * Attaches a `tracing` program of attach type `trace_fsession`: it runs when the function is entered and
 * when it returns; `bpf_session_is_return` tells which (7.0). Throws as `fentry` does.
 */
export function fsession(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'the entry and the return of its function', 'trace_fsession', options)
}

/**
 * Attaches a `tracing` program of attach type `modify_return`: a value other than 0 is returned instead of
 * running the function, which must allow it (5.7). Throws as `fentry` does.
 */
export function fmodRet(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'the return value of its function', 'modify_return', options)
}

/**
 * Attaches an `lsm` program of attach type `lsm_mac`: it decides whether an operation is allowed (5.7). Throws as
 * `fentry` does.
 */
export function lsm(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'its LSM hook', 'lsm_mac', options)
}

/**
 * Replaces a global function of another program by an `ext` program: the function that it was loaded for (5.6), or a
 * like one of any program (5.10).
 *
 * @throws BpfError with `EBUSY` when the function is replaced already, or traced; `ENOENT` when there is no such
 *   function; `EINVAL` when its arguments or its program's type differ
 */
export function freplace(program: ProgramHandle, options?: FreplaceOptions): Link {
  if (options === undefined) {
    const what = `program ${program.name} to the function it replaces`
    const result = bpf('raw_tracepoint_open', { prog_fd: program.fd })
    // The kernel forgets what it was loaded for once it was attached to it.
    if (errnoName(-result) === 'EINVAL' || errnoName(-result) === 'ENOENT') {
      throw withReason(
        failure(`Cannot attach ${what}`, result, 'bpf(BPF_RAW_TRACEPOINT_OPEN)'),
        'it must be of type ext, and was not attached before; to attach it again, give target and function',
      )
    }
    return adopt(result, what, 'bpf(BPF_RAW_TRACEPOINT_OPEN)', program)
  }
  const what = `program ${program.name} to function ${options.function}`
  using btf = BtfObject.ofProgram(options.target.fd)
  const target = btf.types().find(options.function, 'func')
  if (target === undefined) {
    throw new BpfError(`Cannot attach ${what}: the target program has no such function`, { code: 'ENOENT' })
  }
  const result = bpf('link_create', {
    prog_fd: program.fd,
    target_fd: options.target.fd,
    target_btf_id: target,
  })
  return adopt(result, what, 'bpf(BPF_LINK_CREATE)', program)
}

function attach(
  program: ProgramHandle,
  target: string,
  attachType: AttachType,
  { cookie }: TracingOptions,
): Link {
  const what = `program ${program.name} to ${target}`
  requireAttachType(program, what, attachType)
  requireCookie(what, cookie)
  const fields: AttrFields<'link_create'> = { prog_fd: program.fd, attach_type: attachTypes[attachType] }
  const result = bpf('link_create', cookie === undefined ? fields : { ...fields, tracing: { cookie } })
  if (result >= 0 || errnoName(-result) !== 'EINVAL') {
    return adopt(result, what, 'bpf(BPF_LINK_CREATE)', program)
  }
  if (features.tracingLink.probe() === 'yes') {
    // Of a program that we loaded it is known that this is not the reason.
    if (program.spec === undefined) throw attachTypeError(what, attachType)
    return adopt(result, what, 'bpf(BPF_LINK_CREATE)', program)
  }
  if (cookie !== undefined) {
    throw new NotSupportedError(`Attaching ${what} with a cookie`, '6.0', { errno: -result })
  }
  // What older kernels have instead; it asks neither for the attach type nor for a cookie.
  const opened = bpf('raw_tracepoint_open', { prog_fd: program.fd })
  return adopt(opened, what, 'bpf(BPF_RAW_TRACEPOINT_OPEN)', program)
}

function adopt(result: number, what: string, syscall: string, program: ProgramHandle): Link {
  if (result >= 0) return new KernelLink(OwnedFd.adopt(result, `link of ${what}`))
  const error = failure(`Cannot attach ${what}`, result, syscall)
  const reason = explain(error.code, program)
  throw reason === undefined ? error : withReason(error, reason)
}

/** What the kernel's errno means for a trampoline. Source: kernel/bpf/trampoline.c `__bpf_trampoline_link_prog`. */
function explain(code: string, program: ProgramHandle): string | undefined {
  switch (code) {
    case 'EINVAL':
      return untraceable(program) ?? wrongType(program)
    case 'EBUSY':
      return (
        untraceable(program) ??
        'the program is attached to it already, or the function is replaced (freplace), which excludes other programs'
      )
    case 'ENOENT':
      return 'the program was attached before, and this kernel attaches it but once'
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

/** What attaches by what it was loaded for. */
const TYPES: readonly unknown[] = ['tracing', 'lsm', 'ext']

function wrongType({ spec }: ProgramHandle): string | undefined {
  const type = spec?.type
  if (typeof type !== 'string' || TYPES.includes(type)) return undefined
  return `the program is of type ${type}, and must be of ${TYPES.slice(0, -1).join(' or ')}`
}

/** Why the kernel cannot patch a call into its function, where that is the reason. */
function untraceable({ spec }: ProgramHandle): string | undefined {
  if (spec?.attachTarget === undefined || spec.attachProgram !== undefined) return undefined
  return spec.type === 'tracing' ? explainFunction(spec.attachTarget, 'fentry') : undefined
}
