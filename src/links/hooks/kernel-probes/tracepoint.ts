/**
 * Tracepoints, through perf events; the program reads the record that `format` in tracefs describes.
 *
 * Source: libbpf `bpf_program__attach_tracepoint_opts`.
 *
 * @module
 */

import { attachTypeSince, programTypeSince } from '../../../abi/since.ts'
import { BpfError, withReason } from '../../../base/errors.ts'
import { PerfEvent } from '../../../kernel/perf-event.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { attachPerfEvent } from '../perf-event/perf-event-link.ts'

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
 * @throws BpfError with code `EINVAL` when the program is of another type, which the message says
 * @throws NotSupportedError when a cookie is given and the kernel is older than 5.15
 */
export function tracepoint(
  program: ProgramHandle,
  category: string,
  name: string,
  options: TracepointOptions = {},
): Link {
  const target = `tracepoint ${category}/${name}`
  const event = PerfEvent.openTraceEvent(target, category, name)
  try {
    return attachPerfEvent(program, event, `program ${program.name} to ${target}`, options)
  } catch (error) {
    if (!(error instanceof BpfError && error.code === 'EINVAL')) throw error
    throw withReason(error, 'the program must be of type tracepoint')
  }
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
