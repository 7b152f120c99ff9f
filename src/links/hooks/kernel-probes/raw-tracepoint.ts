/**
 * Raw tracepoints: the kernel's tracepoints with their arguments as they are, without the cost of a perf event. The
 * program reads an array of 64-bit arguments.
 *
 * Source: kernel/bpf/syscall.c `bpf_raw_tracepoint_open`, libbpf `bpf_program__attach_raw_tracepoint_opts`.
 *
 * @module
 */

import { featureSince } from '../../../abi/feature-since.ts'
import { programTypeSince } from '../../../abi/since.ts'
import { EINVAL, ENOENT } from '../../../base/errno.ts'
import { unlessRefused, withReason } from '../../../base/errors.ts'
import { similarName } from '../../../btf/similar.ts'
import { kernelBtf } from '../../../kernel/btf.ts'
import { failure } from '../../../kernel/failure.ts'
import { lacking } from '../../../kernel/lacking.ts'
import { discard, doNothing, loadCode } from '../../../kernel/probes/experiment.ts'
import { features } from '../../../kernel/probes/features.ts'
import type { AttrFields } from '../../../syscalls/attr.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'
import { requireCookie } from '../cookie.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { explainKind, type HookUse, requireProgramType } from '../program-kind.ts'
import { explainSleepable } from './sleepable-tracepoint.ts'

/** How to attach to a raw tracepoint. */
export interface RawTracepointOptions {
  /** Number that the program reads with `bpf_get_attach_cookie`. Since Linux 6.10. */
  cookie?: bigint
}

/**
 * Attaches a `raw_tracepoint` or `raw_tracepoint_writable` program. Since Linux 4.17.
 *
 * @param name name of the tracepoint without its group, such as `'sched_switch'`
 * @throws BpfError with code `ENOENT` when the kernel has no such tracepoint, `ERR_PROGRAM_TYPE` when the program is of another
 *   type, `EINVAL` when it writes to a tracepoint that is not writable
 * @throws RangeError when the cookie does not fit 64 bits
 * @throws NotSupportedError when a cookie is given and the kernel is older than 6.10
 */
export function rawTracepoint(
  program: ProgramHandle,
  name: string,
  options: RawTracepointOptions = {},
): Link {
  const what = `program ${program.name} to raw tracepoint ${name}`
  return openRawTracepoint(what, { name }, options, { program, hook: 'raw_tracepoint' })
}

/**
 * Opens a raw tracepoint.
 *
 * @param what names the attachment in errors
 * @param fields besides the program's descriptor and the cookie
 * @param use the program and its hook
 * @throws BpfError, RangeError, NotSupportedError as `rawTracepoint` does
 */
export function openRawTracepoint(
  what: string,
  fields: AttrFields<'raw_tracepoint_open'>,
  { cookie }: RawTracepointOptions,
  use: HookUse,
): Link {
  requireProgramType(what, use)
  requireCookie(what, cookie)
  const prog_fd = use.program.fd
  const result = bpf('raw_tracepoint_open', {
    ...fields,
    prog_fd,
    ...(cookie === undefined ? {} : { cookie }),
  })
  if (result < 0) {
    const error = failure(`Cannot attach ${what}`, result, 'bpf(BPF_RAW_TRACEPOINT_OPEN)')
    if (result === -ENOENT)
      throw withReason(error, `the kernel has no such tracepoint${similarTracepoint(fields.name)}`)
    if (result !== -EINVAL) throw error
    // Older kernels refuse the unknown field, not the tracepoint.
    if (cookie !== undefined && features.rawTracepointCookie.probe() === 'no') {
      throw lacking(`Attaching ${what} with a cookie`, featureSince.rawTracepointCookie, {
        errno: -result,
      })
    }
    const reason =
      writableReason(use) ??
      explainSleepable(use.program, 'sys_enter and sys_exit', () => attachesHarmless(fields)) ??
      explainKind(use)
    throw reason === undefined ? error : withReason(error, reason)
  }
  return new KernelLink(OwnedFd.adopt(result, `link of ${what}`))
}

/** Source: kernel/bpf/syscall.c `bpf_probe_register`: the context that the program writes is larger than the tracepoint's. */
function writableReason({ program: { spec } }: HookUse): string | undefined {
  return spec?.type === 'raw_tracepoint_writable'
    ? 'the tracepoint is not writable, or the program writes beyond what is'
    : undefined
}

/** Whether the kernel attaches a program that does nothing, where the tracepoint has its name. */
function attachesHarmless({ name }: AttrFields<'raw_tracepoint_open'>): boolean {
  if (name === undefined) return false
  const prog_fd = loadCode(undefined, 'raw_tracepoint', doNothing())
  if (prog_fd < 0) return false
  const result = discard(bpf('raw_tracepoint_open', { name, prog_fd }))
  discard(prog_fd)
  return result >= 0
}

/** A tracepoint whose name is like a mistyped one, as the end of a message; the kernel's BTF has a type for each. */
function similarTracepoint(name: unknown): string {
  if (typeof name !== 'string') return ''
  const similar = unlessRefused(() => similarName(kernelBtf(), name, 'typedef', 'btf_trace_'))
  return similar === undefined ? '' : `; did you mean ${similar}?`
}

/** The hook `raw_tracepoint`. */
export const rawTracepointHook: HookDefinition = {
  attachesTo: 'a raw tracepoint',
  call: "rawTracepoint(program, 'sched_switch')",
  since: programTypeSince.raw_tracepoint,
  linkType: 'raw_tracepoint',
  target: 'NAME',
  bySection: bySection((program, target) => ({
    link: rawTracepoint(program, target),
    target: `raw tracepoint ${target}`,
  })),
}
