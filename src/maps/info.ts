/**
 * What the kernel says of a map.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_map_info`; kernel/bpf/syscall.c `bpf_map_show_fdinfo`.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { type MapType, mapTypes } from '../abi/generated/enums.ts'
import { mapInfo } from '../abi/generated/layouts.ts'
import { enumName } from '../abi/names.ts'
import { cString } from '../base/bytes.ts'
import { failure } from '../kernel/failure.ts'
import { getInfo } from '../syscalls/info.ts'
import { allocate } from '../syscalls/memory.ts'

/** Facts about a map. What the kernel is too old to know is 0 or empty, unless it says otherwise. */
export interface MapInfo {
  /** Id, unique until the next boot (4.13). */
  id: number
  type: MapType | number
  /** Name, at most 15 bytes (4.15). */
  name: string
  /** Bytes of a key. */
  keySize: number
  /** Bytes of a value; of one CPU's value in a per-CPU map. */
  valueSize: number
  /** Greatest number of elements; bytes of a ring buffer. */
  maxEntries: number
  /** `BPF_F_*` flags of map creation. */
  flags: number
  /** Network device that it is bound to (4.16). */
  ifindex: number
  /** Id of its BTF; 0 when it has none (4.18). */
  btfId: number
  /** BTF type of the key (4.18). */
  btfKeyTypeId: number
  /** BTF type of the value (4.18). */
  btfValueTypeId: number
  /** Type in the kernel's BTF that a struct_ops map implements (5.6). */
  btfVmlinuxValueTypeId: number
  /** Type-specific (5.16). */
  mapExtra: bigint
  /** Bytes that it is charged for; `undefined` without procfs (4.10). */
  memlock: number | undefined
  /** Whether user space can no longer write (5.2); `undefined` when the kernel does not tell. */
  frozen: boolean | undefined
}

/**
 * Reads the facts of the map with this descriptor (4.13).
 *
 * @throws BpfError when it is no map (`EINVAL`), or the kernel refuses
 */
export function readMapInfo(fd: number): MapInfo {
  const info = allocate(mapInfo.$size)
  const result = getInfo(fd, info)
  if (result < 0) throw failure('Cannot read map info', result, 'bpf(BPF_OBJ_GET_INFO_BY_FD)')
  const u32 = (offset: number): number => info.view.getUint32(offset, true)
  const fdinfo = readFdinfo(fd)
  return {
    id: u32(mapInfo.id),
    type: enumName(mapTypes, u32(mapInfo.type)),
    name: cString(info.bytes.subarray(mapInfo.name, mapInfo.ifindex)),
    keySize: u32(mapInfo.key_size),
    valueSize: u32(mapInfo.value_size),
    maxEntries: u32(mapInfo.max_entries),
    flags: u32(mapInfo.map_flags),
    ifindex: u32(mapInfo.ifindex),
    btfId: u32(mapInfo.btf_id),
    btfKeyTypeId: u32(mapInfo.btf_key_type_id),
    btfValueTypeId: u32(mapInfo.btf_value_type_id),
    btfVmlinuxValueTypeId: u32(mapInfo.btf_vmlinux_value_type_id),
    mapExtra: info.view.getBigUint64(mapInfo.map_extra, true),
    memlock: fdinfo.get('memlock'),
    frozen: fdinfo.has('frozen') ? fdinfo.get('frozen') === 1 : undefined,
  }
}

/** The numbers in `/proc/self/fdinfo`; empty where there is no procfs. */
function readFdinfo(fd: number): Map<string, number> {
  const facts = new Map<string, number>()
  let text: string
  try {
    text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  } catch {
    return facts
  }
  for (const line of text.split('\n')) {
    const [name, value] = line.split(/:\s*/)
    if (name !== undefined && value !== undefined) facts.set(name, Number(value))
  }
  return facts
}
