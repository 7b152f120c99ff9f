/**
 * Rows of ring buffers that are filled first and then read.
 *
 * @module
 */

import { type BpfMap, Collection, CollectionSpec, type Program, type RingBuffer } from 'ebpf-ts'
import type { RingRecord } from 'ebpf-ts/readers'
import type { Sample } from '../protocol.ts'
import { check, now, rounds, type Setup, type SweepOptions, type Work } from '../work.ts'

const OBJECT = 'bench/bpf/ring.bpf.o'
/** Input of a test run: an Ethernet header, which programs of this type do not see. */
const PACKET = new Uint8Array(14)

/** Where records are written before they are read. */
export interface Fillable extends Disposable {
  /** Writes so many records, numbered from 0. */
  fill(count: number): void
}

/** A loaded object with a program that writes records. */
export interface Producing extends Fillable {
  readonly collection: Collection
  readonly program: Program
  /** Lets the next record have the number 0. */
  restart(): void
  /** Records that were tried, and those that did not fit, since the last start. */
  counts(): { sent: number; lost: number }
}

/** Loads an object with one of its programs. */
export function produce(object: string, producer: string): Producing {
  const spec = CollectionSpec.fromFile(object)
  for (const [name, program] of spec.programs) program.autoload = name === producer
  const collection = Collection.load(spec)
  const program = collection.programs.get(producer)
  const next = collection.variables.get('next')
  const dropped = collection.variables.get('dropped')
  const counts = (): { sent: number; lost: number } => ({
    sent: Number(next.get()),
    lost: Number(dropped.get()),
  })
  const restart = (): void => {
    next.set(0n)
    dropped.set(0n)
  }
  return {
    collection,
    program,
    counts,
    restart,
    fill(count) {
      restart()
      program.testRun({ data: PACKET, repeat: count })
      const { sent, lost } = counts()
      check(sent === count && lost === 0, `${lost} of ${sent} records did not fit`)
    },
    [Symbol.dispose]: () => collection.close(),
  }
}

/** A loaded ring.bpf.o: a ring, its reader, and a program that writes records. */
export interface OpenedRing extends Producing {
  readonly map: BpfMap<unknown, unknown>
  readonly ring: RingBuffer
}

/** Loads ring.bpf.o with one of its programs. */
export function openRing(producer: string, name = 'ring'): OpenedRing {
  const producing = produce(OBJECT, producer)
  const { collection } = producing
  const ring = collection.ringBuffer(name)
  return {
    ...producing,
    map: collection.maps.get(name),
    ring,
    [Symbol.dispose]() {
      ring.close()
      collection.close()
    },
  }
}

/** What was read, in figures that tell whether it was what was sent. */
export interface Read {
  records: number
  /** Sum of a number of each record. */
  sum: number
  bytes: number
}

/** The sum of 0 to `count` - 1: of sequence numbers. */
export const sumTo = (count: number): number => (count * (count - 1)) / 2

/** The same of their lowest bytes. */
export const sumOfBytesTo = (count: number): number =>
  Math.floor(count / 256) * sumTo(256) + sumTo(count % 256)

/** Checks that all was read. */
export function checkRead(read: Read, count: number, size: number, sum = sumTo(count)): void {
  check(read.records === count, `${read.records} records of ${count}`)
  check(read.bytes === count * size, `records have ${read.bytes} bytes`)
  check(read.sum === sum, 'records have another content')
}

/** Fills the ring, and times how it is read. */
export function filled(
  options: SweepOptions,
  ring: Fillable,
  count: number,
  read: () => Read,
  checkResult: (result: Read) => void,
): Work {
  const round = (): number => {
    ring.fill(count)
    const start = now()
    const result = read()
    const time = now() - start
    checkResult(result)
    return time
  }
  return rounds(options, count, round, () => ring[Symbol.dispose]())
}

function drain(size: number, count: number): Setup {
  return options => {
    const opened = openRing(`produce_${size}`)
    const read = (): Read => {
      let sum = 0
      let bytes = 0
      const records = opened.ring.drain(({ view, offset, length }) => {
        sum += view.getUint32(offset, true)
        bytes += length
      })
      return { records, sum, bytes }
    }
    return filled(options, opened, count, read, result => checkRead(result, count, size))
  }
}

/** What `struct event` is decoded to. */
interface Event {
  index: bigint
  pid: number
  cpu: number
  delta: bigint
  comm: string
}

function checkEvent({ index, pid, cpu, delta, comm }: Event): void {
  const name = `worker-${String.fromCharCode(97 + (pid % 26))}`
  const same = index === BigInt(pid) && cpu === pid % 4 && delta === -index && comm === name
  check(same, `event ${pid} has another content`)
}

const decode: Setup = options => {
  const opened = openRing('produce_event', 'events')
  opened.fill(100)
  opened.ring.drain(record => checkEvent(record.value as Event))
  const read = (): Read => {
    let sum = 0
    let bytes = 0
    const records = opened.ring.drain(record => {
      sum += (record.value as Event).pid
      bytes += record.length
    })
    return { records, sum, bytes }
  }
  return filled(options, opened, 18_000, read, result => checkRead(result, 18_000, 40))
}

/** A drain that keeps what it reads. */
function copyRecords(ring: RingBuffer): Read {
  let sum = 0
  let bytes = 0
  const records = ring.drain(record => {
    const data = record.data.slice()
    sum += data[0]!
    bytes += data.length
  })
  return { records, sum, bytes }
}

function copy(count: number): Setup {
  return options => {
    const opened = openRing('produce_32')
    const read = (): Read => copyRecords(opened.ring)
    return filled(options, opened, count, read, result => checkRead(result, count, 32, sumOfBytesTo(count)))
  }
}

const BURST = 1000
/** So many bursts take about a millisecond. */
const BURSTS_PER_MILLISECOND = 3

/** How the loop reads: adds a record to what was read. */
interface Loop {
  readonly producer: string
  readonly ring?: string
  readonly size: number
  readonly sum: number
  add(read: Read, record: RingRecord): void
}

/** One loop for all sweeps, as a tool has one for as long as it lives. */
const forAwait =
  ({ producer, ring, size, sum, add }: Loop): Setup =>
  ({ milliseconds }) => {
    const opened = openRing(producer, ring)
    const bursts = Math.ceil(milliseconds * BURSTS_PER_MILLISECOND)
    let time = 0
    let start = 0
    let left = 0
    let read: Read = { records: 0, sum: 0, bytes: 0 }
    let finish: (sample: Sample) => void = () => {}
    const startBurst = (): void => {
      read = { records: 0, sum: 0, bytes: 0 }
      opened.fill(BURST)
      start = now()
    }
    const consume = async (): Promise<never> => {
      for await (const record of opened.ring.records()) {
        add(read, record)
        if (++read.records < BURST) continue
        time += now() - start
        checkRead(read, BURST, size, sum)
        if (--left === 0) finish({ ns: time / (bursts * BURST), ops: bursts * BURST })
        else startBurst()
      }
      throw new Error('the loop has ended')
    }
    const consumed = consume()
    // Wake the waiter of a sweep.
    consumed.catch(() => {})
    return {
      sweep() {
        const swept = new Promise<Sample>(resolve => {
          finish = resolve
        })
        time = 0
        left = bursts
        startBurst()
        return Promise.race([swept, consumed])
      },
      [Symbol.dispose]: () => opened[Symbol.dispose](),
    }
  }

const forAwaitBytes = forAwait({
  producer: 'produce_32',
  size: 32,
  sum: sumOfBytesTo(BURST),
  add(read, { data }) {
    read.sum += data[0]!
    read.bytes += data.length
  },
})

const forAwaitDecoded = forAwait({
  producer: 'produce_event',
  ring: 'events',
  size: 40,
  sum: sumTo(BURST),
  add(read, record) {
    read.sum += (record.value as Event).pid
    read.bytes += record.data.length
  },
})

/** `ring-drain-8` to `ring-decode-for-await`. */
export const ringSetups: Readonly<Record<string, Setup>> = {
  'ring-drain-8': drain(8, 60_000),
  'ring-drain-32': drain(32, 26_000),
  'ring-drain-256': drain(256, 3900),
  'ring-decode': decode,
  'ring-copy-32': copy(26_000),
  'ring-for-await': forAwaitBytes,
  'ring-decode-for-await': forAwaitDecoded,
  'ring-for-await-copy': copy(BURST),
}
