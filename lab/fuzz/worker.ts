/**
 * A thread that makes inputs and examines them, one after the other.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import { parentPort, workerData } from 'node:worker_threads'
import { Btf } from '../../src/btf/btf.ts'
import { type Input, makeInput } from './mutate.ts'
import { examine, type Outcome } from './pipeline.ts'
import { readSeeds } from './seeds.ts'
import { Board, type Message, type WorkerData } from './shared.ts'

/** Milliseconds that every input may take, and those that each of its bytes may add. */
const TIME = 250
const TIME_PER_BYTE = 0.05
/** Bytes that every input may take, and those that each of its bytes may add. */
const MEMORY = 16 << 20
const MEMORY_PER_BYTE = 1024
/** A slow input is tried again: the machine has other things to do, and only the best time counts. */
const TRIALS = 4

const { run, slot, board: memory } = workerData as WorkerData
const board = new Board(memory)
const seeds = readSeeds(run.objects)
const kernel = Btf.parse(readFileSync(run.kernelBtf), { file: run.kernelBtf })
let longest = { input: -1, value: 0 }
let largest = { input: -1, value: 0 }

function send(message: Message): void {
  parentPort?.postMessage(message)
}

/** What examining an input took. */
interface Cost {
  outcome: Outcome
  time: number
  memory: number
}

/** Bytes in use, garbage included: what an input adds is what it allocated, unless the collector came by. */
function used(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}

function measure(input: Input): Cost {
  const [begin, before] = [performance.now(), used()]
  const outcome = examine(input, kernel)
  return { outcome, time: performance.now() - begin, memory: used() - before }
}

function work(number: number): void {
  const input = makeInput(seeds, run.seed, number)
  const { name, bytes } = input
  const find = (what: string): void => send({ finding: { input: number, name, what } })
  try {
    let cost = measure(input)
    const mayTake = TIME + bytes.length * TIME_PER_BYTE
    for (let trial = 1; cost.time > mayTake && trial < TRIALS; trial++) {
      const again = measure(input)
      cost = again.time < cost.time ? again : cost
    }
    if (cost.time > mayTake) find(`It takes too long\n${Math.round(cost.time)} ms for ${bytes.length} bytes`)
    if (cost.memory > MEMORY + bytes.length * MEMORY_PER_BYTE)
      find(`It takes too much memory\n${cost.memory} bytes for ${bytes.length} bytes`)
    if (cost.time > longest.value) longest = { input: number, value: cost.time }
    const ratio = cost.memory / Math.max(bytes.length, 1024)
    if (ratio > largest.value) largest = { input: number, value: ratio }
    if (Object.keys(Object.prototype).length > 0) find('It changes what all objects have')
    board.finish(cost.outcome === 'refused')
  } catch (error) {
    find((error as Error).stack ?? String(error))
    board.finish(false)
  }
}

for (;;) {
  const number = run.first + board.take(slot)
  if (number >= run.end || Date.now() >= run.deadline) break
  work(number)
}
send({ summary: { longest, largest } })
