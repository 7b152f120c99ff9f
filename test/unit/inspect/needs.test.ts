import test from 'ava'
import { helpers } from '../../../src/abi/generated/enums.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { mapNeeds, programNeeds, summarizeNeeds } from '../../../src/inspect/needs.ts'

/** Needs of a socket filter with one instruction, without those of its type. */
function needsOf(instruction: Partial<Instruction>): string[] {
  const instructions = [{ opcode: 0, dst: 0, src: 0, offset: 0, imm: 0, ...instruction }]
  return programNeeds({ type: 'socket_filter', instructions }, instructions)
    .slice(1)
    .map(({ what, since }) => `${what} ${since}`)
}

/** Instructions that not every kernel has. */
const instructions: readonly (readonly [what: string, instruction: Partial<Instruction>])[] = [
  ['helper bpf_loop 5.17', { opcode: 0x85, imm: helpers.loop }],
  ['a call of a BPF function 4.16', { opcode: 0x85, src: 1, reference: { kind: 'call', name: 'f' } }],
  ['the address of a BPF function 5.13', { opcode: 0x18, reference: { kind: 'function', name: 'f' } }],
  ['global data 5.2', { opcode: 0x18, reference: { kind: 'map_value', name: '.bss', offset: 0 } }],
  ['instructions of version 2 4.14', { opcode: 0xa5, offset: 1 }],
  ['32-bit jumps 5.1', { opcode: 0x16, offset: 1 }],
  ['a loop 5.3', { opcode: 0x05, offset: -1 }],
  ['may_goto 6.9', { opcode: 0xe5, offset: 1 }],
  ['an indirect jump 6.19', { opcode: 0x0d }],
  ['instructions of version 4 6.6', { opcode: 0x06, imm: 1 }],
  ['instructions of version 4 6.6', { opcode: 0x91 }],
  ['instructions of version 4 6.6', { opcode: 0xbf, offset: 8 }],
  ['instructions of version 4 6.6', { opcode: 0x37, offset: 1, imm: 3 }],
  ['instructions of version 4 6.6', { opcode: 0xd7, imm: 64 }],
  ['a cast between address spaces 6.9', { opcode: 0xbf, offset: 1 }],
  ['atomic operations 5.12', { opcode: 0xdb, imm: 0x01 }],
  ['load-acquire and store-release 6.15', { opcode: 0xdb, imm: 0x100 }],
]

for (const [what, instruction] of instructions) {
  test(`opcode 0x${instruction.opcode!.toString(16)} needs ${what}`, t => {
    t.deepEqual(needsOf(instruction), [what])
  })
}

test('what every kernel with BPF has is no need', t => {
  t.deepEqual(needsOf({ opcode: 0x95 }), [])
  t.deepEqual(needsOf({ opcode: 0xdb, imm: 0 }), [])
  t.deepEqual(needsOf({ opcode: 0x1d, offset: 3 }), [])
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
