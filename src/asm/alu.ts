/**
 * Arithmetic: `add(r1, 5)` is `r1 += 5`, `add32(r1, r2)` is `w1 += w2`.
 *
 * The names without suffix work on 64 bits and sign-extend an immediate; those with suffix `32` work on the
 * lower half and clear the upper one. All throw `TypeError` for operands of the wrong kind and `RangeError` for
 * an immediate that does not fit 32 bits or a write to r10.
 *
 * Source: RFC 9669, section 4.1 and 4.2.
 *
 * @module
 */

import type { Instruction } from './instruction.ts'
import { type AluOperation, aluOperations, classes, SIGNED_DIVISION, sources } from './opcodes.ts'
import { lowBits, pick, readable, signed32, writable } from './operands.ts'
import { Register } from './registers.ts'

/** Builds an operation of a register with a register or an immediate. */
export type AluBuilder = (dst: Register, src: Register | number) => Instruction

/** Builds an operation of one register. */
export type UnaryBuilder = (dst: Register) => Instruction

type Width = 'alu' | 'alu64'

function binary(name: string, width: Width, operation: AluOperation, offset = 0): AluBuilder {
  const opcode = classes[width] | aluOperations[operation]
  const immediate = width === 'alu64' ? signed32 : (of: string, value: number) => lowBits(of, value, 32)
  return (dst, src) => {
    const target = writable(name, dst)
    if (src instanceof Register) {
      return { opcode: opcode | sources.x, dst: target, src: src.number, offset, imm: 0 }
    }
    return { opcode: opcode | sources.k, dst: target, src: 0, offset, imm: immediate(name, src) }
  }
}

function negate(name: string, width: Width): UnaryBuilder {
  const opcode = classes[width] | aluOperations.neg
  return dst => ({ opcode, dst: writable(name, dst), src: 0, offset: 0, imm: 0 })
}

/** `dst = src`. */
export const mov: AluBuilder = binary('mov', 'alu64', 'mov')
/** `dst += src`. */
export const add: AluBuilder = binary('add', 'alu64', 'add')
/** `dst -= src`. */
export const sub: AluBuilder = binary('sub', 'alu64', 'sub')
/** `dst *= src`. */
export const mul: AluBuilder = binary('mul', 'alu64', 'mul')
/** `dst /= src`, unsigned; 0 when `src` is 0. */
export const div: AluBuilder = binary('div', 'alu64', 'div')
/** `dst /= src`, signed; 0 when `src` is 0. Since 6.6. */
export const sdiv: AluBuilder = binary('sdiv', 'alu64', 'div', SIGNED_DIVISION)
/** `dst %= src`, unsigned; `dst` stays when `src` is 0. */
export const mod: AluBuilder = binary('mod', 'alu64', 'mod')
/** `dst %= src`, signed; `dst` stays when `src` is 0. Since 6.6. */
export const smod: AluBuilder = binary('smod', 'alu64', 'mod', SIGNED_DIVISION)
/** `dst &= src`. */
export const and: AluBuilder = binary('and', 'alu64', 'and')
/** `dst |= src`. */
export const or: AluBuilder = binary('or', 'alu64', 'or')
/** `dst ^= src`. */
export const xor: AluBuilder = binary('xor', 'alu64', 'xor')
/** `dst <<= src`. */
export const lsh: AluBuilder = binary('lsh', 'alu64', 'lsh')
/** `dst >>= src`, filling with zeros. */
export const rsh: AluBuilder = binary('rsh', 'alu64', 'rsh')
/** `dst >>= src`, filling with the sign. */
export const arsh: AluBuilder = binary('arsh', 'alu64', 'arsh')
/** `dst = -dst`. */
export const neg: UnaryBuilder = negate('neg', 'alu64')

/** `dst = src` on 32 bits. */
export const mov32: AluBuilder = binary('mov32', 'alu', 'mov')
/** `dst += src` on 32 bits. */
export const add32: AluBuilder = binary('add32', 'alu', 'add')
/** `dst -= src` on 32 bits. */
export const sub32: AluBuilder = binary('sub32', 'alu', 'sub')
/** `dst *= src` on 32 bits. */
export const mul32: AluBuilder = binary('mul32', 'alu', 'mul')
/** `dst /= src` on 32 bits, unsigned; 0 when `src` is 0. */
export const div32: AluBuilder = binary('div32', 'alu', 'div')
/** `dst /= src` on 32 bits, signed; 0 when `src` is 0. Since 6.6. */
export const sdiv32: AluBuilder = binary('sdiv32', 'alu', 'div', SIGNED_DIVISION)
/** `dst %= src` on 32 bits, unsigned; `dst` stays when `src` is 0. */
export const mod32: AluBuilder = binary('mod32', 'alu', 'mod')
/** `dst %= src` on 32 bits, signed; `dst` stays when `src` is 0. Since 6.6. */
export const smod32: AluBuilder = binary('smod32', 'alu', 'mod', SIGNED_DIVISION)
/** `dst &= src` on 32 bits. */
export const and32: AluBuilder = binary('and32', 'alu', 'and')
/** `dst |= src` on 32 bits. */
export const or32: AluBuilder = binary('or32', 'alu', 'or')
/** `dst ^= src` on 32 bits. */
export const xor32: AluBuilder = binary('xor32', 'alu', 'xor')
/** `dst <<= src` on 32 bits. */
export const lsh32: AluBuilder = binary('lsh32', 'alu', 'lsh')
/** `dst >>= src` on 32 bits, filling with zeros. */
export const rsh32: AluBuilder = binary('rsh32', 'alu', 'rsh')
/** `dst >>= src` on 32 bits, filling with the sign. */
export const arsh32: AluBuilder = binary('arsh32', 'alu', 'arsh')
/** `dst = -dst` on 32 bits. */
export const neg32: UnaryBuilder = negate('neg32', 'alu')

const signedBits = { s8: 8, s16: 16, s32: 32 } as const

/** `dst = (s8)src`: copies the low bits and fills with their sign up to 64 bits. Since 6.6. */
export function movsx(size: 's8' | 's16' | 's32', dst: Register, src: Register): Instruction {
  return signExtend('movsx', 'alu64', pick('movsx', signedBits, size), dst, src)
}

/** `dst = (s8)src` up to 32 bits; the upper half becomes zero. Since 6.6. */
export function movsx32(size: 's8' | 's16', dst: Register, src: Register): Instruction {
  const { s8, s16 } = signedBits
  return signExtend('movsx32', 'alu', pick('movsx32', { s8, s16 }, size), dst, src)
}

function signExtend(name: string, width: Width, bits: number, dst: Register, src: Register): Instruction {
  const opcode = classes[width] | aluOperations.mov | sources.x
  return { opcode, dst: writable(name, dst), src: readable(name, src), offset: bits, imm: 0 }
}

/** What can be swapped; the bits above become zero. */
export type SwapSize = 'u16' | 'u32' | 'u64'

const swapBits = { u16: 16, u32: 32, u64: 64 } as const

/** `dst = le16 dst`: from the machine's byte order to little-endian and back. */
export function toLe(size: SwapSize, dst: Register): Instruction {
  return swap('toLe', classes.alu | sources.k, size, dst)
}

/** `dst = be16 dst`: from the machine's byte order to big-endian (network order) and back. */
export function toBe(size: SwapSize, dst: Register): Instruction {
  return swap('toBe', classes.alu | sources.x, size, dst)
}

/** `dst = bswap16 dst`: the other byte order, whatever the machine's is. Since 6.6. */
export function bswap(size: SwapSize, dst: Register): Instruction {
  return swap('bswap', classes.alu64 | sources.k, size, dst)
}

function swap(name: string, bits: number, size: SwapSize, dst: Register): Instruction {
  return {
    opcode: bits | aluOperations.end,
    dst: writable(name, dst),
    src: 0,
    offset: 0,
    imm: pick(name, swapBits, size),
  }
}
