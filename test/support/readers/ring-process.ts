/**
 * A process that reads ring buffers, for tests of when it ends by itself; and a thread that runs a program over and over.
 *
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads'
import { Program } from '../../../src/programs/program.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'
import { createRing, outputProgram, run, send } from './ring-programs.ts'

const scenarios: Record<string, () => void | Promise<void>> = {
  /** An open reader that is not waited for does not keep its process alive. */
  open() {
    RingBuffer.open(createRing()).records()
  },
  /** Closing ends the loop that waits, and then the process. */
  async close() {
    const ring = RingBuffer.open(createRing())
    setTimeout(() => ring.close(), 20)
    for await (const _ of ring.records());
    console.log('ended')
  },
  /** After `break` the reader is still open. */
  async break() {
    const map = createRing()
    send(outputProgram(map), Uint8Array.of(1))
    const ring = RingBuffer.open(map)
    for await (const _ of ring.records()) break
    console.log('left')
  },
  /** A loop that waits keeps the process alive until a record comes. */
  async wait() {
    const map = createRing()
    const program = outputProgram(map)
    setTimeout(() => send(program, Uint8Array.of(5)), 50).unref()
    // Would be lost if only the timer, which does not count, held the process.
    for await (const { data } of RingBuffer.open(map).records()) {
      console.log(data[0])
      break
    }
  },
}

/** Orders for a producer thread. */
export interface ProducerData {
  /** A descriptor of the program; the thread owns it. */
  fd: number
  /** Runs per system call. */
  repeat: number
  /** System calls. */
  rounds: number
}

if (parentPort === null) {
  await scenarios[process.argv[2] ?? '']?.()
} else {
  const { fd, repeat, rounds } = workerData as ProducerData
  using program = Program.fromFd(fd)
  for (let i = 0; i < rounds; i++) run(program, repeat)
}
