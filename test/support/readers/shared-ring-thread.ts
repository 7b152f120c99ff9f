/**
 * A thread that reads batches of a shared ring buffer, with records of `countingProgram`, until it is told to stop or
 * terminated.
 *
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads'
import type { RingHandle } from '../../../src/readers/ring-handle.ts'
import type { RingBatch } from '../../../src/readers/shared-ring/ring-batch.ts'
import { SharedRingBuffer } from '../../../src/readers/shared-ring/shared-ring-buffer.ts'
import { Checker } from './ring-setup.ts'

/** What all readers write down. */
export interface SharedRingNotes {
  /** For each record, the number of its batch and 1. */
  readonly batches: Int32Array
  /** How many records were torn, and how many were found in two batches. */
  readonly faults: Int32Array
}

/** What the thread needs. */
export interface SharedRingThreadData {
  readonly handle: RingHandle
  readonly notes: SharedRingNotes
}

/** Reads a batch, writes its records down, and says that it is done. */
export function readBatch(batch: RingBatch, { batches, faults }: SharedRingNotes): void {
  const checker = new Checker()
  batch.read(({ view, offset, length }) => {
    checker.check(view, offset, length)
    const before = Atomics.exchange(batches, view.getUint32(offset, true), batch.number + 1)
    // The same batch may have been read by a thread that ended before it was done.
    if (before !== 0 && before !== batch.number + 1) Atomics.add(faults, 1, 1)
  })
  if (checker.wrong > 0) Atomics.add(faults, 0, checker.wrong)
  batch.done()
}

if (parentPort !== null) {
  const { handle, notes } = workerData as SharedRingThreadData
  using ring = SharedRingBuffer.join(handle)
  const stop = new AbortController()
  parentPort.once('message', () => stop.abort())
  parentPort.postMessage('ready')
  for await (const batch of ring.batches({ signal: stop.signal })) readBatch(batch, notes)
}
