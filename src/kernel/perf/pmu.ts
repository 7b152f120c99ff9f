/**
 * PMUs: the kernel's sources of perf events, which are numbered as they are registered.
 *
 * Source: Documentation/ABI/testing/sysfs-bus-event_source-devices-format.
 *
 * @module
 */

import { readTextIfPresent } from '../read-text.ts'

/** Where sysfs lists them. */
export const PMUS = '/sys/bus/event_source/devices'

/** A PMU that makes probes. */
export interface ProbePmu {
  /** `type` of its events. */
  readonly type: number
  /** Bit of `config` that asks for a return probe. */
  readonly returnBit: number
}

/**
 * The `type` that `perf_event_open` takes for events of a PMU, or `undefined` when the kernel has no such PMU.
 *
 * @param name such as `'kprobe'`
 * @throws BpfError when its files cannot be read
 */
export function pmuType(name: string): number | undefined {
  const text = readTextIfPresent(`${PMUS}/${name}/type`)
  return text === undefined ? undefined : Number(text)
}

/** The PMU of kprobes or uprobes, or `undefined` when the kernel has none. Since Linux 4.17. */
export function probePmu(kind: 'kprobe' | 'uprobe'): ProbePmu | undefined {
  const type = pmuType(kind)
  const bit = /^config:(\d+)/.exec(readTextIfPresent(`${PMUS}/${kind}/format/retprobe`) ?? '')?.[1]
  return type === undefined || bit === undefined ? undefined : { type, returnBit: Number(bit) }
}
