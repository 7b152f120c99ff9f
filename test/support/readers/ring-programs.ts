/**
 * Ring buffers and programs that write into them, each run by `BPF_PROG_TEST_RUN`.
 *
 * @module
 */

import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../../../src/abi/constants.ts'
import { helpers } from '../../../src/abi/generated/enums.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { LDIMM64 } from '../../../src/asm/opcodes.ts'
import { answerOf, tryMap } from '../../../src/kernel/experiment.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probe.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'

export const ringBuffers: Feature = defineFeature('Ring buffers', '5.8', token =>
  answerOf(tryMap(token, 'ringbuf', { key_size: 0, value_size: 0, max_entries: pageSize() })),
)

/** `may_goto`, which lets a loop run on without the verifier following each round. */
export const mayGoto: Feature = defineFeature('The instruction may_goto', '6.9', () => {
  try {
    Program.load({ type: 'socket_filter', instructions: [op(0xe5), set(0, 0), EXIT] }).close()
    return 'yes'
  } catch (error) {
    return error instanceof VerifierError ? 'no' : 'unknown'
  }
})

/** A ring buffer, by default as small as they come. */
export function createRing(name = 'events', size: number = pageSize()): BpfMap {
  return BpfMap.create({ name, type: 'ringbuf', maxEntries: size })
}

function op(opcode: number, fields: Partial<Instruction> = {}): Instruction {
  return { opcode, dst: 0, src: 0, offset: 0, imm: 0, ...fields }
}
const EXIT = op(0x95)
const set = (dst: number, imm: number): Instruction => op(0xb7, { dst, imm })
const move = (dst: number, src: number): Instruction => op(0xbf, { dst, src })
const add = (dst: number, imm: number): Instruction => op(0x07, { dst, imm })
const call = (helper: number): Instruction => op(0x85, { imm: helper })
const store64 = (dst: number, offset: number, src: number): Instruction => op(0x7b, { dst, offset, src })
const load64 = (dst: number, src: number, offset: number): Instruction => op(0x79, { dst, src, offset })
const label = (symbol: string, instruction: Instruction): Instruction => ({ ...instruction, symbol })
const jump = (opcode: number, to: string, fields: Partial<Instruction> = {}): Instruction =>
  op(opcode, { ...fields, reference: { kind: 'label', name: to } })
const loadMap = (dst: number, { fd }: BpfMap, src = BPF_PSEUDO_MAP_FD): Instruction =>
  op(LDIMM64, { dst, src, imm: BigInt(fd) })

/** Bytes of the header that test runs take off before a socket filter sees the packet. */
const ETHERNET = 14
/** Greatest record of {@link outputProgram}. */
export const MAX_RECORD = 256

function load(name: string, instructions: Instruction[]): Program {
  return Program.load({ name, type: 'socket_filter', instructions, license: 'GPL' })
}

/** A program that writes a record of what it is given; returns what `bpf_ringbuf_output` did. */
export function outputProgram(ring: BpfMap, flags = 0): Program {
  const zeros = Array.from({ length: MAX_RECORD / 8 }, (_, i) => op(0x7a, { dst: 10, offset: -8 * (i + 1) }))
  return load('output', [
    ...zeros,
    // r7 = skb->len, from 1 to MAX_RECORD
    op(0x61, { dst: 7, src: 1 }),
    set(0, 1),
    // Not "== 0": before 5.11 the verifier does not learn from that.
    jump(0xa5, 'exit', { dst: 7, imm: 1 }),
    jump(0x25, 'exit', { dst: 7, imm: MAX_RECORD }),
    set(2, 0),
    move(3, 10),
    add(3, -MAX_RECORD),
    move(4, 7),
    call(helpers.skb_load_bytes),
    loadMap(1, ring),
    move(2, 10),
    add(2, -MAX_RECORD),
    move(3, 7),
    set(4, flags),
    call(helpers.ringbuf_output),
    label('exit', EXIT),
  ])
}

/** Runs an {@link outputProgram}: `false` when the ring is full. */
export function send(program: Program, data: Uint8Array): boolean {
  const packet = new Uint8Array(ETHERNET + data.length)
  packet.set(data, ETHERNET)
  return program.testRun({ data: packet }).returnValue === 0
}

/** A program that reserves a record of 40 bytes and discards it. */
export function discardProgram(ring: BpfMap): Program {
  return load('discard', [
    loadMap(1, ring),
    set(2, 40),
    set(3, 0),
    call(helpers.ringbuf_reserve),
    jump(0x15, 'exit', { dst: 0, imm: 0 }),
    move(1, 0),
    set(2, 0),
    call(helpers.ringbuf_discard),
    set(0, 0),
    label('exit', EXIT),
  ])
}

/** Runs a program whose input does not matter. */
export function run(program: Program, repeat = 1): number {
  return program.testRun({ data: new Uint8Array(ETHERNET + 1), repeat }).returnValue
}

/** A program that reserves a record of 8 bytes, takes its time, and submits it with the content 7. */
export function slowProgram(ring: BpfMap, milliseconds: number): Program {
  return load('slow', [
    loadMap(1, ring),
    set(2, 8),
    set(3, 0),
    call(helpers.ringbuf_reserve),
    jump(0x15, 'exit', { dst: 0, imm: 0 }),
    move(6, 0),
    call(helpers.ktime_get_ns),
    move(7, 0),
    add(7, milliseconds * 1e6),
    label('loop', jump(0xe5, 'submit')),
    call(helpers.ktime_get_ns),
    jump(0xad, 'loop', { dst: 0, src: 7 }),
    label('submit', op(0x7a, { dst: 6, imm: 7 })),
    move(1, 6),
    set(2, 0),
    call(helpers.ringbuf_submit),
    set(0, 0),
    label('exit', EXIT),
  ])
}

/** Factor of the checksum of {@link countingProgram}'s records. */
export const CHECKSUM = 0x1e3779b1

/**
 * A program that writes records of 2 to 9 words: a sequence number, its product with `CHECKSUM`, and the number again up
 * to the end. `counters` is an array of one element, two words: the next number, and how many found the ring full.
 */
export function countingProgram(ring: BpfMap, counters: BpfMap): Program {
  const words = Array.from({ length: 9 }, (_, i) => -72 + 8 * i)
  return load('counting', [
    loadMap(8, counters, BPF_PSEUDO_MAP_VALUE),
    load64(6, 8, 0),
    move(1, 6),
    add(1, 1),
    store64(8, 0, 1),
    ...words.map(offset => store64(10, offset, 6)),
    move(1, 6),
    op(0x27, { dst: 1, imm: CHECKSUM }),
    store64(10, words[1]!, 1),
    // r3 = 16 + (number & 7) * 8
    move(3, 6),
    op(0x57, { dst: 3, imm: 7 }),
    op(0x67, { dst: 3, imm: 3 }),
    add(3, 16),
    loadMap(1, ring),
    move(2, 10),
    add(2, words[0]!),
    set(4, 0),
    call(helpers.ringbuf_output),
    jump(0x15, 'exit', { dst: 0, imm: 0 }),
    load64(1, 8, 8),
    add(1, 1),
    store64(8, 8, 1),
    set(0, 1),
    label('exit', EXIT),
  ])
}
