/**
 * What the measured programs do. A body is the same instructions for every variant, byte by byte, so that the
 * difference between two variants is what the kernel does to get there. Pure.
 *
 * @module
 */

import { BPF_RB_NO_WAKEUP } from '../abi/generated/flags.ts'
import { add, mov } from '../asm/alu.ts'
import { call, loadMap, loadMapValue } from '../asm/calls.ts'
import type { Instruction } from '../asm/instruction.ts'
import { exit, jne, label } from '../asm/jumps.ts'
import { atomicAdd, store } from '../asm/memory.ts'
import { r0, r1, r2, r3, r4, r10 } from '../asm/registers.ts'

/** Name of a body. */
export type BodyName = 'empty' | 'counter' | 'hash' | 'ringbuf'

/** A body. */
export interface Body {
  readonly name: BodyName
  /** What it does, in a few words. */
  readonly summary: string
  /** Whether it counts its runs; the runs of others are counted by the kernel, apart from the timing. */
  readonly counts: boolean
  readonly instructions: readonly Instruction[]
}

/** Maps that bodies name. */
export const mapNames = { counters: 'counters', hash: 'hash', ring: 'ring' } as const

/** Bytes of the value of the counters' map: two counters, far enough apart to share no cache line. */
export const COUNTERS_SIZE = 256
/** Offset of the counter of hits, a 64-bit number. */
export const HITS_OFFSET = 0
/** Offset of the counter of the driver's runs, a 64-bit number. */
export const RUNS_OFFSET = 128

/** Bytes of a record of the body `ringbuf`, as in the kernel's own benchmark. */
export const RECORD_SIZE = 8

/** Always 0: fentry programs must, and others would do more otherwise, such as skip the function. */
const done = (): Instruction[] => [label('out', mov(r0, 0)), exit()]

/** The order in which clang compiles `__sync_fetch_and_add(&hits, 1)`. */
const countHit = (): Instruction[] => [
  mov(r1, 1),
  loadMapValue(r2, mapNames.counters, HITS_OFFSET),
  atomicAdd('u64', r2, 0, r1),
]

/** The bodies by name. They run on 5.10 and later. */
export const bodies: Readonly<Record<BodyName, Body>> = {
  empty: { name: 'empty', summary: 'returns', counts: false, instructions: [mov(r0, 0), exit()] },
  counter: {
    name: 'counter',
    summary: 'adds 1 to a global variable, atomically',
    counts: true,
    instructions: [...countHit(), ...done()],
  },
  hash: {
    name: 'hash',
    summary: 'updates an element of a hash map, and counts',
    counts: true,
    instructions: [
      mov(r1, 1),
      store('u64', r10, -8, r1),
      store('u64', r10, -16, r1),
      mov(r2, r10),
      add(r2, -8),
      mov(r3, r10),
      add(r3, -16),
      loadMap(r1, mapNames.hash),
      mov(r4, 0),
      call('map_update_elem'),
      jne(r0, 0, 'out'),
      ...countHit(),
      ...done(),
    ],
  },
  ringbuf: {
    name: 'ringbuf',
    summary: `writes a record of ${RECORD_SIZE} bytes to a ring buffer, without waking anybody, and counts`,
    counts: true,
    instructions: [
      mov(r1, 42),
      store('u64', r10, -8, r1),
      mov(r2, r10),
      add(r2, -8),
      loadMap(r1, mapNames.ring),
      mov(r3, RECORD_SIZE),
      mov(r4, BPF_RB_NO_WAKEUP),
      call('ringbuf_output'),
      jne(r0, 0, 'out'),
      ...countHit(),
      ...done(),
    ],
  },
}
