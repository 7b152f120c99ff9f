import test from 'ava'
import { BPF_F_SLEEPABLE } from '../../../src/abi/constants.ts'
import { attachTypes } from '../../../src/abi/generated/enums.ts'
import { bswap, mov, movsx, sdiv } from '../../../src/asm/alu.ts'
import { call, callFunction, loadFunction, loadMapValue } from '../../../src/asm/calls.ts'
import { disassembleInstruction } from '../../../src/asm/disassemble.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, gotol, ja, jeq, jeq32, jlt, mayGoto } from '../../../src/asm/jumps.ts'
import { atomicAdd, atomicFetchAdd, load, loadAcquire } from '../../../src/asm/memory.ts'
import { ADDRESS_SPACE_CAST, classes, jumpOperations, sources } from '../../../src/asm/opcodes.ts'
import { r1, r2 } from '../../../src/asm/registers.ts'
import { mapNeeds, programNeeds, summarizeNeeds } from '../../../src/inspect/needs.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'

/** Needs of a socket filter with one instruction, without those of its type. */
function needsOf(instruction: Instruction): string[] {
  const instructions = [instruction]
  return programNeeds({ type: 'socket_filter', instructions }, instructions)
    .slice(1)
    .map(({ what, since }) => `${what} ${since}`)
}

/** Instructions that not every kernel has. */
const instructions: readonly (readonly [what: string, instruction: Instruction])[] = [
  ['helper bpf_loop 5.17', call('loop')],
  ['a call of a BPF function 4.16', callFunction('f')],
  ['the address of a BPF function 5.13', loadFunction(r1, 'f')],
  ['global data 5.2', loadMapValue(r1, '.bss')],
  ['instructions of version 2 4.14', jlt(r1, 1, 1)],
  ['32-bit jumps 5.1', jeq32(r1, 1, 1)],
  ['a loop 5.3', ja(-1)],
  ['may_goto 6.9', mayGoto(1)],
  ['an indirect jump 6.19', { ...ja(0), opcode: classes.jmp | jumpOperations.ja | sources.x }],
  ['instructions of version 4 6.6', gotol(1)],
  ['instructions of version 4 6.6', load('s8', r1, r2)],
  ['instructions of version 4 6.6', movsx('s8', r1, r2)],
  ['instructions of version 4 6.6', sdiv(r1, 3)],
  ['instructions of version 4 6.6', bswap('u64', r1)],
  ['a cast between address spaces 6.9', { ...mov(r1, r2), offset: ADDRESS_SPACE_CAST }],
  ['atomic operations 5.12', atomicFetchAdd('u64', r1, 0, r2)],
  ['load-acquire and store-release 6.15', loadAcquire('u64', r1, r2)],
]

for (const [what, instruction] of instructions) {
  test(`${disassembleInstruction(instruction)} needs ${what}`, t => {
    t.deepEqual(needsOf(instruction), [what])
  })
}

test('what every kernel with BPF has is not a need', t => {
  t.deepEqual(needsOf(exit()), [])
  t.deepEqual(needsOf(atomicAdd('u64', r1, 0, r2)), [])
  t.deepEqual(needsOf(jeq(r1, r2, 3)), [])
})

test('programs that sleep need the release in which those of their kind may', t => {
  const sleeps = (spec: Partial<ProgramSpec>): string | undefined =>
    programNeeds({ type: 'tracing', instructions: [], flags: BPF_F_SLEEPABLE, ...spec }, []).find(
      ({ what }) => what === 'a program that sleeps',
    )?.since
  t.is(sleeps({ expectedAttachType: 'trace_fentry' }), '5.10')
  t.is(sleeps({ type: 'kprobe' }), '6.0')
  for (const spec of [
    { type: 'tracepoint' },
    { type: 'raw_tracepoint' },
    { expectedAttachType: 'trace_raw_tp' },
    { expectedAttachType: attachTypes.trace_raw_tp },
  ] as const) {
    t.is(sleeps(spec), '7.2')
  }
})

test('attach types that matter only when the program is attached are said so', t => {
  const needs = programNeeds({ type: 'xdp', expectedAttachType: 'xdp', instructions: [] }, [])
  t.deepEqual(needs, [
    { what: 'program type xdp', since: '4.8' },
    { what: 'attaching as xdp', since: '5.9' },
  ])
})

test('a map needs what its inner maps need', t => {
  const innerMap = { name: 'inner', type: 'array', keySize: 4, valueSize: 4, flags: 0x1000 } as const
  t.deepEqual(mapNeeds({ name: 'outer', type: 'hash_of_maps', innerMap }), [
    { what: 'map type hash_of_maps', since: '4.12' },
    { what: 'map type array', since: '3.19' },
    { what: 'inner maps of different sizes', since: '5.10' },
  ])
})

test('the newest needs decide', t => {
  const summary = summarizeNeeds([
    { what: 'old', since: '4.20' },
    { what: 'new', since: '5.10' },
    { what: 'new', since: '5.10' },
    { what: 'also new', since: '5.10' },
    { what: 'newer than 5.1', since: '5.9' },
  ])
  t.is(summary.since, '5.10')
  t.deepEqual(summary.because, ['new', 'also new'])
  t.deepEqual(
    summary.needs.map(each => each.what),
    ['new', 'also new', 'newer than 5.1', 'old'],
  )
})
