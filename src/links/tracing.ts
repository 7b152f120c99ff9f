/**
 * BPF trampolines: programs at the entry and the return of kernel functions and of other BPF programs, with
 * typed arguments and without a breakpoint. What they attach to was named when they were loaded.
 *
 * Source: kernel/bpf/syscall.c `bpf_tracing_prog_attach`; libbpf `bpf_program__attach_trace_opts`.
 *
 * @module
 */

import { attachTypes } from '../abi/index.ts'
import { NotSupportedError } from '../errors.ts'
import { failure } from '../kernel/index.ts'
import { bpf, errnoName, OwnedFd } from '../syscalls/index.ts'
import { KernelLink, type Link, type ProgramHandle } from './link.ts'

/** How to attach to a function. */
export interface TracingOptions {
  /** Number that the program reads with `bpf_get_attach_cookie` (6.0). */
  cookie?: bigint
}

/** Attaches a `tracing` program of attach type `trace_fentry`: it runs when the function is entered (5.5). */
export function fentry(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'fentry', attachTypes.trace_fentry, options)
}

/** Attaches a `tracing` program of attach type `trace_fexit`: it runs when the function returns (5.5). */
export function fexit(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'fexit', attachTypes.trace_fexit, options)
}

/**
 * Attaches a `tracing` program of attach type `trace_fsession`: it runs when the function is entered and
 * when it returns; `bpf_session_is_return` tells which (7.0).
 */
export function fsession(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'fsession', attachTypes.trace_fsession, options)
}

/**
 * Attaches a `tracing` program of attach type `modify_return`: a value other than 0 is returned instead of
 * running the function, which must allow it (5.7).
 */
export function fmodRet(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'fmod_ret', attachTypes.modify_return, options)
}

/** Attaches an `lsm` program of attach type `lsm_mac`: it decides whether an operation is allowed (5.7). */
export function lsm(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attach(program, 'LSM hook', attachTypes.lsm_mac, options)
}

/**
 * Replaces a global function of another program by an `ext` program, which was loaded for it (5.6).
 *
 * @throws BpfError with `EBUSY` when the function is replaced already
 */
export function freplace(program: ProgramHandle): Link {
  return open(program, `program ${program.name} to the function it replaces`)
}

function attach(program: ProgramHandle, hook: string, attachType: number, { cookie }: TracingOptions): Link {
  const what = `program ${program.name} to its ${hook} target`
  // The older call does the same as long as there is no cookie.
  if (cookie === undefined) return open(program, what)
  const fields = { prog_fd: program.fd, attach_type: attachType, tracing: { cookie } }
  const result = bpf('link_create', fields)
  if (result < 0 && ['EINVAL', 'ENOTSUPP', 'E2BIG'].includes(errnoName(-result))) {
    throw new NotSupportedError(`Attaching ${what} with a cookie`, '6.0', { errno: -result })
  }
  if (result < 0) throw failure(`Cannot attach ${what}`, result, 'bpf(BPF_LINK_CREATE)')
  return new KernelLink(OwnedFd.adopt(result, `link of ${what}`))
}

function open(program: ProgramHandle, what: string): Link {
  const result = bpf('raw_tracepoint_open', { prog_fd: program.fd })
  if (result < 0) throw failure(`Cannot attach ${what}`, result, 'bpf(BPF_RAW_TRACEPOINT_OPEN)')
  return new KernelLink(OwnedFd.adopt(result, `link of ${what}`))
}
