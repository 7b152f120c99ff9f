/**
 * Reading the facts that the kernel has of a link.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_link_info`; `fill_link_info` of each kind of link, and `show_fdinfo` of
 * those that have no info.
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
import { parseFdinfo, readFdinfoText } from '../kernel/fdinfo.ts'
import { getInfo } from '../syscalls/info.ts'
import { InfoReader } from '../syscalls/info-reader.ts'
import { allocate } from '../syscalls/memory.ts'
import type {
  KprobeMultiLinkInfo,
  LinkInfo,
  LinkInfoBase,
  PerfEventDetails,
  TracingMultiLinkInfo,
  UprobeMultiLinkInfo,
} from './info.ts'

/** The kernel's type of the link with this descriptor; `'unspec'` before Linux 5.8, which does not say. */
export function readLinkType(fd: number): LinkType | number {
  const info = allocate(linkInfo.$size)
  return getInfo(fd, info) < 0 ? 'unspec' : enumName(linkTypes, info.view.getUint32(linkInfo.type, true))
}

/**
 * Reads the facts of the link with this descriptor. Since Linux 5.8.
 *
 * @throws BpfError when the kernel refuses
 */
export function readLinkInfo(fd: number): LinkInfo {
  const reader = new InfoReader(fd, linkInfo.$size, 'link')
  const base: LinkInfoBase = { id: reader.u32(linkInfo.id), programId: reader.u32(linkInfo.prog_id) }
  const type = enumName(linkTypes, reader.u32(linkInfo.type))
  return typeof type === 'number' ? { type, ...base } : readers[type](reader, base, fd)
}

type LinkReader = (reader: InfoReader, base: LinkInfoBase, fd: number) => LinkInfo

/** What each type of link has besides what all have. */
const readers: Readonly<Record<LinkType, LinkReader>> = {
  unspec: (_, base) => ({ type: 'unspec', ...base }),
  raw_tracepoint(reader, base) {
    const { tp_name, tp_name_len, cookie } = linkInfo.raw_tracepoint
    const tracepoint = reader.string(tp_name, tp_name_len)
    return { type: 'raw_tracepoint', ...base, tracepoint, cookie: reader.u64(cookie) }
  },
  tracing(reader, base) {
    const { attach_type, target_obj_id, target_btf_id, cookie } = linkInfo.tracing
    return {
      type: 'tracing',
      ...base,
      attachType: attachTypeAt(reader, attach_type),
      targetObjectId: reader.u32(target_obj_id),
      targetBtfId: reader.u32(target_btf_id),
      cookie: reader.u64(cookie),
    }
  },
  cgroup(reader, base) {
    const { cgroup_id, attach_type } = linkInfo.cgroup
    const attachType = attachTypeAt(reader, attach_type)
    return { type: 'cgroup', ...base, cgroupId: reader.u64(cgroup_id), attachType }
  },
  iter(reader, base) {
    const { target_name, target_name_len, map } = linkInfo.iter
    const target = reader.string(target_name, target_name_len)
    return { type: 'iter', ...base, target, mapId: reader.u32(map.map_id) }
  },
  netns(reader, base) {
    const { netns_ino, attach_type } = linkInfo.netns
    const attachType = attachTypeAt(reader, attach_type)
    return { type: 'netns', ...base, netnsInode: reader.u32(netns_ino), attachType }
  },
  xdp: (reader, base) => ({ type: 'xdp', ...base, ifindex: reader.u32(linkInfo.xdp.ifindex) }),
  tcx: (reader, base) => ({ type: 'tcx', ...base, ...deviceDetails(reader, linkInfo.tcx) }),
  netkit: (reader, base) => ({ type: 'netkit', ...base, ...deviceDetails(reader, linkInfo.netkit) }),
  netfilter(reader, base) {
    const { pf, hooknum, priority, flags } = linkInfo.netfilter
    return {
      type: 'netfilter',
      ...base,
      protocolFamily: reader.u32(pf),
      hook: reader.u32(hooknum),
      // The field is signed.
      priority: reader.u32(priority) | 0,
      flags: reader.u32(flags),
    }
  },
  sockmap(reader, base) {
    const { map_id, attach_type } = linkInfo.sockmap
    const attachType = attachTypeAt(reader, attach_type)
    return { type: 'sockmap', ...base, mapId: reader.u32(map_id), attachType }
  },
  struct_ops: (reader, base) => ({
    type: 'struct_ops',
    ...base,
    mapId: reader.u32(linkInfo.struct_ops.map_id),
  }),
  kprobe_multi: (reader, base) => ({ type: 'kprobe_multi', ...base, ...kprobeMultiDetails(reader) }),
  uprobe_multi: (reader, base) => ({ type: 'uprobe_multi', ...base, ...uprobeMultiDetails(reader) }),
  perf_event: (reader, base) => ({ type: 'perf_event', ...base, event: perfEventDetails(reader) }),
  tracing_multi: (_, base, fd) => ({
    type: 'tracing_multi',
    ...base,
    ...parseTracingMulti(readFdinfoText(fd)),
  }),
}

function attachTypeAt(reader: InfoReader, offset: number): AttachType | number {
  return enumName(attachTypes, reader.u32(offset))
}

function deviceDetails(
  reader: InfoReader,
  { ifindex, attach_type }: { readonly ifindex: number; readonly attach_type: number },
): { ifindex: number; attachType: AttachType | number } {
  return { ifindex: reader.u32(ifindex), attachType: attachTypeAt(reader, attach_type) }
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

/** A line of the table in fdinfo: `OBJECT-ID BTF-ID COOKIE FUNCTION+OFFSET/SIZE`. */
const TRACING_TARGET = /^(\d+)\s+(\d+)\s+(\d+)\s+(\S+)/

/** What fdinfo says of a link to many functions by trampolines. Source: `bpf_tracing_multi_show_fdinfo`. */
export function parseTracingMulti(
  text: string,
): Pick<TracingMultiLinkInfo, 'attachType' | 'count' | 'targets'> {
  const facts = parseFdinfo(text)
  const attachType = facts.get('attach_type')
  const targets = text.split('\n').flatMap(line => {
    const [, objectId, btfId, cookie = '0', symbol = ''] = TRACING_TARGET.exec(line) ?? []
    if (objectId === undefined) return []
    // Where names are hidden it is an address.
    const name = /^0x/.test(symbol) ? '' : symbol.replace(/\+0x.*$/, '')
    return [{ objectId: Number(objectId), btfId: Number(btfId), cookie: BigInt(cookie), function: name }]
  })
  return {
    attachType: attachType === undefined ? undefined : enumName(attachTypes, Number(attachType)),
    count: Number(facts.get('cnt') ?? targets.length),
    targets,
  }
}
