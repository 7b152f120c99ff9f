/**
 * Why the kernel refuses to open a perf event.
 *
 * Source: kernel/events/core.c `perf_event_open`, `perf_init_event`, `perf_cgroup_connect`.
 *
 * @module
 */

import { perfTypes } from '../../../abi/generated/enums.ts'
import { EINVAL, ENOENT, EOPNOTSUPP } from '../../../base/errno.ts'
import { BpfError, unlessRefused, withReason } from '../../../base/errors.ts'
import { kernelConfig } from '../../../kernel/kconfig.ts'
import type { PerfEventAttributes } from '../../../kernel/perf/event-name.ts'
import { NO_EVENT, PerfEvent } from '../../../kernel/perf/perf-event.ts'
import { pmuNames } from '../../../kernel/perf/pmu-event.ts'
import { readText } from '../../../kernel/read-text.ts'

const MAX_RATE = '/proc/sys/kernel/perf_event_max_sample_rate'

/** What was to be opened. */
export interface EventRequest {
  readonly event: PerfEventAttributes
  readonly frequency: number | undefined
  /** Descriptor of a control group. */
  readonly cgroup: number | undefined
  readonly cpu: number
}

/** The error with its reason, where that can be looked up; another error as it is. */
export function explainEvent(error: unknown, { event, frequency, cgroup, cpu }: EventRequest): unknown {
  if (!(error instanceof BpfError)) return error
  let reason: string | undefined
  if (error.errno === EINVAL) {
    reason = tooOften(frequency) ?? (cgroup === undefined ? undefined : notBuilt())
  } else if (error.errno === ENOENT || error.errno === EOPNOTSUPP) {
    reason = (cgroup === undefined ? undefined : noController(cgroup, cpu)) ?? noSuchEvent(event)
  }
  return reason === undefined ? error : withReason(error, reason)
}

function tooOften(frequency: number | undefined): string | undefined {
  const limit = Number(readText(MAX_RATE)?.trim())
  return frequency !== undefined && frequency > limit
    ? `a frequency of ${frequency} is above the limit of ${limit} (${MAX_RATE})`
    : undefined
}

function notBuilt(): string | undefined {
  const config = unlessRefused(() => kernelConfig())
  return config !== undefined && !config.has('CONFIG_CGROUP_PERF')
    ? 'the kernel was built without CONFIG_CGROUP_PERF'
    : undefined
}

/**
 * Why no event at all can be opened in a control group; `undefined` when one can.
 *
 * Source: kernel/cgroup/cgroup.c `css_tryget_online_from_dir`, `cgroup_calc_subtree_ss_mask`.
 */
function noController(cgroup: number, cpu: number): string | undefined {
  try {
    PerfEvent.open('an event that counts nothing', NO_EVENT, { cgroup, cpu }).close()
    return undefined
  } catch (error) {
    if (!(error instanceof BpfError && error.errno === ENOENT)) return undefined
  }
  const hierarchy = /^perf_event\t(\d+)/m.exec(readText('/proc/cgroups') ?? '')?.[1]
  if (hierarchy === undefined) return 'the control group does not have the controller perf_event'
  return hierarchy === '0'
    ? 'the control group does not have the controller perf_event: the kernel gives it to the children of the root when any controller is written to cgroup.subtree_control there'
    : 'the controller perf_event is mounted as version 1: give a directory of that hierarchy'
}

function noSuchEvent({ type }: PerfEventAttributes): string {
  const pmus = pmuNames()
  const known = pmus.length === 0 ? 'sysfs lists no PMU' : `its PMUs are ${pmus.sort().join(', ')}`
  const counts =
    type === perfTypes.software || type === perfTypes.breakpoint
      ? ''
      : '; events of the CPU need its PMU, which virtual machines often hide: cpu-clock works everywhere'
  return `no PMU of this machine takes it: ${known}${counts}`
}
