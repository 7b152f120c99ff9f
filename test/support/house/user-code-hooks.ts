/**
 * Getters of the options of hooks, where code of the caller runs while programs are attached.
 *
 * @module
 */

import { attachTypeSince } from '../../../src/abi/since.ts'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import type { Feature } from '../../../src/kernel/probes/probe.ts'
import { type IterOptions, iter } from '../../../src/links/hooks/iter/iter.ts'
import {
  type RawTracepointOptions,
  rawTracepoint,
} from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { type TracepointOptions, tracepoint } from '../../../src/links/hooks/kernel-probes/tracepoint.ts'
import { type NetfilterOptions, netfilter } from '../../../src/links/hooks/network/netfilter.ts'
import { type TcxOptions, tcx } from '../../../src/links/hooks/network/tcx.ts'
import { type XdpOptions, xdp } from '../../../src/links/hooks/network/xdp.ts'
import { perfEvent } from '../../../src/links/hooks/perf-event/perf-event.ts'
import type { PerfEventOptions } from '../../../src/links/hooks/perf-event/perf-event-options.ts'
import { type UprobeOptions, uprobe } from '../../../src/links/hooks/user-probes/uprobe.ts'
import { type UprobeMultiOptions, uprobeMulti } from '../../../src/links/hooks/user-probes/uprobe-multi.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { netfilterPrograms, since } from '../programs/features.ts'
import type { Requirement } from '../requirements.ts'
import { type Hook, nothing, type Place, withGetter } from './user-code.ts'

/** A hook: how its program is loaded, and its options. */
interface Hooked<O extends object> {
  readonly needs: readonly (Feature | Requirement)[]
  readonly program: Omit<ProgramSpec, 'name' | 'instructions'>
  /** What the program returns. Default: 0. */
  readonly returns?: number
  /** Each of them; those that contradict others are left undefined. */
  readonly options: { readonly [K in keyof O]: O[K] | undefined }
  attach(program: Program, options: O): Disposable
}

/** A place for each option. */
function placesOf<O extends object>(hooked: Hooked<O>): OfHook {
  const names = Object.keys(hooked.options) as (keyof O)[]
  return { needs: hooked.needs, places: names.map(name => () => placeOf(hooked, name)) }
}

function placeOf<O extends object>(
  { program: spec, returns = 0, options, attach }: Hooked<O>,
  name: keyof O,
): Place {
  const instructions = [mov(r0, returns), exit()]
  const program = Program.load({ name: 'user', license: 'GPL', ...spec, instructions })
  const run = (hook: Hook): void => attach(program, withGetter(options as O, name, hook))[Symbol.dispose]()
  return {
    run,
    use: () => run(nothing),
    close: () => program.close(),
    after: () => run(nothing),
    end: () => program.close(),
  }
}

/** The places of a hook, and what it needs. */
export interface OfHook {
  readonly needs: readonly (Feature | Requirement)[]
  readonly places: readonly (() => Place)[]
}

const XDP_PASS = 2
const NF_ACCEPT = 1

const iterators = since(attachTypeSince.trace_iter, 'Iterators')

/** By function. */
export const hooksWithOptions: Readonly<Record<string, OfHook>> = {
  tracepoint: placesOf<TracepointOptions>({
    needs: ['tracefs', features.perfEventLink],
    program: { type: 'tracepoint' },
    options: { cookie: 1n },
    attach: (program, options) => tracepoint(program, 'sched', 'sched_switch', options),
  }),
  rawTracepoint: placesOf<RawTracepointOptions>({
    needs: [features.rawTracepointCookie],
    program: { type: 'raw_tracepoint' },
    options: { cookie: 1n },
    attach: (program, options) => rawTracepoint(program, 'sched_switch', options),
  }),
  uprobe: placesOf<UprobeOptions>({
    needs: [features.uprobe],
    program: { type: 'kprobe' },
    options: {
      symbol: 'getppid',
      offset: 0,
      pid: process.pid,
      refCtrOffset: 0,
      cookie: undefined,
      mode: 'perf' as const,
    },
    attach: (program, options) => uprobe(program, 'libc.so.6', options),
  }),
  uprobeMulti: placesOf<UprobeMultiOptions>({
    needs: [features.uprobeMulti],
    program: { type: 'kprobe', expectedAttachType: 'trace_uprobe_multi' },
    options: { symbols: ['getppid'], cookies: [1n], refCtrOffsets: [0], pid: process.pid, returns: false },
    attach: (program, options) => uprobeMulti(program, 'libc.so.6', options),
  }),
  iter: placesOf<IterOptions>({
    needs: [iterators],
    program: { type: 'tracing', expectedAttachType: 'trace_iter', attachTarget: 'task' },
    options: { map: undefined, cgroup: undefined, task: undefined },
    attach: (program, options) => iter(program, options),
  }),
  perfEvent: placesOf<PerfEventOptions>({
    needs: [features.perfEventLink],
    program: { type: 'perf_event' },
    options: {
      event: 'cpu-clock',
      type: undefined,
      frequency: undefined,
      period: 1_000_000_000,
      cpu: [0],
      pid: undefined,
      cgroup: undefined,
      inherit: undefined,
      cookie: 1n,
    },
    attach: (program, options) => perfEvent(program, options),
  }),
  xdp: placesOf<XdpOptions>({
    needs: ['net_admin', since('5.9', 'A link of XDP')],
    program: { type: 'xdp', expectedAttachType: 'xdp' },
    returns: XDP_PASS,
    options: { mode: 'generic' as const },
    attach: (program, options) => xdp(program, 'lo', options),
  }),
  tcx: placesOf<TcxOptions>({
    needs: ['net_admin', features.tcx],
    program: { type: 'sched_cls', expectedAttachType: 'tcx_ingress' },
    returns: -1,
    options: { anchor: 'first' as const, expectedRevision: undefined },
    attach: (program, options) => tcx(program, 'lo', 'ingress', options),
  }),
  netfilter: placesOf<NetfilterOptions>({
    needs: ['net_admin', netfilterPrograms],
    program: { type: 'netfilter', expectedAttachType: 'netfilter' },
    returns: NF_ACCEPT,
    options: {
      family: 'ipv4' as const,
      hook: 'local_in' as const,
      priority: -12_345,
      defragment: undefined,
    },
    attach: (program, options) => netfilter(program, options),
  }),
}
