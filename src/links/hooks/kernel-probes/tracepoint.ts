/**
 * Tracepoints, through perf events; the program reads the record that `format` in tracefs describes.
 *
 * Source: libbpf `bpf_program__attach_tracepoint_opts`.
 *
 * @module
 */

import { attachTypeSince, programTypeSince } from '../../../abi/since.ts'
import { EACCES, EINVAL } from '../../../base/errno.ts'
import { unlessRefused } from '../../../base/errors.ts'
import { PerfEvent } from '../../../kernel/perf/perf-event.ts'
import { doNothing, loadCode } from '../../../kernel/probes/experiment.ts'
import { formatPath, recordSize } from '../../../kernel/tracefs.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { attaching } from '../../attaching.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { attachPerfEvent } from '../perf-event/attach.ts'
import { requireProgramType } from '../program-kind.ts'
import { explainSleepable } from './sleepable-tracepoint.ts'

/** How to attach to a tracepoint. */
export interface TracepointOptions {
  /** Number that the program reads with `bpf_get_attach_cookie`. Since Linux 5.15. */
  cookie?: bigint
}

/**
 * Attaches a `tracepoint` program. Since Linux 4.7; by a link since 5.15.
 *
 * @param category such as `'sched'`
 * @param name such as `'sched_switch'`
 * @throws BpfError with code `ENOENT` when the kernel has no such tracepoint, or tracefs is not mounted
 * @throws BpfError with code `ERR_PROGRAM_TYPE` when the program is of another type, `EACCES` when it reads beyond the
 *   record of the tracepoint
 * @throws NotSupportedError when a cookie is given and the kernel is older than 5.15
 */
export function tracepoint(
  program: ProgramHandle,
  category: string,
  name: string,
  options: TracepointOptions = {},
): Link {
  const target = `tracepoint ${category}/${name}`
  const what = `program ${program.name} to ${target}`
  requireProgramType(what, { program, hook: 'tracepoint' })
  // Before there is an event: a getter may throw.
  const { cookie } = options
  const event = attaching(what, () => PerfEvent.openTraceEvent(target, category, name))
  return attachPerfEvent(program, event, what, {
    cookie,
    hook: 'tracepoint',
    explain: result => {
      if (result === -EACCES) return explainAccess(category, name)
      if (result !== -EINVAL) return undefined
      return explainSleepable(program, 'those of the category syscalls', () =>
        attachesHarmless(category, name),
      )
    },
  })
}

/**
 * Why the kernel denies access: it does for programs that read beyond the record of the event, and a security module may.
 * Whether it attaches a program that reads nothing says which.
 *
 * Source: kernel/events/core.c `perf_event_set_bpf_prog`.
 */
function explainAccess(category: string, name: string): string | undefined {
  if (!attachesHarmless(category, name)) return undefined
  const size = recordSize(category, name)
  const has = size === undefined ? '' : `, which has ${size} bytes`
  return `it reads beyond the record of the tracepoint${has}: see ${formatPath(category, name)}`
}

/** Whether the kernel attaches a program that does nothing. */
function attachesHarmless(category: string, name: string): boolean {
  using harmless = harmlessProgram()
  if (harmless === undefined) return false
  const probe = { fd: harmless.fd, name: 'probe' }
  const attached = unlessRefused(() => {
    const event = PerfEvent.openTraceEvent(`tracepoint ${category}/${name}`, category, name)
    attachPerfEvent(probe, event, 'a program that does nothing', { hook: 'tracepoint' }).close()
    return true
  })
  return attached === true
}

function harmlessProgram(): OwnedFd | undefined {
  const result = loadCode(undefined, 'tracepoint', doNothing())
  return result < 0 ? undefined : OwnedFd.adopt(result, 'program')
}

/** The hook `tracepoint`. */
export const tracepointHook: HookDefinition = {
  attachesTo: 'a tracepoint',
  call: "tracepoint(program, 'sched', 'sched_switch')",
  since: programTypeSince.tracepoint,
  linkType: 'perf_event',
  linkSince: attachTypeSince.perf_event,
  target: 'CATEGORY/NAME',
  bySection: bySection((program, target) => {
    const [, category, name] = /^([\w-]+)\/([\w-]+)$/.exec(target) ?? []
    if (category === undefined || name === undefined) {
      throw new TypeError(`${JSON.stringify(target)} is not CATEGORY/NAME`)
    }
    return { link: tracepoint(program, category, name), target: `tracepoint ${category}/${name}` }
  }),
}
