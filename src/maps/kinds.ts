/**
 * The table of map kinds: what the types of maps have in common and where they differ, as far as user space notices.
 * Creating maps, elements, iteration, feature probes and the table in `docs/maps.md` read it. Pure.
 *
 * Source: `map_alloc_check`, `map_check_btf` and the other operations of kernel/bpf/{arraymap,hashtab,devmap,cpumap,
 * queue_stack_maps,bloom_filter,lpm_trie,local_storage,bpf_local_storage,ringbuf,arena,stackmap,reuseport_array}.c,
 * net/core/sock_map.c, net/xdp/xskmap.c; kernel/bpf/syscall.c `map_lookup_elem`; libbpf `bpf_object__create_map`.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { type MapType, mapTypes } from '../abi/generated/enums.ts'
import { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, BPF_F_RDONLY_PROG } from '../abi/generated/flags.ts'
import { enumName } from '../abi/names.ts'
import { type LinuxRelease, mapTypeSince } from '../abi/since.ts'

/** Types whose values exist once per possible CPU. */
export type PerCpuMapType =
  | 'percpu_hash'
  | 'percpu_array'
  | 'lru_percpu_hash'
  | 'percpu_cgroup_storage'
  | 'percpu_cgroup_storage_deprecated'

/** Types whose values are maps. */
export type MapOfMapsType = 'array_of_maps' | 'hash_of_maps'

/** Types with one value for all CPUs, which is not a map. */
export type PlainMapType = Exclude<MapType, PerCpuMapType | MapOfMapsType>

/** Types whose keys are indices from 0 on. */
export type ArrayMapType =
  | 'array'
  | 'percpu_array'
  | 'prog_array'
  | 'perf_event_array'
  | 'cgroup_array'
  | 'array_of_maps'
  | 'stack_trace'
  | 'devmap'
  | 'cpumap'
  | 'xskmap'
  | 'sockmap'
  | 'reuseport_sockarray'
  | 'insn_array'

/** Sizes that the kernel takes: one, one of several, or any from `least` on. */
export type MapSize = number | readonly [first: number, ...others: number[]] | { readonly least: number }

/** Something that user space does with an element. */
export type MapOperation = 'get' | 'set' | 'delete' | 'keys' | 'push' | 'pop' | 'peek' | 'has'

/** What there is to know of a map type. */
export interface MapKind {
  /**
   * How user space reaches its elements: by key; in their order, as those of a queue; by asking whether one is there; or
   * not by system calls.
   */
  readonly elements: 'keyed' | 'queue' | 'filter' | 'none'
  /** What a value is: bytes, those of each possible CPU, a map, or what a descriptor stands for. */
  readonly values: 'bytes' | 'per_cpu' | 'map' | 'descriptor'
  /** Whether keys are numbers below `maxEntries`. */
  readonly indexed: boolean
  /**
   * What system calls do with its elements, by the names of the methods; `keys` is what iteration needs. Where elements
   * cannot be deleted, their values can be set to zeros.
   */
  readonly operations: readonly MapOperation[]
  /** Bytes of a key. */
  readonly keySize: MapSize
  /** Bytes of a value; of one CPU's value where each has its own. */
  readonly valueSize: MapSize
  /**
   * What `maxEntries` counts: elements, of which there may be no more than CPUs; bytes or pages of memory; nothing, where
   * each kernel object of a kind has an element, or where this is not known.
   */
  readonly capacity: 'elements' | 'cpus' | 'bytes' | 'pages' | 'objects' | 'unknown'
  /** Whether its values can be mapped into the memory of a process (`BPF_F_MMAPABLE`). Default: no. */
  readonly mappable?: boolean
  /** Flags that it cannot be created without. */
  readonly requiredFlags?: number
  /** Flags that the kernel adds. */
  readonly addedFlags?: number
  /** Whether it takes BTF types of keys and values. */
  readonly btf: 'needed' | 'accepted' | 'refused'
  /** Whether its value is of a type of the kernel's BTF. */
  readonly kernelType?: boolean
  /**
   * How iteration reads many elements with one system call (Linux 5.6): whole hash buckets, each copied under its lock, so
   * that nothing comes twice; or from key to key. Default: not at all. The generic batch lookup gives up with `EINTR` on
   * types that can have holes, such as maps of maps; and it goes on from the last key that it gave, so that deleting this
   * one would lead back to the start of an LPM trie.
   */
  readonly batches?: 'buckets' | 'keys'
  /**
   * Whether elements move when others come or go, as the table grows and shrinks: an iteration that goes from key to key
   * may then miss some that are there all the time. Default: no.
   */
  readonly moves?: boolean
  /** First release with batch commands; `undefined` where none is known. Arrays cannot delete by batches. */
  readonly batchesSince?: LinuxRelease
  /** First release that looks up and deletes an element with a key at once; `undefined` where none does. */
  readonly lookupAndDeleteSince?: LinuxRelease
}

const ANY: MapSize = { least: 1 }

const keyed = {
  elements: 'keyed',
  values: 'bytes',
  indexed: false,
  keySize: ANY,
  valueSize: ANY,
  operations: ['get', 'set', 'delete', 'keys'],
  capacity: 'elements',
  btf: 'accepted',
} as const

const hash = {
  ...keyed,
  batches: 'buckets',
  batchesSince: featureSince.mapBatch,
  lookupAndDeleteSince: featureSince.hashLookupAndDelete,
} as const

const indexed = { ...keyed, indexed: true, keySize: 4 } as const

/** Every index always has a value. */
const fixed = { ...indexed, operations: ['get', 'set', 'keys'] } as const

/** An index or an interface of the network, and what it leads to, perhaps with a program. */
const redirect = { ...keyed, keySize: 4, valueSize: [4, 8], btf: 'refused' } as const

const descriptors = { ...indexed, values: 'descriptor', valueSize: 4, btf: 'refused' } as const

const writeOnly = ['set', 'delete', 'keys'] as const

const mapsOfMaps = {
  ...keyed,
  values: 'map',
  valueSize: 4,
  btf: 'refused',
  batchesSince: featureSince.mapOfMapsBatch,
} as const

/** Keys are `struct bpf_cgroup_storage_key`; since Linux 5.9 the id of a control group does as well. */
const cgroupStorage = {
  ...keyed,
  keySize: [16, 8],
  operations: ['get', 'set', 'keys'],
  capacity: 'objects',
} as const

/** Each object has one element, whose key is a descriptor of the object. */
const localStorage = {
  ...keyed,
  keySize: 4,
  operations: ['get', 'set', 'delete'],
  capacity: 'objects',
  requiredFlags: BPF_F_NO_PREALLOC,
  btf: 'needed',
} as const

const queue = {
  ...keyed,
  elements: 'queue',
  keySize: 0,
  operations: ['push', 'pop', 'peek'],
  btf: 'refused',
} as const

const ring = {
  ...keyed,
  elements: 'none',
  keySize: 0,
  valueSize: 0,
  operations: [],
  capacity: 'bytes',
  btf: 'refused',
} as const

/** Of a type that is not known, nothing is refused. */
const unknown = { ...keyed, keySize: { least: 0 }, valueSize: { least: 0 }, capacity: 'unknown' } as const

/** A kind, which agrees with what the type system knows of the type. */
type KindOf<T extends MapType> = MapKind & {
  readonly values: T extends PerCpuMapType
    ? 'per_cpu'
    : T extends MapOfMapsType
      ? 'map'
      : 'bytes' | 'descriptor'
  readonly indexed: T extends ArrayMapType ? true : false
}

/** Every map type that the library knows, in the order of their numbers. */
export const mapKinds: { readonly [T in MapType]: KindOf<T> } = {
  unspec: unknown,
  hash,
  array: { ...fixed, mappable: true, batches: 'keys', batchesSince: featureSince.mapBatch },
  prog_array: { ...descriptors, btf: 'accepted' },
  perf_event_array: { ...descriptors, operations: writeOnly, capacity: 'cpus' },
  percpu_hash: { ...hash, values: 'per_cpu' },
  percpu_array: {
    ...fixed,
    values: 'per_cpu',
    batches: 'keys',
    batchesSince: featureSince.perCpuArrayBatch,
  },
  // Programs set its elements.
  stack_trace: {
    ...indexed,
    valueSize: { least: 8 },
    operations: ['get', 'delete', 'keys'],
    btf: 'refused',
  },
  cgroup_array: { ...descriptors, operations: writeOnly },
  lru_hash: hash,
  lru_percpu_hash: { ...hash, values: 'per_cpu' },
  lpm_trie: {
    ...keyed,
    keySize: { least: 5 },
    requiredFlags: BPF_F_NO_PREALLOC,
    batchesSince: featureSince.lpmTrieBatch,
  },
  array_of_maps: { ...mapsOfMaps, indexed: true, keySize: 4 },
  hash_of_maps: mapsOfMaps,
  devmap: { ...redirect, indexed: true, addedFlags: BPF_F_RDONLY_PROG },
  sockmap: { ...redirect, indexed: true, values: 'descriptor' },
  cpumap: { ...redirect, indexed: true, capacity: 'cpus' },
  xskmap: { ...descriptors, operations: writeOnly },
  sockhash: { ...redirect, keySize: ANY, values: 'descriptor' },
  cgroup_storage_deprecated: cgroupStorage,
  cgroup_storage: cgroupStorage,
  reuseport_sockarray: { ...descriptors, valueSize: [4, 8], btf: 'accepted' },
  percpu_cgroup_storage_deprecated: { ...cgroupStorage, values: 'per_cpu' },
  percpu_cgroup_storage: { ...cgroupStorage, values: 'per_cpu' },
  queue,
  stack: queue,
  sk_storage: localStorage,
  devmap_hash: { ...redirect, addedFlags: BPF_F_RDONLY_PROG },
  // One element, which only programs and the link of the operations read.
  struct_ops: { ...keyed, elements: 'none', keySize: 4, operations: [], kernelType: true },
  ringbuf: ring,
  inode_storage: localStorage,
  task_storage: localStorage,
  bloom_filter: { ...queue, elements: 'filter', operations: ['push', 'has'], btf: 'accepted' },
  user_ringbuf: ring,
  cgrp_storage: localStorage,
  arena: { ...ring, capacity: 'pages', requiredFlags: BPF_F_MMAPABLE },
  // Values are `struct bpf_insn_array_value`.
  insn_array: { ...fixed, valueSize: 16, addedFlags: BPF_F_RDONLY_PROG },
  // Its batches go on from a key, which another process may delete meanwhile.
  rhash: {
    ...keyed,
    requiredFlags: BPF_F_NO_PREALLOC,
    moves: true,
    lookupAndDeleteSince: mapTypeSince.rhash,
  },
}

/**
 * The kind of a map type; for one that the tables do not know, a kind that refuses nothing.
 *
 * @param type a name or a number
 */
export function mapKind(type: MapType | number): MapKind {
  const name = typeof type === 'number' ? enumName(mapTypes, type) : type
  return typeof name === 'string' && Object.hasOwn(mapKinds, name) ? mapKinds[name] : unknown
}

/** Whether elements have no keys: those of queues, stacks and Bloom filters. */
export function isKeyless({ elements }: MapKind): boolean {
  return elements === 'queue' || elements === 'filter'
}

/** The size that a map has when its spec leaves it out; `undefined` where it must be given. */
export function usualSize(size: MapSize): number | undefined {
  if (typeof size === 'number') return size
  return 'least' in size ? undefined : size[0]
}

/** A small size that the kernel takes; 4 bytes where they do. */
export function smallSize(size: MapSize): number {
  return typeof size === 'object' && 'least' in size ? Math.max(size.least, 4) : usualSize(size)!
}

/** Whether the kernel takes a size, as far as is known. */
export function isSize(size: MapSize, bytes: number): boolean {
  if (typeof size === 'number') return bytes === size
  return 'least' in size ? bytes >= size.least : size.includes(bytes)
}
