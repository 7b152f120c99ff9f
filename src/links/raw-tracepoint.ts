/**
 * Raw tracepoints: the kernel's tracepoints with their arguments as they are, without the cost of a perf
 * event. `raw_tp` programs read an array of 64-bit arguments, `tp_btf` programs typed arguments.
 *
 * Source: kernel/bpf/syscall.c `bpf_raw_tracepoint_open`, libbpf `bpf_program__attach_raw_tracepoint_opts`.
 *
 * @module
 */

import { NotSupportedError, withReason } from '../errors.ts'
import { failure, features } from '../kernel/index.ts'
import { type AttrFields, bpf, errnoName, OwnedFd } from '../syscalls/index.ts'
import { requireAttachType } from './attach-type.ts'
import { KernelLink, type Link, type ProgramHandle } from './link.ts'

/** How to attach to a raw tracepoint. */
export interface RawTracepointOptions {
  /** Number that the program reads with `bpf_get_attach_cookie` (6.10). */
  cookie?: bigint
}

/**
 * Attaches a `raw_tracepoint` or `raw_tracepoint_writable` program (4.17).
 *
 * @param name name of the tracepoint without its group, such as `'sched_switch'`
 * @throws BpfError with code `ENOENT` when there is no such tracepoint, `EINVAL` when the program is of another type or
 *   writes to a tracepoint that is not writable
 * @throws NotSupportedError when a cookie is given and the kernel is older than 6.10
 */
export function rawTracepoint(
  program: ProgramHandle,
  name: string,
  options: RawTracepointOptions = {},
): Link {
  return open(program, `raw tracepoint ${name}`, { name, prog_fd: program.fd, ...cookieOf(options) }, options)
}

/**
 * Attaches a `tracing` program of attach type `trace_raw_tp`, whose tracepoint was named when it was
 * loaded (5.5).
 *
 * @throws NotSupportedError when a cookie is given and the kernel is older than 6.10
 */
export function tpBtf(program: ProgramHandle, options: RawTracepointOptions = {}): Link {
  const target = 'its tracepoint'
  // Without a name, the kernel attaches a program to whatever it was loaded for.
  requireAttachType(program, `program ${program.name} to ${target}`, 'trace_raw_tp')
  return open(program, target, { prog_fd: program.fd, ...cookieOf(options) }, options)
}

function cookieOf(options: RawTracepointOptions): { cookie?: bigint } {
  return options.cookie === undefined ? {} : { cookie: options.cookie }
}

function open(
  program: ProgramHandle,
  target: string,
  fields: AttrFields<'raw_tracepoint_open'>,
  options: RawTracepointOptions,
): Link {
  const what = `program ${program.name} to ${target}`
  const result = bpf('raw_tracepoint_open', fields)
  if (result < 0) {
    const error = failure(`Cannot attach ${what}`, result, 'bpf(BPF_RAW_TRACEPOINT_OPEN)')
    if (errnoName(-result) !== 'EINVAL') throw error
    // Older kernels refuse the unknown field, not the tracepoint.
    if (options.cookie !== undefined && features.rawTracepointCookie.probe() === 'no') {
      throw new NotSupportedError(`Attaching ${what} with a cookie`, '6.10', { errno: -result })
    }
    throw withReason(
      error,
      'the program must be of type raw_tracepoint, or raw_tracepoint_writable where the tracepoint is writable',
    )
  }
  return new KernelLink(OwnedFd.adopt(result, `link of ${what}`))
}
