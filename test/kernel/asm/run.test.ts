import test from 'ava'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { type AluBuilder, add, lsh, mov, mov32, rsh, sub } from '../../../src/asm/alu.ts'
import { assemble } from '../../../src/asm/assemble.ts'
import { callFunction, loadImm64 } from '../../../src/asm/calls.ts'
import * as asm from '../../../src/asm/index.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, ja, jne, jsgt, label } from '../../../src/asm/jumps.ts'
import { load, store } from '../../../src/asm/memory.ts'
import { aluOperations } from '../../../src/asm/opcodes.ts'
import { r0, r1, r6, r7, r10 } from '../../../src/asm/registers.ts'
import { hostByteOrder } from '../../../src/base/bytes.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { Program } from '../../../src/programs/program.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { kernelTest } from '../../support/kernel-test.ts'

/** Nothing but an Ethernet header: its program sees a length of 0, the first field of its context. */
const packet = new Uint8Array(14)

/** Runs instructions that end with a value in r0; returns the lower 32 bits of it. */
function run(instructions: Instruction[]): number {
  using program = Program.load({ type: 'socket_filter', license: 'GPL', instructions })
  return program.testRun({ data: packet }).returnValue
}

/** All 64 bits that instructions leave in r6. */
function compute(instructions: Instruction[]): bigint {
  const low = run([...instructions, mov(r0, r6), exit()])
  const high = run([...instructions, mov(r0, r6), rsh(r0, 32), exit()])
  return (BigInt(high) << 32n) | BigInt(low)
}

function instructions(name: string, since: string, sample: Instruction[]): Feature {
  return defineFeature(name, since, () => {
    try {
      run([...sample, mov(r0, 0), exit()])
      return 'yes'
    } catch (error) {
      return error instanceof VerifierError ? 'no' : 'unknown'
    }
  })
}

const atomics = instructions('Atomic operations that fetch', featureSince.atomics, [
  mov(r6, 1),
  store('u64', r10, -8, 0),
  asm.atomicFetchAdd('u64', r10, -8, r6),
])
const version4 = instructions('Signed division', featureSince.instructionsV4, [mov(r6, 1), asm.sdiv(r6, 1)])
const mayGoto = instructions('The instruction may_goto', featureSince.mayGoto, [asm.mayGoto(0)])
const ordered = instructions('Loads that acquire', featureSince.acquireRelease, [
  store('u64', r10, -8, 0),
  asm.loadAcquire('u64', r6, r10, -8),
])

const A = 0x8123_4567_89ab_cdefn
const B = 0x0000_0000_0000_0025n
const low = (value: bigint): bigint => BigInt.asUintN(32, value)
const signed = (value: bigint): bigint => BigInt.asIntN(64, value)
const signedLow = (value: bigint): bigint => BigInt.asIntN(32, value)

/** What `r6 op= r7` gives with A in r6 and B in r7. */
const arithmetic: [AluBuilder, AluBuilder, bigint, bigint][] = [
  [asm.mov, asm.mov32, B, B],
  [asm.add, asm.add32, A + B, A + B],
  [asm.sub, asm.sub32, A - B, A - B],
  [asm.mul, asm.mul32, A * B, A * B],
  [asm.div, asm.div32, A / B, low(A) / B],
  [asm.mod, asm.mod32, A % B, low(A) % B],
  [asm.and, asm.and32, A & B, A & B],
  [asm.or, asm.or32, A | B, A | B],
  [asm.xor, asm.xor32, A ^ B, A ^ B],
]
const shifts: typeof arithmetic = [
  [asm.lsh, asm.lsh32, A << 5n, A << 5n],
  [asm.rsh, asm.rsh32, A >> 5n, low(A) >> 5n],
  [asm.arsh, asm.arsh32, signed(A) >> 5n, signedLow(A) >> 5n],
]
const signedDivisions: typeof arithmetic = [
  [asm.sdiv, asm.sdiv32, signed(A) / B, signedLow(A) / B],
  [asm.smod, asm.smod32, signed(A) % B, signedLow(A) % B],
]

const groups: [string, Feature[], typeof arithmetic, bigint][] = [
  ['arithmetic', [], arithmetic, B],
  ['shifts', [], shifts, 5n],
  ['signed divisions', [version4], signedDivisions, B],
]
for (const [name, needs, operations, operand] of groups) {
  kernelTest(`${name} of registers and of immediates compute what they say`, needs, t => {
    for (const [wide, narrow, expected, expectedLow] of operations) {
      for (const src of [r7, Number(operand)]) {
        const start = [loadImm64(r6, A), loadImm64(r7, operand)]
        const text = asm.disassembleInstruction(wide(r6, src))
        t.is(compute([...start, wide(r6, src)]), BigInt.asUintN(64, expected), text)
        t.is(compute([...start, narrow(r6, src)]), low(expectedLow), `${text} on 32 bits`)
      }
    }
  })
}

kernelTest('negation and byte swaps', [], t => {
  const start = loadImm64(r6, A)
  t.is(compute([start, asm.neg(r6)]), BigInt.asUintN(64, -A))
  t.is(compute([start, asm.neg32(r6)]), low(-A))
  const swapped = 0xefcd_ab89_6745_2381n
  const little = hostByteOrder === 'little'
  t.is(compute([start, asm.toBe('u64', r6)]), little ? swapped : A)
  t.is(compute([start, asm.toLe('u64', r6)]), little ? A : swapped)
})

kernelTest('sign extension and unconditional byte swaps', [version4], t => {
  const start = loadImm64(r7, A)
  t.is(compute([start, asm.movsx('s8', r6, r7)]), 0xffff_ffff_ffff_ffefn)
  t.is(compute([start, asm.movsx('s32', r6, r7)]), 0xffff_ffff_89ab_cdefn)
  t.is(compute([start, asm.movsx32('s16', r6, r7)]), 0xffff_cdefn)
  t.is(compute([loadImm64(r6, A), asm.bswap('u16', r6)]), 0xefcdn)
})

kernelTest('loads and stores of every size', [], t => {
  const sizes = { u8: 0xffn, u16: 0xffffn, u32: 0xffff_ffffn, u64: A | ~0n }
  for (const [size, mask] of Object.entries(sizes) as [asm.MemorySize, bigint][]) {
    const code = [loadImm64(r7, A), store(size, r10, -8, r7), load(size, r6, r10, -8)]
    t.is(compute(code), BigInt.asUintN(64, A & mask), size)
    t.is(compute([store(size, r10, -8, -2), load(size, r6, r10, -8)]), BigInt.asUintN(64, -2n & mask), size)
  }
})

kernelTest('signed loads', [version4], t => {
  t.is(compute([store('u16', r10, -8, -2), load('s16', r6, r10, -8)]), 0xffff_ffff_ffff_fffen)
})

kernelTest('atomic operations change memory and fetch what was there', [atomics], t => {
  const start = [loadImm64(r7, A), store('u64', r10, -8, r7), mov(r7, 0x25), mov(r0, r7)]
  const memory = load('u64', r6, r10, -8)
  const operations: [asm.AtomicBuilder, asm.AtomicBuilder, bigint][] = [
    [asm.atomicAdd, asm.atomicFetchAdd, A + B],
    [asm.atomicOr, asm.atomicFetchOr, A | B],
    [asm.atomicAnd, asm.atomicFetchAnd, A & B],
    [asm.atomicXor, asm.atomicFetchXor, A ^ B],
  ]
  for (const [plain, fetch, expected] of [...operations, [undefined, asm.atomicXchg, B] as const]) {
    if (plain !== undefined) t.is(compute([...start, plain('u64', r10, -8, r7), memory]), expected)
    t.is(compute([...start, fetch('u64', r10, -8, r7), memory]), expected)
    t.is(compute([...start, fetch('u64', r10, -8, r7), mov(r6, r7)]), A)
  }
  t.is(compute([...start, asm.atomicCmpxchg('u64', r10, -8, r7), mov(r6, r0)]), A)
})

kernelTest('ordered loads and stores', [ordered], t => {
  const code = [loadImm64(r7, A), asm.storeRelease('u64', r10, -8, r7), asm.loadAcquire('u64', r6, r10, -8)]
  t.is(compute(code), A)
})

kernelTest('a loop with labels ends when it should', [], t => {
  const sum = [
    mov(r6, 0),
    mov(r7, 10),
    label('again', add(r6, r7)),
    sub(r7, 1),
    jne(r7, 0, 'again'),
    mov(r0, r6),
    exit(),
  ]
  t.is(run(sum), 55)
})

kernelTest('every jump is taken when it should', [], t => {
  const cases: [asm.JumpBuilder, asm.JumpBuilder, string][] = [
    [asm.jeq, asm.jeq32, '=='],
    [asm.jne, asm.jne32, '!='],
    [asm.jset, asm.jset32, '&'],
    [asm.jgt, asm.jgt32, '>'],
    [asm.jge, asm.jge32, '>='],
    [asm.jlt, asm.jlt32, '<'],
    [asm.jle, asm.jle32, '<='],
    [asm.jsgt, asm.jsgt32, 's>'],
    [asm.jsge, asm.jsge32, 's>='],
    [asm.jslt, asm.jslt32, 's<'],
    [asm.jsle, asm.jsle32, 's<='],
  ]
  const compare: Record<string, (a: bigint, b: bigint, bits: number) => boolean> = {
    '==': (a, b) => a === b,
    '!=': (a, b) => a !== b,
    '&': (a, b) => (a & b) !== 0n,
    '>': (a, b) => a > b,
    '>=': (a, b) => a >= b,
    '<': (a, b) => a < b,
    '<=': (a, b) => a <= b,
    's>': (a, b, bits) => BigInt.asIntN(bits, a) > BigInt.asIntN(bits, b),
    's>=': (a, b, bits) => BigInt.asIntN(bits, a) >= BigInt.asIntN(bits, b),
    's<': (a, b, bits) => BigInt.asIntN(bits, a) < BigInt.asIntN(bits, b),
    's<=': (a, b, bits) => BigInt.asIntN(bits, a) <= BigInt.asIntN(bits, b),
  }
  // The verifier does not know what is read from the context, so it cannot drop the branch.
  const unknown = (value: bigint): Instruction[] => [load('u32', r6, r1), loadImm64(r7, value), add(r6, r7)]
  for (const [wide, narrow, sign] of cases) {
    for (const value of [4n, 5n, 6n, (1n << 64n) - 3n, (1n << 32n) + 5n]) {
      for (const [build, bits] of [
        [wide, 64],
        [narrow, 32],
      ] as const) {
        const taken = run([
          ...unknown(BigInt.asUintN(64, value)),
          mov(r0, 1),
          build(r6, 5, 'out'),
          mov(r0, 0),
          label('out', exit()),
        ])
        t.is(
          taken === 1,
          compare[sign]!(BigInt.asUintN(bits, value), 5n, bits),
          `${value} ${sign} 5, ${bits} bits`,
        )
      }
    }
  }
})

kernelTest('functions of the list are called by name', [], t => {
  const program = [
    mov(r1, 20),
    callFunction('double'),
    add(r0, 2),
    exit(),
    label('double', mov(r0, r1)),
    lsh(r0, 1),
    exit(),
  ]
  t.is(run(program), 42)
})

kernelTest('gotol and may_goto', [version4, mayGoto], t => {
  const far = [
    load('u32', r6, r1),
    jne(r6, 0, 'other'),
    asm.gotol('out'),
    label('other', mov32(r0, 1)),
    exit(),
    label('out', mov32(r0, 7)),
    exit(),
  ]
  t.is(run(far), 7)
  const endless = [
    mov(r0, 0),
    label('loop', asm.mayGoto('out')),
    add(r0, 1),
    ja('loop'),
    label('out', exit()),
  ]
  t.true(run(endless) > 1000)
})

kernelTest('the verifier prints the instructions that were meant', [], t => {
  const instructions = assemble([
    mov(r6, r1),
    load('u32', r0, r6),
    jsgt(r0, 100, 'out'),
    mov(r0, 0),
    label('out', exit()),
  ])
  using program = Program.load({ type: 'socket_filter', instructions }, { logLevel: 2 })
  t.true(program.verifierLog.includes(': (bf) r6 = r1'))
  t.true(program.verifierLog.includes(': (61) r0 = *(u32 *)(r6 +0)'))
  t.true(program.verifierLog.includes(': (65) if r0 s> 0x64 goto pc+1'))
})

test('the tables above have every operation', t => {
  // neg and end have one operand, and tests of their own.
  const { neg: _, end: __, ...binary } = aluOperations
  t.is(arithmetic.length + shifts.length, Object.keys(binary).length)
})
