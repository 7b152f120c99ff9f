/** Links: one function per hook, and what keeps a program attached. @module */

export type { Anchor, Neighbour } from './anchor.ts'
export { resolveBinary } from './binary.ts'
export { type Attached, attachBySection } from './by-section.ts'
export { cgroup } from './cgroup.ts'
export {
  type FunctionPattern,
  type MatchedFunctions,
  matchFunctions,
  type RejectedFunction,
} from './function-pattern.ts'
export type * from './info.ts'
export { type IterLink, type IterOptions, iter } from './iter.ts'
export { type KprobeOptions, type KprobeTarget, type KretprobeOptions, kprobe, kretprobe } from './kprobe.ts'
export { type KprobeMultiLink, type KprobeMultiOptions, kprobeMulti, kprobeSession } from './kprobe-multi.ts'
export { kretsyscall, ksyscall, syscallFunction } from './ksyscall.ts'
export { Link, type ProgramHandle, type Replacement, type UpdateOptions } from './link.ts'
export { LinkGroup } from './link-group.ts'
export {
  type Device,
  deviceIndex,
  flowDissector,
  type NetfilterOptions,
  netfilter,
  skLookup,
  type TcxOptions,
  tcx,
  type XdpMode,
  type XdpOptions,
  xdp,
} from './network.ts'
export type { ProbeMode } from './probe.ts'
export {
  listProbeEvents,
  PROBE_GROUP_PREFIX,
  type ProbeEvent,
  type ProbeEventKind,
  removeProbeEvents,
} from './probe-event.ts'
export { type RawTracepointOptions, rawTracepoint, tpBtf } from './raw-tracepoint.ts'
export { structOps } from './struct-ops.ts'
export { type TaskFdInfo, taskFdQuery } from './task-fd-query.ts'
export { type TracepointOptions, tracepoint } from './tracepoint.ts'
export {
  type FreplaceOptions,
  fentry,
  fexit,
  fmodRet,
  freplace,
  fsession,
  lsm,
  type TracingOptions,
} from './tracing.ts'
export { type UprobeOptions, uprobe, uretprobe } from './uprobe.ts'
export { type UprobeMultiLink, type UprobeMultiOptions, uprobeMulti, uprobeSession } from './uprobe-multi.ts'
