/** Links: one function per hook, and what keeps a program attached. @module */

export type { Anchor, Neighbour } from './anchor.ts'
export { type Attached, attachBySection } from './by-section.ts'
export { cgroup } from './cgroup.ts'
export type * from './info.ts'
export { type IterLink, type IterOptions, iter } from './iter.ts'
export { Link, type ProgramHandle, type UpdateOptions } from './link.ts'
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
export { type RawTracepointOptions, rawTracepoint, tpBtf } from './raw-tracepoint.ts'
export { type TracepointOptions, tracepoint } from './tracepoint.ts'
export { fentry, fexit, fmodRet, freplace, lsm, type TracingOptions } from './tracing.ts'
