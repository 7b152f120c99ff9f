import test from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { resolveLabels } from '../../../src/asm/assemble.ts'
import { disassemble } from '../../../src/asm/disassemble.ts'
import { r1 } from '../../../src/asm/registers.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { parseObject } from '../../../src/elf/object/object.ts'
import { linkFunctions } from '../../../src/programs/passes/functions.ts'
import { resolveMaps } from '../../../src/programs/passes/maps.ts'
import { compiledSwitch, entries, LOAD, START } from '../../support/elf/jump-table.ts'

/** Slots of the program that its table leads to. */
const slots = entries.map(each => (each - START) / 8)

test('a jump table is a reference to labels of the function', t => {
  const { instructions } = parseObject(compiledSwitch()).programs.get('main')!
  const labels = slots.map(slot => `main@${slot}`)
  t.deepEqual(instructions[3]!.reference, { kind: 'jump_table', name: 'BPF.JT.0.0', labels, offset: 0 })
  const text = disassemble(instructions)
  t.true(text.includes('r3 = jump-table[BPF.JT.0.0]\n'), text)
  for (const [index, label] of labels.entries())
    t.true(text.includes(`${label}:\n   ${slots[index]}: r0`) || slots[index]! > 9, text)
})

test('a table leads to the same instructions when others come before them', t => {
  const object = parseObject(compiledSwitch())
  const { instructions } = object.programs.get('main')!
  const made: (readonly number[])[] = []
  const jumpTables = (table: readonly number[]): { fd: number } => ({ fd: made.push(table) + 6 })
  const resolve = (list: typeof instructions): readonly (typeof instructions)[number][] =>
    resolveMaps(resolveLabels(linkFunctions(list, object)), { jumpTables })
  const resolved = resolve(instructions)
  t.deepEqual([resolved[3]!.src, resolved[3]!.imm, resolved[3]!.reference], [2, 7n, undefined])
  resolve([mov(r1, 1), ...instructions])
  t.deepEqual(made, [slots, slots.map(slot => slot + 1)])
})

test('a label that is missing is named', t => {
  const { instructions } = parseObject(compiledSwitch()).programs.get('main')!
  const jumpTables = (): { fd: number } => ({ fd: 3 })
  t.throws(() => resolveMaps(instructions.slice(0, 5), { jumpTables }), {
    code: 'ERR_LABEL',
    message: `Cannot make jump table BPF.JT.0.0: label "main@${slots[0]}": it is not defined`,
  })
})

const wrong: [what: string, table: number[], reason: RegExp][] = [
  [
    'of another function',
    [0],
    /^Jump table entry leads to no instruction of function main \(x\.o, section \.jumptables, offset 0x0\)$/,
  ],
  [
    'in the middle of an instruction',
    [START, LOAD + 8],
    /^Jump table entry leads to no instruction .*offset 0x8\)$/,
  ],
  ['behind the code', [2 ** 40], /^Jump table entry leads to no instruction/],
]
for (const [what, table, message] of wrong) {
  test(`an entry ${what} is refused`, t => {
    t.throws(() => parseObject(compiledSwitch(table), 'x.o'), { instanceOf: ObjectFileError, message })
  })
}

test('a table that is not made of whole entries is refused', t => {
  const symbols = [
    { name: 'other', section: 1, size: START },
    { name: 'main', section: 1, value: START, size: 112 },
    { name: 'BPF.JT.0.0', type: 'object', section: 2, size: 12 },
  ] as const
  t.throws(() => parseObject(compiledSwitch(entries, { symbols }), 'x.o'), {
    instanceOf: ObjectFileError,
    message:
      'Jump table BPF.JT.0.0 of 12 bytes is not made of whole entries (x.o, section .jumptables, offset 0x0)',
  })
})
