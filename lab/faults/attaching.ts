/**
 * Ways to attach, while operations fail.
 *
 * @module
 */

import { BPF_F_SLEEPABLE } from '../../src/abi/constants.ts'
import { featureSince } from '../../src/abi/feature-since.ts'
import { mov } from '../../src/asm/alu.ts'
import { exit } from '../../src/asm/jumps.ts'
import { r0 } from '../../src/asm/registers.ts'
import { Collection } from '../../src/collection/collection.ts'
import { features } from '../../src/kernel/probes/features.ts'
import { cgroup } from '../../src/links/hooks/cgroup/cgroup.ts'
import { iter } from '../../src/links/hooks/iter/iter.ts'
import { kprobe, kretprobe } from '../../src/links/hooks/kernel-probes/kprobe.ts'
import { kprobeMulti } from '../../src/links/hooks/kernel-probes/kprobe-multi.ts'
import { rawTracepoint } from '../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { tracepoint } from '../../src/links/hooks/kernel-probes/tracepoint.ts'
import { tcx } from '../../src/links/hooks/network/tcx.ts'
import { xdp } from '../../src/links/hooks/network/xdp.ts'
import { fentry } from '../../src/links/hooks/tracing/fentry.ts'
import { fentryMulti } from '../../src/links/hooks/tracing/tracing-multi.ts'
import { uprobe } from '../../src/links/hooks/user-probes/uprobe.ts'
import { uprobeMulti } from '../../src/links/hooks/user-probes/uprobe-multi.ts'
import type { Link } from '../../src/links/link.ts'
import { Program } from '../../src/programs/program.ts'
import type { ProgramSpec } from '../../src/programs/spec.ts'
import { operations } from '../../test/support/links/struct-ops.ts'
import { structOpsLink } from '../../test/support/maps/features.ts'
import { loadObject } from '../../test/support/objects.ts'
import { since } from '../../test/support/programs/features.ts'
import { cgroup2Path } from '../../test/support/requirements.ts'
import type { Keep, Scenario } from './scenario.ts'

/** Loads a program of `sections`, attaches it, and looks at the link. */
function attach(program: string, how: (program: Program) => Link): Scenario['act'] {
  return keep => {
    const collection = keep(loadObject('sections', [program]))
    const link = keep(how(collection.programs.get(program)))
    link.info()
    return link
  }
}

/** Loads a program that does nothing. */
function load(keep: Keep, spec: Partial<ProgramSpec> & Pick<ProgramSpec, 'type'>, result = 0): Program {
  const instructions = [mov(r0, result), exit()]
  return keep(Program.load({ name: 'faults', license: 'GPL', ...spec, instructions }))
}

const XDP_PASS = 2
const xdpLinks = since('5.9', 'A link of XDP')
const descriptors = since(featureSince.tracingLink, 'Links of trampolines')
const CGROUP = cgroup2Path()

/** Ways to attach. */
export const attaching: readonly Scenario[] = [
  {
    name: 'attach to a raw tracepoint',
    act: attach('on_raw_tp', program => rawTracepoint(program, 'sched_switch')),
  },
  {
    name: 'attach to a tracepoint',
    needs: ['tracefs'],
    act: attach('on_tp', program => tracepoint(program, 'sched', 'sched_switch')),
  },
  {
    name: 'attach to a function of a program',
    needs: [features.uprobe],
    act: keep => {
      const program = load(keep, { type: 'kprobe' })
      keep(uprobe(program, 'libc.so.6', { symbol: 'getppid', pid: process.pid })).info()
    },
  },
  {
    name: 'attach to many functions of a program',
    needs: [features.uprobeMulti],
    act: keep => {
      const program = load(keep, { type: 'kprobe', expectedAttachType: 'trace_uprobe_multi' })
      const place = { symbols: ['getppid', 'getpgrp'], pid: process.pid }
      keep(uprobeMulti(program, 'libc.so.6', place)).info()
    },
  },
  {
    name: 'attach to a cgroup',
    needs: ['cgroup2'],
    act: attach('on_cgroup_skb_egress', program => cgroup(program, CGROUP!, 'cgroup_inet_egress')),
  },
  {
    name: 'attach an iterator and read it',
    act: keep => {
      const collection = keep(loadObject('sections', ['on_iter']))
      const link = keep(iter(collection.programs.get('on_iter')))
      link.read()
    },
  },
  {
    name: 'attach to XDP of a device, and go over to another program',
    needs: ['net_admin', xdpLinks],
    act: keep => {
      const first = load(keep, { type: 'xdp', expectedAttachType: 'xdp' }, XDP_PASS)
      const second = load(keep, { type: 'xdp', expectedAttachType: 'xdp' }, XDP_PASS)
      const link = keep(xdp(first, 'lo', { mode: 'generic' }))
      link.update(second)
      link.info()
    },
  },
  {
    name: 'attach to tcx of a device',
    needs: ['net_admin', features.tcx],
    act: keep => {
      // TC_ACT_UNSPEC: what would happen without the program.
      const program = load(keep, { type: 'sched_cls', expectedAttachType: 'tcx_ingress' }, -1)
      keep(tcx(program, 'lo', 'ingress')).info()
    },
  },
  {
    name: 'attach operations of the kernel',
    needs: [structOpsLink],
    act: keep => {
      const collection = keep(Collection.load(operations('linked')))
      keep(collection.attachStructOps('linked')).info()
    },
  },
  {
    name: 'attach all programs of an object',
    act: keep => keep(keep(loadObject('sections', ['on_raw_tp', 'on_raw_tracepoint'])).attach()),
  },
  ...(['link', 'perf', 'legacy'] as const).map(
    (mode): Scenario => ({
      name: `attach to a function of the kernel: ${mode}`,
      needs: [features.kprobe, features.perfEventLink],
      guest: true,
      act: keep => {
        const program = load(keep, { type: 'kprobe' })
        keep(kprobe(program, 'vfs_fsync', { mode })).info()
        keep(kretprobe(program, 'vfs_fsync', { mode }))
      },
    }),
  ),
  {
    name: 'attach to many functions of the kernel',
    needs: [features.kprobeMulti],
    guest: true,
    act: keep => {
      const program = load(keep, { type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' })
      keep(kprobeMulti(program, { symbols: ['vfs_fsync', 'vfs_mknod'] })).info()
    },
  },
  {
    name: 'attach by a trampoline',
    needs: [features.trampoline, descriptors],
    guest: true,
    act: keep => {
      const target = { expectedAttachType: 'trace_fentry', attachTarget: 'vfs_fsync' } as const
      keep(fentry(load(keep, { type: 'tracing', ...target }))).info()
    },
  },
  {
    name: 'attach by trampolines of many functions',
    needs: [features.tracingMulti],
    guest: true,
    act: keep => {
      const program = load(keep, { type: 'tracing', expectedAttachType: 'trace_fentry_multi' })
      keep(fentryMulti(program, { symbols: ['vfs_fsync', 'vfs_mknod'] })).info()
      // One of them is refused: the kernel is asked which.
      const sleeping = load(keep, {
        type: 'tracing',
        expectedAttachType: 'trace_fentry_multi',
        flags: BPF_F_SLEEPABLE,
      })
      keep(fentryMulti(sleeping, { pattern: /vfs_fsync|bpf_fentry_test1/ })).info()
    },
  },
]
