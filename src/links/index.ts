/** Links: one function per hook, and what keeps a program attached. @module */

export { type Attached, attachBySection } from './by-section.ts'
export { haveHook } from './have-hook.ts'
export type { Anchor, Neighbour } from './hooks/anchor.ts'
export { type CgroupOptions, cgroup } from './hooks/cgroup/cgroup.ts'
export type { AttachPlaces, PlaceName, SectionAttachment } from './hooks/definition.ts'
export {
  type FunctionPattern,
  type MatchedFunctions,
  matchFunctions,
  type RejectedFunction,
} from './hooks/function-pattern.ts'
export { type CgroupOrder, type IterOptions, iter } from './hooks/iter/iter.ts'
export {
  type KprobeOptions,
  type KprobeTarget,
  type KretprobeOptions,
  kprobe,
  kretprobe,
} from './hooks/kernel-probes/kprobe.ts'
export { type KprobeMultiOptions, kprobeMulti, kprobeSession } from './hooks/kernel-probes/kprobe-multi.ts'
export { KprobeGroup } from './hooks/kernel-probes/kprobe-multi-link.ts'
export { kretsyscall, ksyscall, syscallFunction } from './hooks/kernel-probes/ksyscall.ts'
export { type RawTracepointOptions, rawTracepoint } from './hooks/kernel-probes/raw-tracepoint.ts'
export { tpBtf } from './hooks/kernel-probes/tp-btf.ts'
export { type TracepointOptions, tracepoint } from './hooks/kernel-probes/tracepoint.ts'
export type { ManyFunctionsLink } from './hooks/many-functions-link.ts'
export type { Device } from './hooks/network/device.ts'
export { flowDissector } from './hooks/network/flow-dissector.ts'
export { type NetfilterOptions, netfilter } from './hooks/network/netfilter.ts'
export { skLookup } from './hooks/network/sk-lookup.ts'
export { type TcxOptions, tcx } from './hooks/network/tcx.ts'
export { type XdpMode, type XdpOptions, xdp } from './hooks/network/xdp.ts'
export { perfEvent } from './hooks/perf-event/perf-event.ts'
export type { PerfEventGroup } from './hooks/perf-event/perf-event-group.ts'
export type { PerfEventOptions } from './hooks/perf-event/perf-event-options.ts'
export type { ProbeMode } from './hooks/perf-event/probe.ts'
export {
  listProbeEvents,
  type ProbeEvent,
  type ProbeEventKind,
  removeProbeEvents,
} from './hooks/perf-event/probe-event.ts'
export { structOps } from './hooks/struct-ops/struct-ops.ts'
export { fentry } from './hooks/tracing/fentry.ts'
export { fexit } from './hooks/tracing/fexit.ts'
export { fmodRet } from './hooks/tracing/fmod-ret.ts'
export { type FreplaceOptions, freplace } from './hooks/tracing/freplace.ts'
export { fsession } from './hooks/tracing/fsession.ts'
export { lsm } from './hooks/tracing/lsm.ts'
export {
  fentryMulti,
  fexitMulti,
  fsessionMulti,
  type TracingMultiOptions,
} from './hooks/tracing/tracing-multi.ts'
export type { TracingOptions } from './hooks/tracing/trampoline.ts'
export type { Binary } from './hooks/user-probes/binary.ts'
export { type UprobeOptions, uprobe, uretprobe } from './hooks/user-probes/uprobe.ts'
export {
  type UprobeMultiOptions,
  uprobeMulti,
  uprobeSession,
} from './hooks/user-probes/uprobe-multi.ts'
export type {
  CgroupLinkInfo,
  DeviceLinkInfo,
  IterLinkInfo,
  KprobeMultiLinkInfo,
  KprobeMultiTarget,
  LinkInfo,
  LinkInfoBase,
  NetfilterLinkInfo,
  NetnsLinkInfo,
  OtherLinkInfo,
  PerfEventDetails,
  PerfEventLinkInfo,
  RawTracepointLinkInfo,
  SockmapLinkInfo,
  StructOpsLinkInfo,
  TracingLinkInfo,
  TracingMultiLinkInfo,
  TracingMultiTarget,
  UprobeMultiLinkInfo,
  UprobeMultiTarget,
  XdpLinkInfo,
} from './info.ts'
export type {
  KernelLink,
  LinkUpdateOptions,
  ProgramHandle,
  Replacement,
} from './link.ts'
export {
  IterLink,
  KprobeMultiLink,
  Link,
  PerfEventLink,
  StructOpsLink,
  TracingMultiLink,
  UprobeMultiLink,
} from './link-classes.ts'
export { LinkGroup } from './link-group.ts'
export { type TaskFdInfo, taskFdQuery } from './task-fd-query.ts'
