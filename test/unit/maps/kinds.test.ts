import test from 'ava'
import { type MapType, mapTypes } from '../../../src/abi/generated/enums.ts'
import {
  isKeyless,
  isSize,
  type MapKind,
  mapKind,
  mapKinds,
  smallSize,
  usualSize,
} from '../../../src/maps/kinds.ts'

const kinds = Object.entries(mapKinds) as [MapType, MapKind][]
const typesWith = (holds: (kind: MapKind) => boolean): MapType[] =>
  kinds.filter(([type, kind]) => !type.endsWith('_deprecated') && holds(kind)).map(([type]) => type)

test('every map type has a kind, in the order of the numbers', t => {
  t.deepEqual(Object.keys(mapKinds), Object.keys(mapTypes))
})

test('a kind is found by name and by number', t => {
  t.is(mapKind('hash'), mapKinds.hash)
  t.is(mapKind(mapTypes.ringbuf), mapKinds.ringbuf)
  t.is(mapKind('cgroup_storage_deprecated'), mapKind('cgroup_storage'))
})

test('of a type that the table does not know, nothing is assumed to be wrong', t => {
  const { elements, values, keySize, valueSize, capacity, btf, batches, requiredFlags } = mapKind(12345)
  t.deepEqual([elements, values, capacity, btf], ['keyed', 'bytes', 'unknown', 'accepted'])
  t.deepEqual([batches, requiredFlags], [undefined, undefined])
  t.true([0, 1, 77].every(bytes => isSize(keySize, bytes) && isSize(valueSize, bytes)))
  t.is(mapKind('constructor' as MapType), mapKind(12345))
})

test('a size is one, one of several, or any from the least on', t => {
  const [one, several, any] = [4, [16, 8], { least: 5 }] as const
  t.deepEqual([usualSize(one), usualSize(several), usualSize(any)], [4, 16, undefined])
  t.deepEqual([smallSize(one), smallSize(several), smallSize(any), smallSize({ least: 1 })], [4, 16, 5, 4])
  t.deepEqual([isSize(one, 4), isSize(one, 8)], [true, false])
  t.deepEqual([isSize(several, 8), isSize(several, 12)], [true, false])
  t.deepEqual([isSize(any, 4), isSize(any, 5), isSize(any, 100)], [false, true, true])
})

test('what kinds have in common holds for these types', t => {
  t.deepEqual(typesWith(isKeyless), ['queue', 'stack', 'bloom_filter'])
  t.deepEqual(
    typesWith(({ elements }) => elements === 'none'),
    ['struct_ops', 'ringbuf', 'user_ringbuf', 'arena'],
  )
  t.deepEqual(
    typesWith(({ batches }) => batches === 'buckets'),
    ['hash', 'percpu_hash', 'lru_hash', 'lru_percpu_hash'],
  )
  t.deepEqual(
    typesWith(({ btf }) => btf === 'needed'),
    ['sk_storage', 'inode_storage', 'task_storage', 'cgrp_storage'],
  )
  t.deepEqual(
    typesWith(({ elements, operations }) => elements === 'keyed' && !operations.includes('delete')),
    ['array', 'percpu_array', 'cgroup_storage', 'percpu_cgroup_storage', 'insn_array'],
  )
  // What can be iterated in batches has batches.
  t.deepEqual(
    typesWith(({ batches, batchesSince }) => batches !== undefined && batchesSince === undefined),
    [],
  )
  // An index has 4 bytes.
  t.deepEqual(
    typesWith(({ indexed, keySize }) => indexed && keySize !== 4),
    [],
  )
})
