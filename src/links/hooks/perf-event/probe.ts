/**
 * What kprobes and uprobes have in common: three ways to make a probe and attach a program to it.
 *
 * The probe PMU makes it with `perf_event_open` (Linux 4.17), and the program is attached by a link (Linux 5.15) or an
 * ioctl. The classic way appends a line to `kprobe_events` or `uprobe_events` in tracefs, and opens the resulting
 * event.
 *
 * Source: libbpf `bpf_program__attach_kprobe_opts`, `bpf_program__attach_uprobe_opts`.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { featureSince } from '../../../abi/feature-since.ts'
import { perfEventAttr } from '../../../abi/generated/layouts.ts'
import { NotSupportedError } from '../../../base/errors.ts'
import { PerfEvent, type PerfEventFields, type PerfEventScope } from '../../../kernel/perf/perf-event.ts'
import { type ProbePmu, probePmu } from '../../../kernel/perf/pmu.ts'
import { features } from '../../../kernel/probes/features.ts'
import { isAtLeast } from '../../../kernel/version.ts'
import type { Hook } from '../../../programs/sections.ts'
import type { NativeMemory } from '../../../syscalls/memory.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { requireProgramType } from '../program-kind.ts'
import { attachPerfEvent } from './attach.ts'
import { createProbeEvent, newProbeEvent, type ProbeEventKind, releaseProbeEvent } from './probe-event.ts'

/** How a probe is made and the program attached to it. */
export type ProbeMode =
  /** The best that the kernel has. */
  | 'auto'
  /** The PMU, and a BPF link. Since Linux 5.15. */
  | 'link'
  /** The PMU, and an ioctl. Since Linux 4.17. */
  | 'perf'
  /** A line in tracefs, and an ioctl. */
  | 'legacy'

const MODES: ReadonlySet<string> = new Set<ProbeMode>(['auto', 'link', 'perf', 'legacy'])

/** A probe to make. */
export interface ProbeRequest {
  readonly kind: ProbeEventKind
  /** Whether it is on the return of a function. */
  readonly returns: boolean
  /** What is probed, in words. */
  readonly target: string
  /** The event's `config`, apart from the bit for return probes, and the rest of what the PMU must be told. */
  readonly pmu: () => { config: bigint; fields: PerfEventFields; pointees: readonly NativeMemory[] }
  /** The place, in the syntax of tracefs. */
  readonly place: () => string
  /** Calls that a return probe follows at a time; 0 leaves it to the kernel. Only tracefs takes others. */
  readonly maxactive: number
  /** Process to watch; -1 for all. */
  readonly pid: number
  readonly cookie: bigint | undefined
  readonly mode: ProbeMode
  /** What to throw instead of an error of making the probe. */
  readonly explain: (error: unknown) => unknown
}

/**
 * Makes a probe and attaches a program to it.
 *
 * @throws NotSupportedError when the mode, or a cookie, needs a later kernel
 * @throws BpfError when the kernel refuses
 */
export function attachProbe(program: ProgramHandle, request: ProbeRequest): Link {
  const { kind, mode, cookie, maxactive } = request
  if (!MODES.has(mode)) {
    throw new TypeError(`Cannot attach ${request.target}: ${JSON.stringify(mode)} is not a mode`)
  }
  const what = `program ${program.name} to ${request.target}`
  if (cookie !== undefined && (mode === 'perf' || mode === 'legacy')) {
    throw new TypeError(`Cannot attach ${what}: a cookie needs mode 'link' or 'auto', not '${mode}'`)
  }
  const hook: Hook = request.returns ? (kind === 'kprobe' ? 'kretprobe' : 'uretprobe') : kind
  requireProgramType(what, { program, hook })
  const own = probePmu(kind)
  if (own === undefined && everyProbeHasPmu()) {
    throw new NotSupportedError(`A ${kind}`, undefined, {
      action: `Cannot attach ${what}`,
      reason: `it was built without CONFIG_${kind.toUpperCase()}_EVENTS`,
    })
  }
  if (mode === 'link') features.perfEventLink.require()
  const way = mode === 'perf' || mode === 'legacy' ? 'ioctl' : mode
  const pmu = mode === 'legacy' || maxactive > 0 ? undefined : own
  if (pmu !== undefined) {
    return attachPerfEvent(program, openPmuEvent(request, pmu), what, { cookie, way, hook })
  }
  if (mode === 'link' || mode === 'perf') throw noPmu(kind)
  const { event, held } = openTraceEvent(request)
  return attachPerfEvent(program, event, what, { cookie, way, hook, held })
}

/** The error of a PMU that is not found: it has its number in sysfs. */
function noPmu(kind: ProbeEventKind): NotSupportedError {
  const what = `The ${kind} PMU`
  return existsSync(EVENT_SOURCES)
    ? new NotSupportedError(what, featureSince.probePmu)
    : new NotSupportedError(what, undefined, { hint: `${EVENT_SOURCES} is missing: mount sysfs at /sys` })
}

/** Whether a kernel with probes has their PMU, and this process could see it. */
function everyProbeHasPmu(): boolean {
  return isAtLeast(featureSince.probePmu) && existsSync(EVENT_SOURCES)
}

/** Where the PMUs are; absent without sysfs. */
const EVENT_SOURCES = '/sys/bus/event_source/devices'

function openPmuEvent(request: ProbeRequest, pmu: ProbePmu): PerfEvent {
  try {
    const { config, fields, pointees } = request.pmu()
    const own: PerfEventFields = [
      [perfEventAttr.type, pmu.type],
      [perfEventAttr.config, config | (request.returns ? 1n << BigInt(pmu.returnBit) : 0n)],
    ]
    return PerfEvent.open(request.target, [...own, ...fields], scopeOf(request), pointees)
  } catch (error) {
    throw request.explain(error)
  }
}

function openTraceEvent(request: ProbeRequest): { event: PerfEvent; held: Disposable } {
  const { kind, returns, maxactive, target, place } = request
  const name = newProbeEvent(kind, returns ? 'r' : 'p', target)
  try {
    createProbeEvent(name, returns ? `r${maxactive > 0 ? maxactive : ''}` : 'p', place())
  } catch (error) {
    throw request.explain(error)
  }
  const held = { [Symbol.dispose]: () => releaseProbeEvent(name) }
  try {
    return { event: PerfEvent.openTraceEvent(target, name.group, name.name, scopeOf(request)), held }
  } catch (error) {
    held[Symbol.dispose]()
    throw error
  }
}

/** An event of all processes is opened on one CPU, which stands for all; that of one process on none. */
function scopeOf({ pid }: ProbeRequest): PerfEventScope {
  return { pid, cpu: pid === -1 ? 0 : -1 }
}
