/**
 * Every hook that a section can name. Attaching by section, the table in docs/links.md, the notes of `ebpf-ts run` and
 * `haveHook` read it; a hook that is missing here does not compile.
 *
 * To add one: its name in `Hook` and its rows in `programs/sections.ts`, its file in a folder beside this one, its line
 * here, its export in `links/index.ts`; then `npm run generate` for the guide.
 *
 * @module
 */

import { featureSince } from '../../abi/feature-since.ts'
import { attachTypeSince, linkTypeSince, programTypeSince } from '../../abi/since.ts'
import { features } from '../../kernel/probes/features.ts'
import type { Hook } from '../../programs/sections.ts'
import { cgroupHook } from './cgroup/cgroup.ts'
import { byCall, type HookDefinition, notImplemented } from './definition.ts'
import { iterHook } from './iter/iter.ts'
import { kprobeHook, kretprobeHook } from './kernel-probes/kprobe.ts'
import { kprobeMultiHook, kprobeSessionHook, kretprobeMultiHook } from './kernel-probes/kprobe-multi.ts'
import { kretsyscallHook, ksyscallHook } from './kernel-probes/ksyscall.ts'
import { rawTracepointHook } from './kernel-probes/raw-tracepoint.ts'
import { tpBtfHook } from './kernel-probes/tp-btf.ts'
import { tracepointHook } from './kernel-probes/tracepoint.ts'
import { flowDissectorHook } from './network/flow-dissector.ts'
import { netfilterHook } from './network/netfilter.ts'
import { skLookupHook } from './network/sk-lookup.ts'
import { tcxHook } from './network/tcx.ts'
import { xdpHook } from './network/xdp.ts'
import { perfEventHook } from './perf-event/perf-event.ts'
import { structOpsHook } from './struct-ops/struct-ops.ts'
import { fentryHook } from './tracing/fentry.ts'
import { fexitHook } from './tracing/fexit.ts'
import { fmodRetHook } from './tracing/fmod-ret.ts'
import { freplaceHook } from './tracing/freplace.ts'
import { fsessionHook } from './tracing/fsession.ts'
import { lsmHook } from './tracing/lsm.ts'
import { fentryMultiHook, fexitMultiHook, fsessionMultiHook } from './tracing/tracing-multi.ts'
import { uprobeHook, uretprobeHook } from './user-probes/uprobe.ts'
import { uprobeMultiHook, uprobeSessionHook, uretprobeMultiHook } from './user-probes/uprobe-multi.ts'

/** The hooks by name, those of one family together. */
export const hooks: Readonly<Record<Hook, HookDefinition>> = {
  // Kernel functions and tracepoints
  tracepoint: tracepointHook,
  raw_tracepoint: rawTracepointHook,
  tp_btf: tpBtfHook,
  fentry: fentryHook,
  fexit: fexitHook,
  fsession: fsessionHook,
  fmod_ret: fmodRetHook,
  fentry_multi: fentryMultiHook,
  fexit_multi: fexitMultiHook,
  fsession_multi: fsessionMultiHook,
  lsm: lsmHook,
  freplace: freplaceHook,
  kprobe: kprobeHook,
  kretprobe: kretprobeHook,
  ksyscall: ksyscallHook,
  kretsyscall: kretsyscallHook,
  kprobe_multi: kprobeMultiHook,
  kretprobe_multi: kretprobeMultiHook,
  kprobe_session: kprobeSessionHook,
  perf_event: perfEventHook,

  // User space
  uprobe: uprobeHook,
  uretprobe: uretprobeHook,
  uprobe_multi: uprobeMultiHook,
  uretprobe_multi: uretprobeMultiHook,
  uprobe_session: uprobeSessionHook,
  usdt: notImplemented({
    attachesTo: 'a USDT probe',
    since: featureSince.uprobe,
    linkType: 'perf_event',
    linkSince: attachTypeSince.perf_event,
    feature: features.uprobe,
    config: 'CONFIG_UPROBE_EVENTS',
    target: 'PATH:PROVIDER:NAME',
  }),

  // Network devices and namespaces
  xdp: xdpHook,
  xdp_map: {
    attachesTo: 'an entry of a devmap or cpumap',
    since: attachTypeSince.xdp_devmap,
    bySection: byCall('its descriptor goes into the value of an entry'),
  },
  tcx: tcxHook,
  tc: notImplemented({
    attachesTo: 'a qdisc of a network device',
    since: programTypeSince.sched_cls,
  }),
  netkit: notImplemented({
    attachesTo: 'a netkit device',
    since: attachTypeSince.netkit_primary,
    linkType: 'netkit',
    config: 'CONFIG_NETKIT',
  }),
  netfilter: netfilterHook,
  sk_lookup: skLookupHook,
  flow_dissector: flowDissectorHook,
  lwt: notImplemented({ attachesTo: 'a route', since: programTypeSince.lwt_in }),

  // Sockets and control groups
  cgroup: cgroupHook,
  socket_filter: notImplemented({ attachesTo: 'a socket', since: programTypeSince.socket_filter }),
  sk_reuseport: notImplemented({
    attachesTo: 'a group of sockets with SO_REUSEPORT',
    since: programTypeSince.sk_reuseport,
  }),
  sockmap: notImplemented({
    attachesTo: 'a sockmap or sockhash',
    since: programTypeSince.sk_skb,
    linkType: 'sockmap',
    linkSince: linkTypeSince.sockmap,
  }),

  // Others
  iter: iterHook,
  struct_ops: structOpsHook,
  syscall: {
    attachesTo: 'nothing: it is run',
    call: 'program.testRun()',
    since: programTypeSince.syscall,
    bySection: byCall('it is run, not attached'),
  },
  lirc: notImplemented({ attachesTo: 'an infrared receiver', since: programTypeSince.lirc_mode2 }),
}

/** What the library knows of a hook. */
export function hookDefinition(hook: Hook): HookDefinition {
  return hooks[hook]
}
