/**
 * Threads beside the one that is measured: one makes records, one reads them, one is only busy. Each works until it is
 * told to stop, and says then how much it did.
 *
 * @module
 */

import { once } from 'node:events'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { BpfMap, Program, RingBuffer } from 'ebpf-ts'

/** What a thread does. */
type Order =
  /** Runs a program `batch` times in a system call, with so many milliseconds between calls; 0 is full rate. */
  | { readonly kind: 'produce'; readonly program: number; readonly batch: number; readonly pause: number }
  /** Reads the ring buffer with an id. */
  | { readonly kind: 'read'; readonly map: number }
  /** Computes. */
  | { readonly kind: 'work' }

/** A thread at work. */
export interface Thread {
  /** Ends it; settles with the number of system calls, records or computations that it did. */
  stop(): Promise<number>
}

/** Starts a thread; settles when it is at work. */
export async function startThread(order: Order): Promise<Thread> {
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL(import.meta.url), { workerData: { order, stop } })
  await once(worker, 'message')
  return {
    async stop() {
      Atomics.store(stop, 0, 1)
      Atomics.notify(stop, 0)
      const exit = once(worker, 'exit')
      const [done] = (await once(worker, 'message')) as [number]
      await exit
      return done
    },
  }
}

/** Has `startThread` settle. */
function atWork(): void {
  parentPort?.postMessage(0)
}

/** An Ethernet header, the least that a test run of a socket filter takes. */
const PACKET = new Uint8Array(14)

function produce(order: Order & { kind: 'produce' }, stop: Int32Array): number {
  using program = Program.fromId(order.program)
  let calls = 0
  do {
    if (order.pause > 0) Atomics.wait(stop, 0, 0, order.pause)
    program.testRun({ data: PACKET, repeat: order.batch })
    // Whoever starts it may count on records then, however slow the machine is.
    if (calls++ === 0) atWork()
  } while (Atomics.load(stop, 0) === 0)
  return calls
}

async function read(order: Order & { kind: 'read' }, stop: Int32Array): Promise<number> {
  using map = BpfMap.fromId(order.map)
  using ring = RingBuffer.open(map)
  atWork()
  let records = 0
  for await (const _ of ring.records()) {
    records++
    if (Atomics.load(stop, 0) !== 0) break
  }
  return records
}

function work(stop: Int32Array): number {
  atWork()
  let sum = 0
  for (; Atomics.load(stop, 0) === 0; sum++);
  return sum
}

async function run({ order, stop }: { order: Order; stop: Int32Array }): Promise<void> {
  if (order.kind === 'produce') parentPort?.postMessage(produce(order, stop))
  else if (order.kind === 'read') parentPort?.postMessage(await read(order, stop))
  else parentPort?.postMessage(work(stop))
}

if (parentPort !== null) await run(workerData as { order: Order; stop: Int32Array })
