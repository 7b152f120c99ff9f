/**
 * Ring buffers and programs that write into them, each run by `BPF_PROG_TEST_RUN`.
 *
 * @module
 */

import { featureSince } from '../../../src/abi/feature-since.ts'
import { mapTypeSince } from '../../../src/abi/since.ts'
import { add, mov } from '../../../src/asm/alu.ts'
import { call, loadMapFd } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, jeq, jlt, label, mayGoto } from '../../../src/asm/jumps.ts'
import { store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r4, r6, r7, r10 } from '../../../src/asm/registers.ts'
import { answerOf, tryMap } from '../../../src/kernel/probes/experiment.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'
import { countLost, MAX_RECORD, NUMBERED, numberedRecord, packetRecord } from './record-code.ts'

export const ringBuffers: Feature = defineFeature('Ring buffers', mapTypeSince.ringbuf, token =>
  answerOf(tryMap(token, 'ringbuf', { key_size: 0, value_size: 0, max_entries: pageSize() })),
)

/** `may_goto`, which lets a loop run on without the verifier following each round. */
export const mayGotoInstruction: Feature = defineFeature(
  'The instruction may_goto',
  featureSince.mayGoto,
  () => {
    try {
      Program.load({ type: 'socket_filter', instructions: [mayGoto(0), mov(r0, 0), exit()] }).close()
      return 'yes'
    } catch (error) {
      return error instanceof VerifierError ? 'no' : 'unknown'
    }
  },
)

/** A ring buffer, by default as small as they come. */
export function createRing(name = 'events', size: number = pageSize()): BpfMap {
  return BpfMap.create({ name, type: 'ringbuf', maxEntries: size })
}

/** Bytes of the header that test runs take off before a socket filter sees the packet. */
const ETHERNET = 14

function loadFilter(name: string, instructions: Instruction[]): Program {
  return Program.load({ name, type: 'socket_filter', instructions, license: 'GPL' })
}

/** A program that writes a record of what it is given; returns what `bpf_ringbuf_output` did. */
export function outputProgram(ring: BpfMap, flags = 0): Program {
  return loadFilter('output', [
    ...packetRecord(),
    loadMapFd(r1, ring),
    mov(r2, r10),
    add(r2, -MAX_RECORD),
    mov(r3, r7),
    mov(r4, flags),
    call('ringbuf_output'),
    label('exit', exit()),
  ])
}

/** Runs an {@link outputProgram}: `false` when the ring is full. */
export function send(program: Program, data: Uint8Array): boolean {
  const packet = new Uint8Array(ETHERNET + data.length)
  packet.set(data, ETHERNET)
  return program.testRun({ data: packet }).returnValue === 0
}

/** `r0 = bpf_ringbuf_reserve(ring, size, 0)`; goes to `exit` when the ring is full. */
function reserve(ring: BpfMap, size: number): Instruction[] {
  return [loadMapFd(r1, ring), mov(r2, size), mov(r3, 0), call('ringbuf_reserve'), jeq(r0, 0, 'exit')]
}

/** A program that reserves a record of 40 bytes and discards it. */
export function discardProgram(ring: BpfMap): Program {
  return loadFilter('discard', [
    ...reserve(ring, 40),
    mov(r1, r0),
    mov(r2, 0),
    call('ringbuf_discard'),
    mov(r0, 0),
    label('exit', exit()),
  ])
}

/** Runs a program whose input does not matter. */
export function run(program: Program, repeat = 1): number {
  return program.testRun({ data: new Uint8Array(ETHERNET + 1), repeat }).returnValue
}

/** A program that reserves a record of 8 bytes, takes its time, and submits it with the content 7. */
export function slowProgram(ring: BpfMap, milliseconds: number): Program {
  return loadFilter('slow', [
    ...reserve(ring, 8),
    mov(r6, r0),
    call('ktime_get_ns'),
    mov(r7, r0),
    add(r7, milliseconds * 1e6),
    label('loop', mayGoto('submit')),
    call('ktime_get_ns'),
    jlt(r0, r7, 'loop'),
    label('submit', store('u64', r6, 0, 7)),
    mov(r1, r6),
    mov(r2, 0),
    call('ringbuf_submit'),
    mov(r0, 0),
    label('exit', exit()),
  ])
}

/**
 * A program that writes numbered records. `counters` is an array of one element, two words: the next number, and how many
 * found the ring full.
 */
export function countingProgram(ring: BpfMap, counters: BpfMap): Program {
  return loadFilter('counting', [
    ...numberedRecord(counters, r3),
    loadMapFd(r1, ring),
    mov(r2, r10),
    add(r2, -NUMBERED),
    mov(r4, 0),
    call('ringbuf_output'),
    jeq(r0, 0, 'exit'),
    ...countLost(),
    label('exit', exit()),
  ])
}
