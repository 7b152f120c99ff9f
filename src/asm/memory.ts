/**
 * Loads, stores and atomic operations. The destination is the first operand, as in assignments:
 * `load('u32', r1, r2, 8)` is `r1 = *(u32 *)(r2 + 8)`, `store('u32', r2, 8, r1)` is `*(u32 *)(r2 + 8) = r1`.
 *
 * All throw `TypeError` for operands of the wrong kind and `RangeError` for numbers that do not fit or a write
 * to r10.
 *
 * Source: RFC 9669, section 5.
 *
 * @module
 */

import type { Instruction } from './instruction.ts'
import { type AtomicOperation, atomicOperations, classes, modes, sizes } from './opcodes.ts'
import { lowBits, offset16, pick, readable, signed32, writable } from './operands.ts'
import { Register } from './registers.ts'

/** Size of an access to memory. */
export type MemorySize = 'u8' | 'u16' | 'u32' | 'u64'

/** Size of a load that fills the register with the sign of what it loads (6.6). */
export type SignedMemorySize = 's8' | 's16' | 's32'

/** Size of an atomic operation that reads and writes. */
export type AtomicSize = 'u32' | 'u64'

const memorySizes = { u8: sizes.b, u16: sizes.h, u32: sizes.w, u64: sizes.dw } as const
const atomicSizes = { u32: sizes.w, u64: sizes.dw } as const
const loadModes = {
  u8: sizes.b | modes.mem,
  u16: sizes.h | modes.mem,
  u32: sizes.w | modes.mem,
  u64: sizes.dw | modes.mem,
  s8: sizes.b | modes.memsx,
  s16: sizes.h | modes.memsx,
  s32: sizes.w | modes.memsx,
} as const

/** `dst = *(size *)(src + offset)`; the sizes `s8`, `s16` and `s32` sign-extend (6.6). */
export function load(
  size: MemorySize | SignedMemorySize,
  dst: Register,
  src: Register,
  offset = 0,
): Instruction {
  return {
    opcode: classes.ldx | pick('load', loadModes, size),
    dst: writable('load', dst),
    src: readable('load', src),
    offset: offset16('load', offset),
    imm: 0,
  }
}

/**
 * `*(size *)(dst + offset) = src`. An immediate may be written signed or unsigned; `u64` takes a signed 32-bit
 * one, which the machine sign-extends.
 */
export function store(size: MemorySize, dst: Register, offset: number, src: Register | number): Instruction {
  const place = {
    opcode: pick('store', memorySizes, size) | modes.mem,
    dst: readable('store', dst),
    offset: offset16('store', offset),
  }
  if (src instanceof Register)
    return { ...place, opcode: place.opcode | classes.stx, src: src.number, imm: 0 }
  return { ...place, opcode: place.opcode | classes.st, src: 0, imm: storedImmediate(size, src) }
}

function storedImmediate(size: MemorySize, value: number): number {
  switch (size) {
    case 'u8':
      return lowBits('store', value, 8)
    case 'u16':
      return lowBits('store', value, 16)
    case 'u32':
      return lowBits('store', value, 32)
    case 'u64':
      return signed32('store', value)
  }
}

/** Builds an atomic operation on memory with the value of a register. */
export type AtomicBuilder = (size: AtomicSize, dst: Register, offset: number, src: Register) => Instruction

/** @param fetches whether the operation writes the old value to `src` */
function atomic(name: string, operation: AtomicOperation, fetches: boolean): AtomicBuilder {
  return (size, dst, offset, src) => ({
    opcode: classes.stx | pick(name, atomicSizes, size) | modes.atomic,
    dst: readable(name, dst),
    src: fetches ? writable(name, src) : readable(name, src),
    offset: offset16(name, offset),
    imm: atomicOperations[operation],
  })
}

/** `*(size *)(dst + offset) += src`, atomically. */
export const atomicAdd: AtomicBuilder = atomic('atomicAdd', 'add', false)
/** `*(size *)(dst + offset) |= src`, atomically. Since 5.12. */
export const atomicOr: AtomicBuilder = atomic('atomicOr', 'or', false)
/** `*(size *)(dst + offset) &= src`, atomically. Since 5.12. */
export const atomicAnd: AtomicBuilder = atomic('atomicAnd', 'and', false)
/** `*(size *)(dst + offset) ^= src`, atomically. Since 5.12. */
export const atomicXor: AtomicBuilder = atomic('atomicXor', 'xor', false)
/** As `atomicAdd`; `src` gets the old value. Since 5.12. */
export const atomicFetchAdd: AtomicBuilder = atomic('atomicFetchAdd', 'fetch_add', true)
/** As `atomicOr`; `src` gets the old value. Since 5.12. */
export const atomicFetchOr: AtomicBuilder = atomic('atomicFetchOr', 'fetch_or', true)
/** As `atomicAnd`; `src` gets the old value. Since 5.12. */
export const atomicFetchAnd: AtomicBuilder = atomic('atomicFetchAnd', 'fetch_and', true)
/** As `atomicXor`; `src` gets the old value. Since 5.12. */
export const atomicFetchXor: AtomicBuilder = atomic('atomicFetchXor', 'fetch_xor', true)
/** Swaps `src` and `*(size *)(dst + offset)`, atomically. Since 5.12. */
export const atomicXchg: AtomicBuilder = atomic('atomicXchg', 'xchg', true)
/**
 * Stores `src` at `*(size *)(dst + offset)` if r0 is what is there, atomically; r0 gets the old value either
 * way. Since 5.12.
 */
export const atomicCmpxchg: AtomicBuilder = atomic('atomicCmpxchg', 'cmpxchg', false)

/** `dst = *(size *)(src + offset)`, and no later access moves before it. Since 6.15. */
export function loadAcquire(size: MemorySize, dst: Register, src: Register, offset = 0): Instruction {
  return {
    opcode: classes.stx | pick('loadAcquire', memorySizes, size) | modes.atomic,
    dst: writable('loadAcquire', dst),
    src: readable('loadAcquire', src),
    offset: offset16('loadAcquire', offset),
    imm: atomicOperations.load_acquire,
  }
}

/** `*(size *)(dst + offset) = src`, and no earlier access moves behind it. Since 6.15. */
export function storeRelease(size: MemorySize, dst: Register, offset: number, src: Register): Instruction {
  return {
    opcode: classes.stx | pick('storeRelease', memorySizes, size) | modes.atomic,
    dst: readable('storeRelease', dst),
    src: readable('storeRelease', src),
    offset: offset16('storeRelease', offset),
    imm: atomicOperations.store_release,
  }
}
