import test from 'ava'
import { helpers } from '../../../src/abi/generated/enums.ts'
import { mov } from '../../../src/asm/alu.ts'
import { call, callFunction, loadMap } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r1 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { Poisons } from '../../../src/programs/passes/poison.ts'
import { corePasses, finishPasses, linkPasses, preparePasses } from '../../../src/programs/pipeline.ts'
import { finishProgram, prepareProgram } from '../../../src/programs/prepare.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { holders, kernel, local, relocated, targets, x } from '../../support/btf/core.ts'
import { btfOf } from '../../support/btf/types.ts'

/** Something for every pass: `f` has a relocation, maps that are created and not, and a helper of 5.5. */
const main = [callFunction('f'), exit()]
const f: Instruction[] = [
  { ...relocated(holders.mov(0), { kind: 'field_byte_offset', ...x }), symbol: 'f' },
  loadMap(r1, 'there'),
  loadMap(r1, 'gone'),
  call(helpers.probe_read_user),
  exit(),
]
const context = () => ({
  functions: new Map([['f', f]]),
  btf: btfOf(local),
  targets: targets({ kernel }),
  isMissing: (map: string) => map === 'gone',
  lacksProbeReadKernel: () => true,
  maps: () => ({ fd: 5 }),
  poisons: new Poisons(),
})

/** The immediates, which each pass changes some of. */
const imms = (instructions: readonly Instruction[]): (number | bigint)[] => instructions.map(({ imm }) => imm)

const GONE = 2_001_000_000

test('the passes run in order, and each part of the list goes on where the one before it ended', t => {
  const linked = linkPasses(main, context())
  t.deepEqual(linked, [...main, ...f])

  const relocated = corePasses(main, context())
  t.deepEqual(imms(relocated), [0, 0, 16, 0n, 0n, helpers.probe_read_user, 0])

  const prepared = preparePasses(main, context())
  t.deepEqual(imms(prepared), [0, 0, 16, 0n, GONE, GONE, helpers.probe_read, 0])
  t.deepEqual(prepared[3], loadMap(r1, 'there'))

  const finished = finishPasses(prepared, context())
  t.deepEqual(imms(finished), [1, 0, 16, 5n, GONE, GONE, helpers.probe_read, 0])
  t.true(finished.every(({ reference }) => reference === undefined))
})

test('the spec of a program is not changed, and shares no list with the one that is prepared', t => {
  for (const instructions of [main, [mov(r1, 1), exit()]]) {
    const spec: ProgramSpec = { type: 'socket_filter', instructions }
    const before = structuredClone(instructions)
    const { spec: prepared } = prepareProgram(spec, context())
    t.not(prepared.instructions, instructions)
    t.deepEqual(instructions, before)
    t.is(spec.instructions, instructions)
  }
})

test('a program alone is prepared with the types of its spec, and what it lacks is found when it is finished', t => {
  const spec: ProgramSpec = {
    name: 'p',
    type: 'socket_filter',
    btf: btfOf(local),
    instructions: f.slice(0, 3),
  }
  const prepared = prepareProgram(spec, { targets: targets({ kernel }) })
  t.is(prepared.spec.instructions[0]!.imm, 16)
  t.deepEqual(imms(finishProgram(prepared, { maps: () => ({ fd: 9 }) })), [16, 9n, 9n])
  t.throws(() => finishProgram(prepared, {}), {
    instanceOf: BpfError,
    code: 'ERR_UNRESOLVED',
    message: 'Cannot load program p: it refers to map "there", which does not exist',
  })
})

test('errors of passes name the program', t => {
  const spec: ProgramSpec = { name: 'p', sectionName: 'socket', type: 'socket_filter', instructions: main }
  t.throws(() => prepareProgram(spec, { ...context(), functions: new Map() }), {
    instanceOf: BpfError,
    code: 'ERR_UNRESOLVED',
    message: 'Cannot load program p (socket): it uses function "f", which does not exist',
  })
  const alone = prepareProgram(spec)
  t.throws(() => finishProgram(alone, {}), {
    message: 'Cannot load program p (socket): the call reference to "f" is not resolved',
  })
})
