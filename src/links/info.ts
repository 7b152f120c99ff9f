/**
 * The facts that the kernel has of a link, typed by the kind of link.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_link_info`.
 *
 * @module
 */

import type { AttachType } from '../abi/generated/enums.ts'

/** What all links have. */
export interface LinkInfoBase {
  /** Id, unique until the next boot. Since Linux 5.8. */
  id: number
  /** Id of the attached program; 0 for `struct_ops`. */
  programId: number
}

/** A raw tracepoint, or `tp_btf`. */
export interface RawTracepointLinkInfo extends LinkInfoBase {
  type: 'raw_tracepoint'
  /** Name of the tracepoint, such as `'sched_switch'`. */
  tracepoint: string
  /** Cookie that the program reads. Since Linux 6.18; 0 before. */
  cookie: bigint
}

/** `fentry`, `fexit`, `fmod_ret`, LSM, `freplace`, and `tp_btf` that was attached with a cookie. */
export interface TracingLinkInfo extends LinkInfoBase {
  type: 'tracing'
  attachType: AttachType | number
  /** Id of the program, or of the BTF object of the module or kernel, that is attached to. Since Linux 5.13. */
  targetObjectId: number
  /** BTF id of the function in that object. Since Linux 5.13. */
  targetBtfId: number
  /** Cookie that the program reads. Since Linux 6.18; 0 before. */
  cookie: bigint
}

/** A cgroup hook. */
export interface CgroupLinkInfo extends LinkInfoBase {
  type: 'cgroup'
  /** Inode number of the cgroup directory; 0 once the cgroup is gone. */
  cgroupId: bigint
  attachType: AttachType | number
}

/** An iterator. */
export interface IterLinkInfo extends LinkInfoBase {
  type: 'iter'
  /** What it walks, such as `'task'` or `'bpf_map'`. */
  target: string
  /** Map that a `bpf_map_elem` or `bpf_sk_storage_map` iterator walks. */
  mapId: number
}

/** A network namespace hook: `flow_dissector`, `sk_lookup`. */
export interface NetnsLinkInfo extends LinkInfoBase {
  type: 'netns'
  /** Inode number of the namespace; 0 once it is gone. */
  netnsInode: number
  attachType: AttachType | number
}

/** XDP. */
export interface XdpLinkInfo extends LinkInfoBase {
  type: 'xdp'
  /** Index of the network device; 0 once it is gone. */
  ifindex: number
}

/** tcx or netkit. */
export interface DeviceLinkInfo extends LinkInfoBase {
  type: 'tcx' | 'netkit'
  /** Index of the network device; 0 once it is gone. */
  ifindex: number
  attachType: AttachType | number
}

/** Netfilter. */
export interface NetfilterLinkInfo extends LinkInfoBase {
  type: 'netfilter'
  /** Protocol family, `NFPROTO_*`: 2 IPv4, 10 IPv6. */
  protocolFamily: number
  /** Hook, `NF_INET_*`: 0 pre-routing to 4 post-routing. */
  hook: number
  priority: number
  flags: number
}

/** A sockmap or sockhash. Since Linux 6.10. */
export interface SockmapLinkInfo extends LinkInfoBase {
  type: 'sockmap'
  mapId: number
  attachType: AttachType | number
}

/** `struct_ops`. */
export interface StructOpsLinkInfo extends LinkInfoBase {
  type: 'struct_ops'
  mapId: number
}

/** A target of a `kprobe_multi` link. */
export interface KprobeMultiTarget {
  /** Address of the function; 0 when hidden from this user. */
  address: bigint
  /** Cookie that the program reads there. Since Linux 6.9; 0 before. */
  cookie: bigint
}

/** `kprobe_multi`. The kernel fills this in since Linux 6.6. */
export interface KprobeMultiLinkInfo extends LinkInfoBase {
  type: 'kprobe_multi'
  /** Number of functions. */
  count: number
  /** `BPF_F_KPROBE_MULTI_*`. */
  flags: number
  /** Hits that did not run the program. Since Linux 6.7. */
  missed: bigint
  targets: KprobeMultiTarget[]
}

/** A target of a `uprobe_multi` link. */
export interface UprobeMultiTarget {
  /** Offset in the file. */
  offset: bigint
  /** Offset of the reference counter (semaphore) in the file; 0 without one. */
  refCtrOffset: bigint
  /** Cookie that the program reads there. */
  cookie: bigint
}

/** `uprobe_multi`. The kernel fills this in since Linux 6.8. */
export interface UprobeMultiLinkInfo extends LinkInfoBase {
  type: 'uprobe_multi'
  path: string
  /** Number of places. */
  count: number
  /** `BPF_F_UPROBE_MULTI_*`. */
  flags: number
  /** Process that is watched; 0 for all. */
  pid: number
  targets: UprobeMultiTarget[]
}

/** A target of a `tracing_multi` link. */
export interface TracingMultiTarget {
  /** Id of the BTF object of the kernel or module that has the function. */
  objectId: number
  /** BTF id of the function in that object. */
  btfId: number
  /** Cookie that the program reads there; 0 without one. */
  cookie: bigint
  /** Name of the function; `''` when the kernel does not show it. */
  function: string
}

/** `tracing_multi`. Since Linux 7.2, which describes it in `/proc/self/fdinfo` only. */
export interface TracingMultiLinkInfo extends LinkInfoBase {
  type: 'tracing_multi'
  /** `undefined` without procfs, as `count` is 0 and `targets` empty then. */
  attachType: AttachType | number | undefined
  /** Number of functions. */
  count: number
  targets: TracingMultiTarget[]
}

/** A perf event: tracepoint, kprobe, uprobe or other event. The kernel describes it since Linux 6.6. */
export interface PerfEventLinkInfo extends LinkInfoBase {
  type: 'perf_event'
  event: PerfEventDetails
}

/** What kind of perf event it is. */
export type PerfEventDetails =
  | { type: 'tracepoint'; name: string; cookie: bigint }
  | {
      type: 'kprobe' | 'kretprobe'
      function: string
      offset: number
      address: bigint
      missed: bigint
      cookie: bigint
    }
  /** The cookie is there since Linux 6.9 and the reference counter since Linux 6.16; they are 0 before. */
  | { type: 'uprobe' | 'uretprobe'; file: string; offset: number; refCtrOffset: bigint; cookie: bigint }
  | { type: 'event'; eventType: number; config: bigint; cookie: bigint }
  /** The kernel does not say. Before Linux 6.6. */
  | { type: 'unspec' | number }

/** A link of a type that this library has no details for. */
export interface OtherLinkInfo extends LinkInfoBase {
  type: number | 'unspec'
}

/** The facts that the kernel has of a link; `type` is the kind of link. */
export type LinkInfo =
  | RawTracepointLinkInfo
  | TracingLinkInfo
  | CgroupLinkInfo
  | IterLinkInfo
  | NetnsLinkInfo
  | XdpLinkInfo
  | DeviceLinkInfo
  | NetfilterLinkInfo
  | SockmapLinkInfo
  | StructOpsLinkInfo
  | KprobeMultiLinkInfo
  | UprobeMultiLinkInfo
  | TracingMultiLinkInfo
  | PerfEventLinkInfo
  | OtherLinkInfo
