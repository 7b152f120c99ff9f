/**
 * Rows of a ring buffer that worker threads read together.
 *
 * @module
 */

import { once } from 'node:events'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { cString, i64, struct, u32, u64 } from 'ebpf-ts/base'
import { type RingHandle, SharedRingBuffer } from 'ebpf-ts/readers'
import { check, now, rounds, type Setup } from '../work.ts'
import { openRing } from './ring.ts'

/** `struct event` of ring.bpf.o: workers do not have the types of the map. */
const event = struct({ index: u64, pid: u32, cpu: u32, delta: i64, comm: cString(16) })

const RECORDS = 18_000

/** Words that the threads share: the number of the round, records and sum of `pid` so far in it, whether to end. */
const ROUND = 0
const READ = 1
const SUM = 2
const END = 3

interface Order {
  readonly handle: RingHandle
  readonly words: Int32Array
}

/** Reads what there is in each round, until the end. */
function readRounds({ handle, words }: Order): void {
  using ring = SharedRingBuffer.join(handle, { codec: event })
  parentPort?.postMessage('ready')
  for (let round = 0; ; round++) {
    Atomics.wait(words, ROUND, round)
    if (Atomics.load(words, END) !== 0) return
    for (let read = 0; read < RECORDS; read = Atomics.load(words, READ)) {
      using batch = ring.take()
      if (batch === undefined) {
        Atomics.wait(words, READ, read, 0.1)
        continue
      }
      let sum = 0
      const records = batch.read(({ value }) => {
        sum += value.pid
      })
      batch.done()
      Atomics.add(words, SUM, sum)
      if (Atomics.add(words, READ, records) + records === RECORDS) Atomics.notify(words, READ)
    }
  }
}

/** Fills the ring, and times how so many workers read it: for as long again before the clock starts, since they are new. */
function shared(workers: number): Setup {
  return ({ milliseconds }) => {
    const opened = openRing('produce_event', 'events')
    // Only one reader has the map.
    opened.ring.close()
    const ring = SharedRingBuffer.open(opened.map)
    const words = new Int32Array(new SharedArrayBuffer(16))
    const order: Order = { handle: ring.share(), words }
    const startRound = (): void => {
      Atomics.add(words, ROUND, 1)
      Atomics.notify(words, ROUND)
    }
    const round = (): number => {
      // Before the ring is filled: a worker that was late in the last round may take records at once.
      Atomics.store(words, SUM, 0)
      Atomics.store(words, READ, 0)
      opened.fill(RECORDS)
      const start = now()
      startRound()
      for (let read = 0; read < RECORDS; read = Atomics.load(words, READ)) Atomics.wait(words, READ, read, 1)
      const time = now() - start
      check(Atomics.load(words, SUM) === (RECORDS * (RECORDS - 1)) / 2, 'records have another content')
      return time
    }
    const work = rounds({ milliseconds, seconds: 0 }, RECORDS, round, () => {
      ring.close()
      opened[Symbol.dispose]()
    })
    return {
      async sweep() {
        Atomics.store(words, ROUND, 0)
        Atomics.store(words, END, 0)
        const script = new URL(import.meta.url)
        const threads = Array.from({ length: workers }, () => new Worker(script, { workerData: order }))
        const ended = Promise.all(threads.map(thread => once(thread, 'exit')))
        await Promise.all(threads.map(thread => once(thread, 'message')))
        await work.sweep()
        const sample = await work.sweep()
        Atomics.store(words, END, 1)
        startRound()
        await ended
        return sample
      },
      [Symbol.dispose]: () => work[Symbol.dispose](),
    }
  }
}

/** `ring-decode-shared`, and its variant with one worker. */
export const sharedRingSetups: Readonly<Record<string, Setup>> = {
  'ring-decode-shared': shared(2),
  'ring-decode-shared-one': shared(1),
}

if (parentPort !== null && workerData?.handle !== undefined) readRounds(workerData as Order)
