import test from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { assemble } from '../../../src/asm/assemble.ts'
import { call, callFunction, loadFunction, loadImm64, loadMap } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, gotol, ja, jeq, label, mayGoto } from '../../../src/asm/jumps.ts'
import { r0, r1, r2 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'

const nothing = (count: number): Instruction[] => Array.from({ length: count }, () => mov(r0, 0))

test('a jump goes to its label, and a 64-bit load on the way counts two slots', t => {
  const resolved = assemble([
    jeq(r1, 0, 'out'),
    loadImm64(r2, 1n),
    label('out', mov(r0, 0)),
    loadImm64(r2, 2n),
    ja('out'),
  ])
  t.is(resolved[0]!.offset, 2)
  t.is(resolved[4]!.offset, -4)
  t.false('reference' in resolved[0]!)
  t.is(resolved[2]!.symbol, 'out')
})

test('a label may be the next instruction, or the jump itself', t => {
  t.is(assemble([ja('next'), label('next', exit())])[0]!.offset, 0)
  t.is(assemble([label('loop', mayGoto('loop'))])[0]!.offset, -1)
})

test('gotol and calls have their distance in the immediate', t => {
  const resolved = assemble([gotol('f'), callFunction('f'), exit(), label('f', mov(r0, 0)), exit()])
  t.like(resolved[0], { offset: 0, imm: 2 })
  t.like(resolved[1], { offset: 0, imm: 1, src: 1 })
  t.false('reference' in resolved[1]!)
})

test('the distance of a callback counts from the second slot of its load', t => {
  const resolved = assemble([
    loadFunction(r1, 'later'),
    exit(),
    label('later', exit()),
    loadFunction(r1, 'later'),
  ])
  t.like(resolved[0], { src: 4, imm: 2n })
  t.like(resolved[3], { src: 4, imm: 0xffff_fffen })
})

test('functions of other lists, maps and the kernel stay references', t => {
  const instructions = [
    callFunction('elsewhere'),
    loadFunction(r1, 'elsewhere'),
    loadMap(r1, 'events'),
    ja('out'),
  ]
  const resolved = assemble([...instructions, label('out', exit())])
  t.deepEqual(resolved.slice(0, 3), instructions.slice(0, 3))
})

test('what is given is not changed', t => {
  const instructions = [ja('out'), label('out', exit())]
  const copy = structuredClone(instructions)
  t.not(assemble(instructions), instructions)
  t.deepEqual(instructions, copy)
  t.not(assemble([exit()]), assemble([exit()]))
})

test('a jump reaches 32767 instructions ahead, and one further only with gotol', t => {
  const far = (jump: Instruction, between: number) => [jump, ...nothing(between), label('far', exit())]
  t.is(assemble(far(ja('far'), 32767))[0]!.offset, 32767)
  t.is(assemble(far(gotol('far'), 32768))[0]!.imm, 32768)
  t.throws(() => assemble(far(ja('far'), 32768)), {
    instanceOf: BpfError,
    code: 'ERR_LABEL',
    message: 'Cannot resolve label "far": it is 32768 instructions away',
  })
})

test('a jump reaches 32768 instructions back, and no further', t => {
  const back = (between: number) => [label('far', exit()), ...nothing(between), ja('far')]
  t.is(assemble(back(32766)).at(-1)!.offset, -32768)
  t.throws(() => assemble(back(32767)), {
    message: 'Cannot resolve label "far": it is -32769 instructions away',
  })
})

test('a missing label is an error', t => {
  t.throws(() => assemble([ja('out'), exit()]), {
    instanceOf: BpfError,
    code: 'ERR_LABEL',
    message: 'Cannot resolve label "out": it is not defined',
  })
})

test('a label that is defined twice is an error only where it is used', t => {
  const twice = [label('out', mov(r0, 0)), label('out', exit())]
  t.notThrows(() => assemble([ja('end'), ...twice, label('end', exit())]))
  t.throws(() => assemble([ja('out'), ...twice]), {
    message: 'Cannot resolve label "out": it is defined twice',
  })
})

test('only jumps, calls and loads have a target', t => {
  for (const [instruction, opcode] of [
    [mov(r0, 0), 'b7'],
    [exit(), '95'],
  ] as const) {
    const wrong: Instruction = { ...instruction, reference: { kind: 'label', name: 'out' } }
    t.throws(() => assemble([wrong, label('out', exit())]), {
      message: `Cannot resolve label "out": opcode 0x${opcode} is not a jump or call`,
    })
  }
})

test('a helper call with a label becomes a local call', t => {
  const instruction: Instruction = { ...call(1), reference: { kind: 'label', name: 'f' } }
  t.like(assemble([instruction, exit(), label('f', exit())])[0], { src: 1, imm: 1 })
})
