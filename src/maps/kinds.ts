/**
 * What the types of maps have in common and where they differ, as far as user space notices.
 *
 * Source: kernel/bpf/syscall.c `bpf_map_value_size`, `map_lookup_elem`, `map_update_elem`; `.map_*` operations of
 * kernel/bpf/{arraymap,hashtab,queue_stack_maps,bloom_filter,lpm_trie}.c.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import type { MapType } from '../abi/generated/enums.ts'

/** Types whose values exist once per possible CPU. */
export type PerCpuMapType = 'percpu_hash' | 'percpu_array' | 'lru_percpu_hash' | 'percpu_cgroup_storage'

/** Types whose values are maps. */
export type MapOfMapsType = 'array_of_maps' | 'hash_of_maps'

/** Types whose keys are indices from 0 on. */
export type ArrayMapType =
  | 'array'
  | 'percpu_array'
  | 'prog_array'
  | 'perf_event_array'
  | 'cgroup_array'
  | 'array_of_maps'

/** Types with one value for all CPUs, which is not a map. */
export type PlainMapType = Exclude<MapType, PerCpuMapType | MapOfMapsType>

type Types = ReadonlySet<MapType | number>

const perCpu: Types = new Set(['percpu_hash', 'percpu_array', 'lru_percpu_hash', 'percpu_cgroup_storage'])
const mapsOfMaps: Types = new Set(['array_of_maps', 'hash_of_maps'])
const keyless: Types = new Set(['queue', 'stack', 'bloom_filter'])
const withoutElements: Types = new Set(['ringbuf', 'user_ringbuf', 'arena', 'struct_ops'])
const arrays: Types = new Set<ArrayMapType>([
  'array',
  'percpu_array',
  'prog_array',
  'perf_event_array',
  'cgroup_array',
  'array_of_maps',
])
const fixedArrays: Types = new Set(['array', 'percpu_array'])
const descriptors: Types = new Set([
  'prog_array',
  'perf_event_array',
  'cgroup_array',
  'array_of_maps',
  'hash_of_maps',
  'sockmap',
  'sockhash',
  'xskmap',
  'reuseport_sockarray',
])
const batched: Types = new Set([
  'hash',
  'lru_hash',
  'percpu_hash',
  'lru_percpu_hash',
  'array',
  'percpu_array',
])
const hashes: Types = new Set(['hash', 'lru_hash', 'percpu_hash', 'lru_percpu_hash'])

/** Whether each possible CPU has its own value. */
export function isPerCpu(type: MapType | number): boolean {
  return perCpu.has(type)
}

/** Whether values are maps. */
export function isMapOfMaps(type: MapType | number): boolean {
  return mapsOfMaps.has(type)
}

/** Whether elements have no keys: queue, stack, Bloom filter. */
export function isKeyless(type: MapType | number): boolean {
  return keyless.has(type)
}

/** Whether user space reaches no elements by system calls, as in a ring buffer. */
export function hasNoElements(type: MapType | number): boolean {
  return withoutElements.has(type)
}

/** Whether keys are indices below `maxEntries`. */
export function isArray(type: MapType | number): boolean {
  return arrays.has(type)
}

/** Whether every index always has a value, so that elements cannot be deleted. */
export function hasFixedElements(type: MapType | number): boolean {
  return fixedArrays.has(type)
}

/** Whether values are set by file descriptor. */
export function takesDescriptors(type: MapType | number): boolean {
  return descriptors.has(type)
}

/**
 * Whether iteration may use batches (5.6). The generic batch lookup gives up with `EINTR` on types that can have
 * holes, which is why maps of maps are not among them; and it goes on from the last key that it gave, so that deleting
 * this one would lead back to the start of an LPM trie.
 */
export function hasBatches(type: MapType | number): boolean {
  return batched.has(type)
}

/** Whether a batch lookup walks hash buckets: each is copied under its lock, so nothing comes twice. */
export function walksBuckets(type: MapType | number): boolean {
  return hashes.has(type)
}

/**
 * First kernel with batch commands for a type; `undefined` where none is known. Arrays cannot delete by batches.
 */
export function batchesSince(type: MapType | number): string | undefined {
  if (hashes.has(type) || type === 'array') return featureSince.mapBatch
  if (type === 'percpu_array') return featureSince.perCpuArrayBatch
  if (type === 'lpm_trie') return featureSince.lpmTrieBatch
  return mapsOfMaps.has(type) ? featureSince.mapOfMapsBatch : undefined
}

/** First kernel that looks up and deletes at once in maps with keys; `undefined` where none does. */
export function lookupAndDeleteSince(type: MapType | number): string | undefined {
  return hashes.has(type) ? featureSince.hashLookupAndDelete : undefined
}

/** Types that know no BTF of keys and values. Source: libbpf `bpf_object__create_map`. */
const withoutBtf: Types = new Set([
  'perf_event_array',
  'cgroup_array',
  'stack_trace',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'devmap_hash',
  'cpumap',
  'xskmap',
  'sockmap',
  'sockhash',
  'queue',
  'stack',
  'arena',
])

/** Whether the kernel accepts BTF types of key and value. */
export function acceptsBtf(type: MapType | number): boolean {
  return !withoutBtf.has(type)
}
