/**
 * A thread that sends commands to a user ring buffer: by `send`, and every third by `reserve`, until it is terminated or has
 * sent so many. `sent` of its data counts them.
 *
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads'
import type { RingHandle } from '../../../src/readers/ring-handle.ts'
import { UserRingBuffer } from '../../../src/readers/user-ring/user-ring-buffer.ts'
import { type Command, command, commandOf } from './user-ring-command.ts'

/** What the thread needs. */
export interface UserRingThreadData {
  handle: RingHandle
  producer: number
  /** How many commands to send. */
  count: number
  /** By producer: how many were sent. */
  sent: Int32Array
}

const { handle, producer, count, sent } = workerData as UserRingThreadData

async function sendOne(ring: UserRingBuffer<Command>, sequence: number): Promise<void> {
  const value = commandOf(producer, sequence)
  if (sequence % 3 === 0) {
    using record = ring.reserve(command.size) ?? (await ring.reserveWhenFree(command.size))
    command.encode(value, record.view, record.offset)
    record.submit()
  } else if (!ring.send(value)) {
    await ring.sendWhenFree(value)
  }
}

using ring = UserRingBuffer.join(handle, { codec: command })
parentPort?.postMessage('ready')
for (let sequence = 1; sequence <= count; sequence++) {
  await sendOne(ring, sequence)
  Atomics.store(sent, producer, sequence)
}
