/**
 * A worker thread that makes kernel objects in every way there is, until it is terminated: what it works on, and never
 * how far it got, is known. It says when it begins.
 *
 * @module
 */

import { setImmediate as turn } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { add, mov } from '../../src/asm/alu.ts'
import { loadMap } from '../../src/asm/calls.ts'
import type { Instruction } from '../../src/asm/instruction.ts'
import { exit, jlt } from '../../src/asm/jumps.ts'
import { r0, r1, r6 } from '../../src/asm/registers.ts'
import { Collection } from '../../src/collection/collection.ts'
import { CollectionSpec } from '../../src/collection/spec.ts'
import { nrCpuIds } from '../../src/kernel/cpus.ts'
import { rawTracepoint } from '../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { BpfMap } from '../../src/maps/map.ts'
import type { MapSpec } from '../../src/maps/spec.ts'
import { Program } from '../../src/programs/program.ts'
import type { ProgramSpec } from '../../src/programs/spec.ts'
import { PerfBuffer } from '../../src/readers/perf/perf-buffer.ts'
import { RingBuffer } from '../../src/readers/ring-buffer.ts'
import { SharedRingBuffer } from '../../src/readers/shared-ring/shared-ring-buffer.ts'
import { UserRingBuffer } from '../../src/readers/user-ring/user-ring-buffer.ts'
import { syscallEntry } from '../../src/syscalls/entry.ts'
import { OBJECT_NAME } from './name.ts'

const map: MapSpec = { name: OBJECT_NAME, type: 'hash', keySize: 4, valueSize: 8, maxEntries: 64 }
const ring: MapSpec = { name: OBJECT_NAME, type: 'ringbuf', maxEntries: 1 << 16 }
const userRing: MapSpec = { name: OBJECT_NAME, type: 'user_ringbuf', maxEntries: 1 << 16 }
const perfArray: MapSpec = {
  name: OBJECT_NAME,
  type: 'perf_event_array',
  keySize: 4,
  valueSize: 4,
  maxEntries: nrCpuIds(),
}

/** The verifier follows each of the rounds of its loop, for some milliseconds. */
function program(rounds: number, type: ProgramSpec['type'] = 'socket_filter'): ProgramSpec {
  const counting: Instruction[] = [mov(r6, 0), add(r6, 1), jlt(r6, rounds, -2)]
  const instructions = [loadMap(r1, OBJECT_NAME), ...counting, mov(r0, 0), exit()]
  return { name: OBJECT_NAME, type, license: 'GPL', instructions }
}

const collection = new CollectionSpec({
  maps: [[OBJECT_NAME, map]],
  programs: [
    ['first', program(3000)],
    ['second', program(3000)],
  ],
})

/** Each leaves something open that is the thread's, or awaits what it will never get. */
const works: readonly (() => unknown)[] = [
  () => BpfMap.create(map),
  () => {
    const made = BpfMap.create(map)
    for (let i = 0; i < 64; i++) made.set(Uint8Array.of(i, 0, 0, 0), new Uint8Array(8))
    return [...made.entries()]
  },
  () => void RingBuffer.open(BpfMap.create(ring)).records().next(),
  () => void SharedRingBuffer.open(BpfMap.create(ring)).batches().next(),
  () => UserRingBuffer.open(BpfMap.create(userRing)).reserve(8),
  () => void PerfBuffer.open(BpfMap.create(perfArray), { pages: 1 }).records().next(),
  () => Program.load(program(300), { maps: () => BpfMap.create(map) }),
  () => {
    const loading = Program.load(program(10, 'raw_tracepoint'), { maps: () => BpfMap.create(map) })
    return rawTracepoint(loading, 'sys_enter')
  },
  () => void Program.loadAsync(program(5000), { maps: () => BpfMap.create(map) }),
  () => void Program.loadAsync(program(300), { maps: () => BpfMap.create(map) }),
  () => Collection.load(collection),
  () => void Collection.loadAsync(collection),
  () => BpfMap.list().next(),
]

/** Fewer than the least limit that users have, 1024, for all workers of a process. */
const MOST = 40

// Loading the backend is not part of this: see docs/workers.md.
syscallEntry()
parentPort?.postMessage('begin')
for (let done = 0; done < MOST; done++) {
  works[Math.floor(Math.random() * works.length)]!()
  await turn()
}
setInterval(() => {}, 1000)
