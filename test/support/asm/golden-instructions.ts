/**
 * Instructions as the library builds them, as text, and as bytes. The bytes are those of
 * `llvm-mc -triple=bpfel -mcpu=v4 --show-encoding` (LLVM 19) for the text; that of `gotol` is by RFC 9669.
 *
 * @module
 */

import {
  add,
  and,
  arsh,
  bswap,
  div,
  lsh,
  mod32,
  mov,
  mov32,
  movsx,
  movsx32,
  mul,
  neg,
  neg32,
  or32,
  rsh,
  sdiv,
  smod32,
  sub,
  toBe,
  toLe,
  xor,
} from '../../../src/asm/alu.ts'
import { loadImm64 } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, gotol, ja, jeq, jne, jset32, jsgt32, jsle, mayGoto } from '../../../src/asm/jumps.ts'
import {
  atomicAdd,
  atomicCmpxchg,
  atomicFetchAdd,
  atomicFetchOr,
  atomicXchg,
  atomicXor,
  load,
  store,
} from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r4, r5, r6, r10 } from '../../../src/asm/registers.ts'

/** Built by hand, text, little-endian bytes in hexadecimal. */
export const golden: readonly (readonly [Instruction, string, string])[] = [
  [mov(r0, 0), 'r0 = 0', 'b700000000000000'],
  [mov(r1, r2), 'r1 = r2', 'bf21000000000000'],
  [mov32(r1, -1), 'w1 = -1', 'b4010000ffffffff'],
  [add(r1, 5), 'r1 += 5', '0701000005000000'],
  [sub(r1, r2), 'r1 -= r2', '1f21000000000000'],
  [mul(r1, 7), 'r1 *= 7', '2701000007000000'],
  [div(r3, r4), 'r3 /= r4', '3f43000000000000'],
  [sdiv(r3, r4), 'r3 s/= r4', '3f43010000000000'],
  [mod32(r3, 10), 'w3 %= 10', '940300000a000000'],
  [smod32(r3, 10), 'w3 s%= 10', '940301000a000000'],
  [and(r1, 255), 'r1 &= 255', '57010000ff000000'],
  [or32(r1, r2), 'w1 |= w2', '4c21000000000000'],
  [xor(r1, -1), 'r1 ^= -1', 'a7010000ffffffff'],
  [lsh(r5, 32), 'r5 <<= 32', '6705000020000000'],
  [rsh(r5, r6), 'r5 >>= r6', '7f65000000000000'],
  [arsh(r5, 32), 'r5 s>>= 32', 'c705000020000000'],
  [neg32(r5), 'w5 = -w5', '8405000000000000'],
  [neg(r5), 'r5 = -r5', '8705000000000000'],
  [movsx('s8', r1, r2), 'r1 = (s8)r2', 'bf21080000000000'],
  [movsx('s32', r1, r2), 'r1 = (s32)r2', 'bf21200000000000'],
  [movsx32('s16', r1, r2), 'w1 = (s16)w2', 'bc21100000000000'],
  [toBe('u16', r1), 'r1 = be16 r1', 'dc01000010000000'],
  [toLe('u64', r1), 'r1 = le64 r1', 'd401000040000000'],
  [bswap('u32', r1), 'r1 = bswap32 r1', 'd701000020000000'],
  [load('u32', r1, r10, -4), 'r1 = *(u32 *)(r10 - 4)', '61a1fcff00000000'],
  [load('u8', r2, r1), 'r2 = *(u8 *)(r1 + 0)', '7112000000000000'],
  [load('s16', r2, r1, 6), 'r2 = *(s16 *)(r1 + 6)', '8912060000000000'],
  [store('u32', r10, -4, r1), '*(u32 *)(r10 - 4) = r1', '631afcff00000000'],
  [store('u64', r10, -8, r1), '*(u64 *)(r10 - 8) = r1', '7b1af8ff00000000'],
  [store('u16', r10, -16, 513), '*(u16 *)(r10 - 16) = 513', '6a0af0ff01020000'],
  [store('u64', r10, -8, -1), '*(u64 *)(r10 - 8) = -1', '7a0af8ffffffffff'],
  [atomicAdd('u64', r1, 0, r2), 'lock *(u64 *)(r1 + 0) += r2', 'db21000000000000'],
  [atomicXor('u32', r1, 8, r2), 'lock *(u32 *)(r1 + 8) ^= w2', 'c3210800a0000000'],
  [atomicFetchAdd('u64', r1, 0, r2), 'r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)', 'db21000001000000'],
  [atomicFetchOr('u32', r1, 4, r2), 'w2 = atomic_fetch_or((u32 *)(r1 + 4), w2)', 'c321040041000000'],
  [atomicXchg('u64', r1, 0, r2), 'r2 = xchg_64(r1 + 0, r2)', 'db210000e1000000'],
  [atomicXchg('u32', r1, 0, r2), 'w2 = xchg32_32(r1 + 0, w2)', 'c3210000e1000000'],
  [atomicCmpxchg('u64', r1, 8, r2), 'r0 = cmpxchg_64(r1 + 8, r0, r2)', 'db210800f1000000'],
  [ja(3), 'goto +3', '0500030000000000'],
  [gotol(-70000), 'gotol -70000', '0600000090eefeff'],
  [mayGoto(2), 'may_goto +2', 'e500020000000000'],
  [jeq(r1, 0, 3), 'if r1 == 0 goto +3', '1501030000000000'],
  [jne(r1, r2, -4), 'if r1 != r2 goto -4', '5d21fcff00000000'],
  [jsgt32(r1, -5, 1), 'if w1 s> -5 goto +1', '66010100fbffffff'],
  [jset32(r1, r2, 0), 'if w1 & w2 goto +0', '4e21000000000000'],
  [jsle(r1, r2, 9), 'if r1 s<= r2 goto +9', 'dd21090000000000'],
  [exit(), 'exit', '9500000000000000'],
  [loadImm64(r1, 0x123456789abcdef0n), 'r1 = 0x123456789abcdef0 ll', '18010000f0debc9a0000000078563412'],
]
