/**
 * Rows of ring buffers that are read while they are written.
 *
 * @module
 */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { RingBuffer, RingView } from 'ebpf-ts'
import { quantile } from '../../src/bench/statistics.ts'
import { check, now, type Setup } from '../work.ts'
import { openRing, type Producing } from './ring.ts'
import { startThread, type Thread } from './threads.ts'

/** Runs the ring's program in a thread. */
function startProducer(
  { program }: Pick<Producing, 'program'>,
  batch: number,
  pause: number,
): Promise<Thread> {
  return startThread({ kind: 'produce', program: program.info().id, batch, pause })
}

/** Milliseconds between records of an idle process. */
const PAUSE = 2
const LATENCIES = 100

/** An object whose records are read while they are written. */
export interface Live extends Producing {
  readonly reader: Pick<RingBuffer, 'records' | 'drain'>
}

const live = (producer: string): Live => {
  const opened = openRing(producer)
  return { ...opened, reader: opened.ring }
}

/** The time from a record to its reader, of an idle process. */
export function latencyOf(open: () => Live): Setup {
  return ({ milliseconds }) => {
    const opened = open()
    const { reader } = opened
    const count = Math.min(LATENCIES, milliseconds)
    return {
      async sweep() {
        const samples: number[] = []
        const producer = await startProducer(opened, 1, PAUSE)
        // What was made before the first wait is late.
        reader.drain(() => {})
        for await (const { data } of reader.records()) {
          const arrived = now()
          samples.push(arrived - Number(new DataView(data.buffer).getBigUint64(8, true)))
          if (samples.length === count) break
        }
        await producer.stop()
        reader.drain(() => {})
        check(
          samples.every(each => each > 0),
          'a record came before it was made',
        )
        return { ns: quantile(samples, 0.5), ops: count, extra: { p99: quantile(samples, 0.99) } }
      },
      [Symbol.dispose]: () => opened[Symbol.dispose](),
    }
  }
}

/** Factor of the second word of a record of produce_checked. */
const CHECKSUM = 0x1e3779b1

/** Whether a record is not as produce_checked made it. */
function isTorn(
  { view, offset, length }: Pick<RingView, 'view' | 'offset' | 'length'>,
  padding: number,
): boolean {
  const low = view.getUint32(offset, true)
  const high = view.getUint32(offset + 4, true)
  const end = 16 + (low & 7) * 8
  if (length !== end + padding) return true
  // The lower half of a product depends on nothing but the lower halves of its factors.
  if (view.getUint32(offset + 8, true) !== Math.imul(low, CHECKSUM) >>> 0) return true
  for (let at = 16; at < end; at += 8) {
    if (view.getUint32(offset + at, true) !== low) return true
    if (view.getUint32(offset + at + 4, true) !== high) return true
  }
  return false
}

/**
 * Records as fast as they come, each looked at.
 *
 * @param padding bytes that the kernel adds to a record
 */
export function soakOf(open: () => Live, padding = 0): Setup {
  return ({ seconds }) => {
    const opened = open()
    return {
      async sweep() {
        opened.restart()
        let torn = 0
        const read = (): number =>
          opened.reader.drain(record => {
            if (isTorn(record, padding)) torn++
          })
        const producer = await startProducer(opened, 10_000, 0)
        const start = now()
        let received = 0
        while (now() - start < seconds * 1e9) {
          received += read()
          await turn()
        }
        const time = now() - start
        await producer.stop()
        received += read()
        const { sent, lost } = opened.counts()
        check(received > 0, 'nothing was received')
        const extra = { sent, received, lost, torn, missing: sent - received - lost }
        return { ns: time / received, ops: received, extra }
      },
      [Symbol.dispose]: () => opened[Symbol.dispose](),
    }
  }
}

/** Records that are made each millisecond or so, in a row. */
const BATCH = 1000
/** Milliseconds of a piece of work. */
const PIECE = 1

/** Works in pieces until stopped, and lets the event loop turn between them. */
async function work(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const start = now()
    while (now() - start < PIECE * 1e6);
    await turn()
  }
}

/** Reads until stopped; returns the number of records. */
async function read(ring: RingBuffer, signal: AbortSignal): Promise<number> {
  let records = 0
  for await (const _ of ring.records({ signal })) records++
  return records
}

/** The delay of this thread's event loop, p99 in nanoseconds, while both threads do something. */
async function loopDelay<T>(
  seconds: number,
  here: (signal: AbortSignal) => Promise<T>,
  there: Thread,
): Promise<{ delay: number; here: T; there: number }> {
  const stop = new AbortController()
  const working = here(stop.signal)
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await delay(seconds * 1000)
  histogram.disable()
  stop.abort()
  return { delay: histogram.percentile(99), here: await working, there: await there.stop() }
}

const busy: Setup = ({ seconds }) => {
  const opened = openRing('produce_32')
  return {
    async sweep() {
      const producer = await startProducer(opened, BATCH, 1)
      const reader = await startThread({ kind: 'read', map: opened.map.id })
      const worker = await loopDelay(seconds / 2, work, reader)
      const busyThread = await startThread({ kind: 'work' })
      const main = await loopDelay(seconds / 2, signal => read(opened.ring, signal), busyThread)
      await producer.stop()
      check(worker.there > 0 && main.here > 0, 'nothing was received')
      return { ns: worker.delay, ops: worker.there, extra: { reader: main.delay, readerRecords: main.here } }
    },
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  }
}

/** `ring-latency` to `ring-worker-busy`. */
export const liveRingSetups: Readonly<Record<string, Setup>> = {
  'ring-latency': latencyOf(() => live('produce_time')),
  'ring-soak': soakOf(() => live('produce_checked')),
  'ring-worker-busy': busy,
}
