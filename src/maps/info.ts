/**
 * Facts about a map, from the kernel.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_map_info`; kernel/bpf/syscall.c `bpf_map_show_fdinfo`.
 *
 * @module
 */

import { BPF_OBJ_NAME_MAX } from '../abi/constants.ts'
import { featureSince } from '../abi/feature-since.ts'
import { type MapType, mapTypes } from '../abi/generated/enums.ts'
import { mapInfo } from '../abi/generated/layouts.ts'
import { enumName } from '../abi/names.ts'
import { cString } from '../base/bytes.ts'
import { readFdinfo } from '../kernel/fdinfo.ts'
import { lacking } from '../kernel/lacking.ts'
import { InfoReader } from '../syscalls/info-reader.ts'
import { allocate } from '../syscalls/memory.ts'
import type { DescriptorOwner } from './kinds/descriptors.ts'

/** Facts about a map. What the kernel is too old to know is 0 or empty where nothing else is said. */
export interface MapInfo {
  /** Id, unique until the next boot. Since Linux 4.13. */
  id: number
  type: MapType | number
  /** Name, at most 15 bytes. Since Linux 4.15. */
  name: string
  /** Bytes of a key. */
  keySize: number
  /** Bytes of a value; of one CPU's value in a per-CPU map. */
  valueSize: number
  /** Greatest number of elements; bytes of a ring buffer. */
  maxEntries: number
  /** `BPF_F_*` flags of map creation. */
  flags: number
  /** Network device that it is bound to. Since Linux 4.16. */
  ifindex: number
  /** Id of its BTF; 0 without BTF. Since Linux 4.18. */
  btfId: number
  /** BTF type of the key. Since Linux 4.18. */
  btfKeyTypeId: number
  /** BTF type of the value. Since Linux 4.18. */
  btfValueTypeId: number
  /** Type in the kernel's BTF that a struct_ops map implements. Since Linux 5.6. */
  btfVmlinuxValueTypeId: number
  /** Type-specific. Since Linux 5.16. */
  mapExtra: bigint
  /** Bytes that it is charged for; `undefined` without procfs. Since Linux 4.10. */
  memlock: number | undefined
  /** Whether user space can no longer write; `undefined` when the kernel does not say. Since Linux 5.2. */
  frozen: boolean | undefined
}

/**
 * Reads the facts of the map with this descriptor. Since Linux 4.13.
 *
 * @throws BpfError when the kernel refuses
 */
export function readMapInfo(fd: number): MapInfo {
  const reader = new InfoReader(fd, mapInfo.$size, 'map')
  const { u32, u64 } = reader
  const fdinfo = readFdinfo(fd)
  const memlock = fdinfo.get('memlock')
  const frozen = fdinfo.get('frozen')
  return {
    id: u32(mapInfo.id),
    type: enumName(mapTypes, u32(mapInfo.type)),
    name: cString(reader.bytes(mapInfo.name, BPF_OBJ_NAME_MAX)),
    keySize: u32(mapInfo.key_size),
    valueSize: u32(mapInfo.value_size),
    maxEntries: u32(mapInfo.max_entries),
    flags: u32(mapInfo.map_flags),
    ifindex: u32(mapInfo.ifindex),
    btfId: u32(mapInfo.btf_id),
    btfKeyTypeId: u32(mapInfo.btf_key_type_id),
    btfValueTypeId: u32(mapInfo.btf_value_type_id),
    btfVmlinuxValueTypeId: u32(mapInfo.btf_vmlinux_value_type_id),
    mapExtra: u64(mapInfo.map_extra),
    memlock: memlock === undefined ? undefined : Number(memlock),
    frozen: frozen === undefined ? undefined : frozen === '1',
  }
}

/** Bytes of a SHA-256. */
const HASH_SIZE = 32

/**
 * The SHA-256 of the values of a frozen array, as the kernel computes it: what a program that has the map can be sure of.
 * Each value is padded to 8 bytes. Since Linux 6.18.
 *
 * @param map a map, or whatever else owns its descriptor
 * @throws NotSupportedError before Linux 6.18
 * @throws BpfError `EPERM` when the map is not frozen, `EINVAL` when it is not an array
 */
export function contentsHash(map: DescriptorOwner): Uint8Array {
  const reader = new InfoReader(map.fd, mapInfo.$size, 'map')
  if (!reader.knows(mapInfo.hash)) throw lacking('The hash of a map', featureSince.mapHash)
  const hash = allocate(HASH_SIZE)
  reader.read(view => {
    view.setBigUint64(mapInfo.hash, BigInt(hash.address), true)
    view.setUint32(mapInfo.hash_size, HASH_SIZE, true)
  })
  return new Uint8Array(hash.bytes)
}
