import { readdirSync } from 'node:fs'
import { add, mov } from '../../../src/asm/alu.ts'
import { callFunction } from '../../../src/asm/calls.ts'
import { exit, label } from '../../../src/asm/jumps.ts'
import { r0, r6 } from '../../../src/asm/registers.ts'
import { NotSupportedError } from '../../../src/base/errors.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { Program } from '../../../src/programs/program.ts'
import { CASES, switchOnLength } from '../../support/asm/jump-table.ts'
import { compiledSwitch } from '../../support/elf/jump-table.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { insnArrays, lacking } from '../../support/programs/features.ts'

/** What a program returns for packets whose length without Ethernet header is 52 to 55. */
function results(program: Program): number[] {
  return CASES.map((_, index) => program.testRun({ data: new Uint8Array(66 + index) }).returnValue)
}

kernelTest('a program jumps through a table of labels', [insnArrays], async t => {
  const spec = {
    name: 'jumps',
    type: 'socket_filter',
    instructions: switchOnLength(),
    license: 'GPL',
  } as const
  using program = Program.load(spec)
  t.deepEqual(results(program), [...CASES])
  using second = await Program.loadAsync(spec)
  t.deepEqual(results(second), [...CASES])
})

kernelTest('functions of a program have tables of their own', [insnArrays], t => {
  const instructions = [
    mov(r6, 1),
    callFunction('inner'),
    add(r0, r6),
    exit(),
    label('inner', mov(r6, 5)),
    ...switchOnLength('inner.'),
  ]
  using program = Program.load({ name: 'jumps', type: 'socket_filter', instructions, license: 'GPL' })
  t.deepEqual(
    results(program),
    CASES.map(each => each + 1),
  )
})

kernelTest('a refused program with a table is loaded again for its log', [insnArrays], t => {
  const instructions = [...switchOnLength(), mov(r0, 0)]
  t.throws(() => Program.load({ name: 'jumps', type: 'socket_filter', instructions, license: 'GPL' }), {
    name: 'VerifierError',
  })
})

kernelTest('a table is closed when a field of the load cannot be written', [insnArrays], async t => {
  const spec = {
    name: 'jumps',
    type: 'socket_filter',
    instructions: switchOnLength(),
    flags: 2 ** 33,
  } as const
  const open = (): number => readdirSync('/proc/self/fd').length
  const before = open()
  t.throws(() => Program.load(spec), { instanceOf: RangeError })
  t.is(open(), before)
  await t.throwsAsync(Program.loadAsync(spec), { instanceOf: RangeError })
  t.is(open(), before)
})

kernelTest('jump tables of LLVM 22 are loaded', [insnArrays], t => {
  using collection = Collection.load(CollectionSpec.parse(compiledSwitch()))
  t.deepEqual(results(collection.programs.get('main')), [...CASES])
})

kernelTest('a kernel without maps of instructions says so', [lacking(insnArrays)], t => {
  t.throws(() => Collection.load(CollectionSpec.parse(compiledSwitch())), {
    instanceOf: NotSupportedError,
    message:
      'Cannot load program main (socket): A jump table (gotox) is not supported by this kernel (needs Linux 6.19 or later); or compile the object with -fno-jump-tables',
  })
})
