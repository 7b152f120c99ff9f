/**
 * The PMUs that make kprobes and uprobes of perf events.
 *
 * Source: Documentation/ABI/testing/sysfs-bus-event_source-devices-format.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import type { ProbeEventKind } from './probe-event.ts'

/** What `perf_event_open` must be told. */
export interface ProbePmu {
  /** `type` of the event. */
  readonly type: number
  /** Bit of `config` that asks for a return probe. */
  readonly returnBit: number
}

/** The PMU of a kind of probes (4.17); `undefined` when the kernel has none. */
export function probePmu(kind: ProbeEventKind): ProbePmu | undefined {
  const root = `/sys/bus/event_source/devices/${kind}`
  try {
    const type = Number(readFileSync(`${root}/type`, 'utf8'))
    const bit = /^config:(\d+)/.exec(readFileSync(`${root}/format/retprobe`, 'utf8'))?.[1]
    return bit === undefined ? undefined : { type, returnBit: Number(bit) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
