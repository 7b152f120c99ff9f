/**
 * Perf events: programs that run at each overflow of a counter, such as so many times a second on each CPU.
 *
 * Source: kernel/events/core.c `perf_event_set_bpf_handler`; libbpf `bpf_program__attach_perf_event_opts`.
 *
 * @module
 */

import { attachTypeSince, programTypeSince } from '../../../abi/since.ts'
import type { ProgramHandle } from '../../link.ts'
import { bySectionAt, type HookDefinition } from '../definition.ts'
import { attachToEvents } from './attach-to-events.ts'
import type { PerfEventGroup } from './perf-event-group.ts'
import type { PerfEventOptions } from './perf-event-options.ts'

/**
 * Runs a `perf_event` program at each overflow of an event. Since Linux 4.9; by links since 5.15. The program runs on every
 * CPU: the result has a link for each, and goes on with CPUs that come online later.
 *
 * Tracepoints are not among the events: the kernel takes programs of type `tracepoint` there, see `tracepoint`.
 *
 * @throws TypeError when the options contradict each other, or say neither which event nor how often
 * @throws RangeError when no event has the name, a CPU does not exist, or a number is out of range
 * @throws BpfError with code `ERR_PROGRAM_TYPE` when the program is of another type; `ENOENT` when this machine does not have the
 *   event; `ESRCH` when the process does not exist; when the kernel refuses otherwise
 * @throws NotSupportedError when a cookie is given and the kernel is older than 5.15
 *
 * @example
 * using link = perfEvent(program, { event: 'cpu-clock', frequency: 99 })
 */
export function perfEvent(program: ProgramHandle, options: PerfEventOptions): PerfEventGroup {
  return attachToEvents(program, options)
}

/** The hook `perf_event`. */
export const perfEventHook: HookDefinition = {
  attachesTo: 'a perf event',
  call: "perfEvent(program, { event: 'cpu-clock', frequency: 99 })",
  since: programTypeSince.perf_event,
  linkType: 'perf_event',
  linkSince: attachTypeSince.perf_event,
  bySection: bySectionAt('perfEvent', (program, _target, options) => {
    const link = perfEvent(program, options)
    return { link, target: `perf event ${link.event}` }
  }),
}
