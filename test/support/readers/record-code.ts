/**
 * What programs that write records into ring buffers and perf buffers have in common.
 *
 * @module
 */

import { add, and, lsh, mov, mul } from '../../../src/asm/alu.ts'
import { call, loadMapValue } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { jgt, jlt } from '../../../src/asm/jumps.ts'
import { load, store } from '../../../src/asm/memory.ts'
import type { Register } from '../../../src/asm/registers.ts'
import { r0, r1, r2, r3, r4, r6, r7, r8, r10 } from '../../../src/asm/registers.ts'
import type { BpfMap } from '../../../src/maps/map.ts'

/** Greatest record of {@link packetRecord}. */
export const MAX_RECORD = 256

/**
 * Copies what a socket filter is given to the stack, `MAX_RECORD` bytes below its end: r7 is the length, r6 the context.
 * Goes to `exit` with 1 when it is longer.
 */
export function packetRecord(): Instruction[] {
  return [
    ...Array.from({ length: MAX_RECORD / 8 }, (_, i) => store('u64', r10, -8 * (i + 1), 0)),
    mov(r6, r1),
    // r7 = skb->len, from 1 to MAX_RECORD
    load('u32', r7, r1),
    mov(r0, 1),
    // Not "== 0": before 5.11 the verifier does not learn from that.
    jlt(r7, 1, 'exit'),
    jgt(r7, MAX_RECORD, 'exit'),
    mov(r2, 0),
    mov(r3, r10),
    add(r3, -MAX_RECORD),
    mov(r4, r7),
    call('skb_load_bytes'),
  ]
}

/** Factor of the checksum of {@link numberedRecord}. */
export const CHECKSUM = 0x1e3779b1
/** Bytes below the end of the stack where {@link numberedRecord} begins. */
export const NUMBERED = 72

/**
 * Puts a record of 2 to 9 words on the stack: a sequence number, its product with `CHECKSUM`, and the number again up to
 * the end. r8 is the address of `counters`.
 *
 * @param counters an array of one element, two words: the next number, and how many records were lost
 * @param length gets the bytes of the record
 */
export function numberedRecord(counters: BpfMap, length: Register): Instruction[] {
  const words = Array.from({ length: NUMBERED / 8 }, (_, i) => 8 * i - NUMBERED)
  return [
    loadMapValue(r8, counters),
    load('u64', r6, r8, 0),
    mov(r1, r6),
    add(r1, 1),
    store('u64', r8, 0, r1),
    ...words.map(offset => store('u64', r10, offset, r6)),
    mov(r1, r6),
    mul(r1, CHECKSUM),
    store('u64', r10, words[1]!, r1),
    // 16 + (number & 7) * 8
    mov(length, r6),
    and(length, 7),
    lsh(length, 3),
    add(length, 16),
  ]
}

/** Counts a record of {@link numberedRecord} that was lost; returns 1. */
export function countLost(): Instruction[] {
  return [load('u64', r1, r8, 8), add(r1, 1), store('u64', r8, 8, r1), mov(r0, 1)]
}
