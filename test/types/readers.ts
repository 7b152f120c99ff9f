/**
 * Records: with a shape, with a codec, and without either.
 *
 * @module
 */

import { type BpfMap, Collection, CollectionSpec, RingBuffer, type RingRecord, type RingView } from 'ebpf-ts'
import { cString, struct, u32, u64 } from 'ebpf-ts/base'
import { is } from './expect.ts'
import type { Event, Opensnoop } from './opensnoop.ts'

const collection = Collection.load(CollectionSpec.fromFile<Opensnoop>('opensnoop.bpf.o'))
const { signal } = new AbortController()
declare const map: BpfMap

// A shape types records.
for await (const record of collection.records('events', { signal })) {
  is<RingRecord<Event>>()(record)
  is<string>()(record.value.comm)
  is<Uint8Array<ArrayBuffer>>()(record.data)
  // @ts-expect-error no such member
  record.value.command
  // @ts-expect-error values are read, not written
  record.value = {} as Event
}
collection.ringBuffer('events').drain(record => {
  is<RingView<Event>>()(record)
  is<bigint>()(record.value.delay_ns)
  // @ts-expect-error a bigint is not a number
  const delay: number = record.value.delay_ns
  return delay
})
is<RingBuffer<Event>>()(collection.ringBuffer('events'))
is<RingBuffer>()(collection.ringBuffer('plain_events'))
is<RingBuffer>()(collection.ringBuffer(['events', 'plain_events']))
// @ts-expect-error no such ring buffer
collection.records('event')
// @ts-expect-error a hash has no records
collection.records('starts')
// @ts-expect-error a hash is not a ring buffer
collection.ringBuffer('starts')

// A codec types records.
const event = struct({ pid: u32, ns: u64, comm: cString(16) })
interface Decoded {
  pid: number
  ns: bigint
  comm: string
}
for await (const { value } of RingBuffer.open(map, { codec: event }).records()) {
  const decoded: Decoded = value
  is<bigint>()(decoded.ns)
  // @ts-expect-error no such member
  value.tid
}
for await (const { value } of collection.records('plain_events', { signal, codec: u32 })) is<number>()(value)
RingBuffer.open([map, map], { codec: u64 }).drain(({ value }) => is<bigint>()(value))
is<RingBuffer<number>>()(collection.ringBuffer('plain_events', { codec: u32 }))

// Without either nothing is known.
is<RingBuffer>()(RingBuffer.open(map))
is<RingBuffer>()(RingBuffer.open(collection.maps.get('events')))
for await (const { value } of RingBuffer.open(map).records()) {
  is<unknown>()(value)
  // @ts-expect-error nothing is known of it
  value.pid
}
for await (const { value } of Collection.load(CollectionSpec.fromFile('a')).records('any'))
  is<unknown>()(value)
// @ts-expect-error a reader does not become typed by being asked to
const _assumed: RingBuffer<Event> = RingBuffer.open(map)

// What takes any reader takes a typed one.
declare function takesReader(reader: RingBuffer): void
takesReader(collection.ringBuffer('events'))
