/**
 * Keys and values of maps: with a shape, with codecs, and without either.
 *
 * @module
 */

import { BpfMap, Collection, CollectionSpec, type MapSpec, type Program } from 'ebpf-ts'
import { bytes, type Codec, cString, struct, u32, u64 } from 'ebpf-ts/base'
import { perCpu } from 'ebpf-ts/maps'
import { is } from './expect.ts'
import type { Event, Key, Opensnoop } from './opensnoop.ts'

const { maps } = Collection.load(CollectionSpec.fromFile<Opensnoop>('opensnoop.bpf.o'))
declare const program: Program

// A hash: a struct as the key, 64 bits as the value.
const starts = maps.get('starts')
is<bigint | undefined>()(starts.get({ pid: 1, cpu: 0 }))
for (const [key, value] of starts) {
  is<Key>()(key)
  is<bigint>()(value)
}
is<Key | undefined>()(starts.nextKey())
starts.set({ pid: 1 }, 5).set({ pid: 1 }, 5n)
starts.setBatch([[{ pid: 1 }, 5]])
// @ts-expect-error a number for a struct
starts.get(1)
// @ts-expect-error no such member of the key
starts.get({ tid: 1 })
// @ts-expect-error a string for 64 bits
starts.set({ pid: 1 }, '5')
// @ts-expect-error a bigint for a member of 32 bits
starts.delete({ pid: 1n })
// @ts-expect-error a boolean for 64 bits
starts.setBatch([[{ pid: 1 }, true]])

// One value for each CPU; the index needs no type.
is<bigint[] | undefined>()(maps.get('hits').get(0))
maps.get('hits').set(0, [1, 2n])
// @ts-expect-error one value is not that of all CPUs
maps.get('hits').set(0, 1n)

// Without keys.
is<Event | undefined>()(maps.get('jobs').pop())
maps.get('jobs').push({ comm: 'sh', delay_ns: 5, stack: [1, 2n] })
is<boolean>()(maps.get('seen').has(5))
// @ts-expect-error a queue has no keys
maps.get('jobs').get(1)
// @ts-expect-error no such member
maps.get('jobs').push({ command: 'sh' })
// @ts-expect-error a string for a number
maps.get('seen').has('5')

// What owns a descriptor.
maps.get('progs').set(0, program)
is<number | undefined>()(maps.get('progs').get(0))

// Maps in a map.
const inner = maps.get('by_cgroup').get(1n)
is<Event | undefined>()(inner?.get(5))
maps.get('by_cgroup').set(1, maps.get('starts'))
// @ts-expect-error a number is not a map
maps.get('by_cgroup').set(1n, 5)

// Without elements.
// @ts-expect-error a ring buffer has no elements
maps.get('events').get(1)
// @ts-expect-error a ring buffer has no elements
maps.get('events').set(new Uint8Array(4), new Uint8Array(4))

// Bytes, where the object says no more or where they are asked for.
is<Uint8Array | undefined>()(maps.get('raw').get(new Uint8Array(4)))
is<Uint8Array | undefined>()(starts.bytes().get(Buffer.alloc(8)))
is<{ dropped: bigint } | undefined>()(maps.get('.bss').get(0))

// Codecs read one type and write another.
const typed = starts.typed(u64, struct({ pid: u32, ns: u64, comm: cString(16) }))
is<{ pid: number; ns: bigint; comm: string } | undefined>()(typed.get(1))
typed.set(1, { pid: 1, ns: 1, comm: 'a' })
// @ts-expect-error all members of a struct that is written by a codec
typed.set(1, { pid: 1 })
is<bigint[] | undefined>()(starts.typed(u32, perCpu(u64)).get(1))
const raw: Codec<Uint8Array<ArrayBuffer>, Uint8Array> = bytes(4)
raw.encode(Buffer.alloc(4), new DataView(new ArrayBuffer(4)), 0)
raw.encode(new Uint8Array(new SharedArrayBuffer(4)), new DataView(new ArrayBuffer(4)), 0)

// Through BTF, with types or without.
is<BpfMap<unknown, unknown>>()(starts.decoded())
is<Event | undefined>()(starts.decoded<number, Event>().get(1))

// What is created or opened.
is<BpfMap>()(BpfMap.create({ name: 'a', type: 'hash' }))
is<Uint8Array[] | undefined>()(BpfMap.create({ name: 'a', type: 'percpu_hash' }).get(new Uint8Array(4)))
is<BpfMap<Uint8Array, unknown> | undefined>()(
  BpfMap.create({ name: 'a', type: 'hash_of_maps' }).get(new Uint8Array(4)),
)
declare const someSpec: MapSpec
is<BpfMap<Uint8Array, unknown>>()(BpfMap.create(someSpec))
is<BpfMap<Uint8Array, unknown>>()(BpfMap.loadPinned('/sys/fs/bpf/a'))
is<BpfMap<Uint8Array, unknown>>()(BpfMap.fromId(1))
is<BpfMap>()(BpfMap.fromId(1).bytes())
// @ts-expect-error the values of a map that was opened are not known to be bytes
BpfMap.fromId(1).get(new Uint8Array(4)).length

// What takes maps of some type takes those that read it.
declare function takesCounts(map: BpfMap<Key, bigint>): void
declare function takesAny(map: BpfMap<unknown, unknown>): void
takesCounts(starts)
takesAny(starts)
takesAny(maps.get('events'))
takesAny(BpfMap.create({ name: 'a', type: 'hash' }))
// @ts-expect-error of another type
takesCounts(maps.get('hits'))
