/**
 * Which perf event to open, and the fields of `struct perf_event_attr` that say so.
 *
 * @module
 */

import { type PerfType, perfSampleFormats, perfTypes } from '../../abi/generated/enums.ts'
import { perfEventAttr } from '../../abi/generated/layouts.ts'
import { enumNumber } from '../../abi/names.ts'
import { type PerfEventAttributes, parsePerfEvent } from './event-name.ts'
import { attrFlags, FLAGS, type PerfEventFields } from './perf-event.ts'

/** Which event to open: give `event`, or `type` and `config`. */
export interface PerfEventSelection {
  /**
   * Name as `perf` has it: `'cpu-clock'`, `'cycles'`, `'L1-dcache-load-misses'`, `'r1a8'`, `'sched:sched_switch'`,
   * `'cpu/event=0x3c/'`, with modifiers such as `'cycles:u'`; see {@link parsePerfEvent}.
   */
  event?: string
  /** The kernel's type of event: `'hardware'`, `'software'`, `'hw_cache'`, `'raw'`, or the number of a PMU. */
  type?: PerfType | number
  /** Number of the event within its type. Default: 0. */
  config?: number | bigint
  /** Further words that some PMUs read. Default: 0. */
  config1?: number | bigint
  /** Further words that some PMUs read. Default: 0. */
  config2?: number | bigint
}

/**
 * The event that is selected.
 *
 * @throws TypeError when neither or both of `event` and `type` are given
 * @throws RangeError when no event has the name or type, or a number does not fit 64 bits
 * @throws BpfError with code `ENOENT` when the kernel has no such tracepoint
 */
export function selectEvent(selection: PerfEventSelection): PerfEventAttributes {
  const { event, type } = selection
  if ((event === undefined) === (type === undefined)) {
    throw new TypeError("Cannot select a perf event: give event, such as 'cpu-clock', or type and config")
  }
  if (event !== undefined) {
    if (typeof event !== 'string') throw new TypeError('Cannot select a perf event: event is not a string')
    return parsePerfEvent(event)
  }
  const number = enumNumber(perfTypes, type!, 'type of perf event')
  const [config, config1, config2] = (['config', 'config1', 'config2'] as const).map(name => {
    const value = selection[name] ?? 0
    if (
      typeof value === 'number'
        ? !Number.isSafeInteger(value) || value < 0
        : BigInt.asUintN(64, value) !== value
    ) {
      throw new RangeError(`Cannot select a perf event: ${name} ${value} is not a number of 64 bits`)
    }
    return BigInt(value)
  })
  return {
    name: `${type}:${config!.toString(16)}`,
    type: number,
    config: config!,
    config1: config1!,
    config2: config2!,
  }
}

/** The fields of an event. */
export function fieldsOf(event: PerfEventAttributes): PerfEventFields {
  const { precise = 0 } = event
  const flags =
    attrFlags({
      exclude_user: event.excludeUser === true,
      exclude_kernel: event.excludeKernel === true,
      exclude_hv: event.excludeHypervisor === true,
    }) |
    (BigInt(precise) << BigInt(perfEventAttr.$bits.precise_ip - perfEventAttr.$bits.disabled))
  return [
    [perfEventAttr.type, event.type],
    [perfEventAttr.config, event.config],
    [perfEventAttr.config1, event.config1 ?? 0n],
    [perfEventAttr.config2, event.config2 ?? 0n],
    // The kernel lets programs take stacks of precise events only where these sample them: `perf_event_set_bpf_handler`.
    ...(precise > 0 ? [[perfEventAttr.sample_type, BigInt(perfSampleFormats.callchain)] as const] : []),
    [FLAGS, flags],
  ]
}
