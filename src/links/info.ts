/**
 * What the kernel says of a link, typed by the kind of link.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_link_info`.
 *
 * @module
 */

import {
  type AttachType,
  attachTypes,
  type LinkType,
  linkTypes,
  type PerfEventType,
  perfEventTypes,
} from '../abi/generated/enums.ts'
import { linkInfo } from '../abi/generated/layouts.ts'
import { enumName } from '../abi/names.ts'
import { getInfo } from '../syscalls/info.ts'
import { InfoReader } from '../syscalls/info-reader.ts'
import { allocate } from '../syscalls/memory.ts'

/** What all links have. */
export interface LinkInfoBase {
  /** Id, unique until the next boot (5.8). */
  id: number
  /** Id of the attached program; 0 for `struct_ops`. */
  programId: number
}

/** A raw tracepoint, or `tp_btf`. */
export interface RawTracepointLinkInfo extends LinkInfoBase {
  type: 'raw_tracepoint'
  /** Name of the tracepoint, such as `'sched_switch'`. */
  tracepoint: string
  /** Cookie that the program reads (6.18); 0 on kernels that do not tell. */
  cookie: bigint
}

/** `fentry`, `fexit`, `fmod_ret`, LSM, `freplace`, and `tp_btf` that was attached with a cookie. */
export interface TracingLinkInfo extends LinkInfoBase {
  type: 'tracing'
  attachType: AttachType | number
  /** Id of the program, or of the BTF object of the module or kernel, that is attached to (5.13). */
  targetObjectId: number
  /** BTF id of the function in that object (5.13). */
  targetBtfId: number
  /** Cookie that the program reads (6.18); 0 on kernels that do not tell. */
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

/** A sockmap or sockhash (6.10). */
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
  /** Cookie that the program reads there (6.9); 0 on kernels that do not tell. */
  cookie: bigint
}

/** `kprobe_multi` (info: 6.6). */
export interface KprobeMultiLinkInfo extends LinkInfoBase {
  type: 'kprobe_multi'
  /** Number of functions. */
  count: number
  /** `BPF_F_KPROBE_MULTI_*`. */
  flags: number
  /** Hits that did not run the program (6.7). */
  missed: bigint
  targets: KprobeMultiTarget[]
}

/** A target of a `uprobe_multi` link. */
export interface UprobeMultiTarget {
  /** Offset in the file. */
  offset: bigint
  /** Offset of the reference counter (semaphore) in the file; 0 when there is none. */
  refCtrOffset: bigint
  /** Cookie that the program reads there. */
  cookie: bigint
}

/** `uprobe_multi` (info: 6.8). */
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

/** A perf event: tracepoint, kprobe, uprobe or other event (info: 6.6). */
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
  /** The kernel tells the cookie since 6.9 and the reference counter since 6.16; they are 0 before. */
  | { type: 'uprobe' | 'uretprobe'; file: string; offset: number; refCtrOffset: bigint; cookie: bigint }
  | { type: 'event'; eventType: number; config: bigint; cookie: bigint }
  /** The kernel does not tell (before 6.6). */
  | { type: 'unspec' | number }

/** A link of a type that this library has no details for. */
export interface OtherLinkInfo extends LinkInfoBase {
  type: number | 'unspec' | 'tracing_multi'
}

/** What the kernel says of a link; `type` tells which. */
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
  | PerfEventLinkInfo
  | OtherLinkInfo

/** The kernel's type of the link with this descriptor; `'unspec'` before Linux 5.8, which does not say. */
export function readLinkType(fd: number): LinkType | number {
  const info = allocate(linkInfo.$size)
  return getInfo(fd, info) < 0 ? 'unspec' : enumName(linkTypes, info.view.getUint32(linkInfo.type, true))
}

/**
 * Reads the facts of the link with this descriptor (5.8).
 *
 * @throws BpfError when the kernel refuses
 */
export function readLinkInfo(fd: number): LinkInfo {
  const reader = new InfoReader(fd, linkInfo.$size, 'link')
  const { u32, u64 } = reader
  const base: LinkInfoBase = { id: u32(linkInfo.id), programId: u32(linkInfo.prog_id) }
  const type = enumName(linkTypes, u32(linkInfo.type))
  const attachType = (at: number): AttachType | number => enumName(attachTypes, u32(at))
  switch (type) {
    case 'raw_tracepoint': {
      const { tp_name, tp_name_len, cookie } = linkInfo.raw_tracepoint
      return { type, ...base, tracepoint: reader.string(tp_name, tp_name_len), cookie: u64(cookie) }
    }
    case 'tracing':
      return {
        type,
        ...base,
        attachType: attachType(linkInfo.tracing.attach_type),
        targetObjectId: u32(linkInfo.tracing.target_obj_id),
        targetBtfId: u32(linkInfo.tracing.target_btf_id),
        cookie: u64(linkInfo.tracing.cookie),
      }
    case 'cgroup': {
      const { cgroup_id, attach_type } = linkInfo.cgroup
      return { type, ...base, cgroupId: u64(cgroup_id), attachType: attachType(attach_type) }
    }
    case 'iter': {
      const { target_name, target_name_len, map } = linkInfo.iter
      return { type, ...base, target: reader.string(target_name, target_name_len), mapId: u32(map.map_id) }
    }
    case 'netns': {
      const { netns_ino, attach_type } = linkInfo.netns
      return { type, ...base, netnsInode: u32(netns_ino), attachType: attachType(attach_type) }
    }
    case 'xdp':
      return { type, ...base, ifindex: u32(linkInfo.xdp.ifindex) }
    case 'tcx':
    case 'netkit': {
      const { ifindex, attach_type } = linkInfo[type]
      return { type, ...base, ifindex: u32(ifindex), attachType: attachType(attach_type) }
    }
    case 'netfilter': {
      const { pf, hooknum, priority, flags } = linkInfo.netfilter
      return {
        type,
        ...base,
        protocolFamily: u32(pf),
        hook: u32(hooknum),
        priority: u32(priority) | 0,
        flags: u32(flags),
      }
    }
    case 'sockmap': {
      const { map_id, attach_type } = linkInfo.sockmap
      return { type, ...base, mapId: u32(map_id), attachType: attachType(attach_type) }
    }
    case 'struct_ops':
      return { type, ...base, mapId: u32(linkInfo.struct_ops.map_id) }
    case 'kprobe_multi':
      return { type, ...base, ...kprobeMultiDetails(reader) }
    case 'uprobe_multi':
      return { type, ...base, ...uprobeMultiDetails(reader) }
    case 'perf_event':
      return { type, ...base, event: perfEventDetails(reader) }
    default:
      return { type, ...base }
  }
}

/** The arrays of `count` 64-bit numbers that each pointer is filled with. */
function readArrays(
  reader: InfoReader,
  count: number,
  countAt: number,
  pointers: readonly number[],
): bigint[][] {
  const { buffers } = reader.buffers(count, 8, countAt, pointers)
  return buffers.map(({ view }) => Array.from({ length: count }, (_, i) => view.getBigUint64(i * 8, true)))
}

function kprobeMultiDetails(
  reader: InfoReader,
): Pick<KprobeMultiLinkInfo, 'count' | 'flags' | 'missed' | 'targets'> {
  const fields = linkInfo.kprobe_multi
  const count = reader.u32(fields.count)
  const [addresses = [], cookies = []] = readArrays(reader, count, fields.count, [
    fields.addrs,
    fields.cookies,
  ])
  return {
    count,
    flags: reader.u32(fields.flags),
    missed: reader.u64(fields.missed),
    targets: addresses.map((address, i) => ({ address, cookie: cookies[i]! })),
  }
}

function uprobeMultiDetails(
  reader: InfoReader,
): Pick<UprobeMultiLinkInfo, 'path' | 'count' | 'flags' | 'pid' | 'targets'> {
  const fields = linkInfo.uprobe_multi
  const count = reader.u32(fields.count)
  const [offsets = [], counters = [], cookies = []] = readArrays(reader, count, fields.count, [
    fields.offsets,
    fields.ref_ctr_offsets,
    fields.cookies,
  ])
  return {
    path: reader.string(fields.path, fields.path_size),
    count,
    flags: reader.u32(fields.flags),
    pid: reader.u32(fields.pid),
    targets: offsets.map((offset, i) => ({ offset, refCtrOffset: counters[i]!, cookie: cookies[i]! })),
  }
}

function perfEventDetails(reader: InfoReader): PerfEventDetails {
  const { u32, u64 } = reader
  const { perf_event } = linkInfo
  const type: PerfEventType | number = enumName(perfEventTypes, u32(perf_event.type))
  switch (type) {
    case 'tracepoint': {
      const { tp_name, name_len, cookie } = perf_event.tracepoint
      return { type, name: reader.string(tp_name, name_len), cookie: u64(cookie) }
    }
    case 'kprobe':
    case 'kretprobe': {
      const { func_name, name_len, offset, addr, missed, cookie } = perf_event.kprobe
      return {
        type,
        function: reader.string(func_name, name_len),
        offset: u32(offset),
        address: u64(addr),
        missed: u64(missed),
        cookie: u64(cookie),
      }
    }
    case 'uprobe':
    case 'uretprobe': {
      const { file_name, name_len, offset, cookie, ref_ctr_offset } = perf_event.uprobe
      return {
        type,
        file: reader.string(file_name, name_len),
        offset: u32(offset),
        refCtrOffset: u64(ref_ctr_offset),
        cookie: u64(cookie),
      }
    }
    case 'event': {
      const { config, type: eventType, cookie } = perf_event.event
      return { type, eventType: u32(eventType), config: u64(config), cookie: u64(cookie) }
    }
    default:
      return { type }
  }
}
