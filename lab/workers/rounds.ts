/**
 * Terminates worker threads at random moments, and looks for what they left in this process and in the kernel.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { BpfMap } from '../../src/maps/map.ts'
import { Program } from '../../src/programs/program.ts'
import { syscallBackend } from '../../src/syscalls/entry.ts'
import { openFds } from '../../test/support/leaks.ts'
import { eventually } from '../../test/support/poll.ts'
import { OBJECT_NAME } from './name.ts'

/** Milliseconds that a worker lives at most, from when it begins its work. */
const LONGEST_LIFE = 40

/** What is left of terminated workers. */
export interface Remains {
  backend: 'koffi' | 'shim'
  rounds: number
  /** Descriptors that were not open before. */
  descriptors: string[]
  /** Maps and programs of the workers that the kernel still has. */
  objects: number
}

/** Terminates as many workers, one after the other; then looks. */
export async function terminateWorkers(rounds: number): Promise<Remains> {
  await terminateWorker()
  const before = openFds()
  for (let round = 0; round < rounds; round++) await terminateWorker()
  const descriptors = openFds()
  for (const target of before) {
    const at = descriptors.indexOf(target)
    if (at >= 0) descriptors.splice(at, 1)
  }
  // The kernel frees in its own time what nothing holds.
  await eventually(() => objects() === 0, 10_000)
  return { backend: syscallBackend(), rounds, descriptors, objects: objects() }
}

async function terminateWorker(): Promise<void> {
  const worker = new Worker(new URL('./worker.js', import.meta.url))
  await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  worker.on('error', error => {
    throw error
  })
  await sleep(Math.random() * LONGEST_LIFE)
  await worker.terminate()
}

function objects(): number {
  let count = 0
  for (const list of [BpfMap.list(), Program.list()]) {
    for (const each of list) {
      using object = each
      if (object.name === OBJECT_NAME) count++
    }
  }
  return count
}
