import { readFileSync } from 'node:fs'
import test from 'ava'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { parseObject } from '../../../src/elf/object/object.ts'
import { linkFunctions } from '../../../src/programs/passes/functions.ts'

const linked = parseObject(readFileSync('test/bpf/linked.bpf.o'))

/** The first instruction of a function that computes something: operation and operand. */
const constants = (name: string): number[] =>
  linked.functions.get(name)!.flatMap(({ opcode, imm }) => ((opcode & 0x0f) === 0x04 ? [Number(imm)] : []))

test('programs of both halves are there, in one section', t => {
  const found = [...linked.programs.values()].map(({ name, type, sectionName }) => [name, type, sectionName])
  t.deepEqual(found, [
    ['first', 'socket_filter', 'socket'],
    ['second', 'socket_filter', 'socket'],
  ])
})

test('of a weak and a strong function the strong one is called', t => {
  t.true(constants('choose').includes(2))
  t.false(constants('choose').includes(1))
})

test('static functions of one name are told apart', t => {
  t.true(constants('twist').includes(3))
  t.true(constants('twist.1').includes(-3))
  const calls = (program: string): string[] =>
    linked.programs
      .get(program)!
      .instructions.flatMap(({ reference }) => (reference?.kind === 'call' ? [reference.name] : []))
  t.deepEqual(calls('first'), ['choose', 'twist', 'common'])
  t.deepEqual(calls('second'), ['choose', 'twist.1', 'common'])
})

test('a map and variables of one half are those of the other', t => {
  t.deepEqual([...linked.maps.keys()], ['shared', '.data', '.kconfig'])
  const spec = CollectionSpec.parse(readFileSync('test/bpf/linked.bpf.o'))
  const values = ['total', 'limit', 'hidden_state'].map(name => spec.variables.get(name).get())
  t.deepEqual(values, [100, 7, 40n])
})

test('a half alone says what is missing', t => {
  const { externs, programs, maps } = parseObject(readFileSync('test/bpf/linked/second.bpf.o'))
  t.deepEqual(
    [...externs.values()].flatMap(each => (each.kind === 'undefined' ? [each.reason] : [])).sort(),
    [
      'map shared is defined in another object: link the two',
      'nothing defines total: link the object that does, or declare it with __ksym or __kconfig when the kernel does',
    ],
  )
  t.true(programs.has('second'))
  t.false(maps.has('shared'))
})

test('programs are linked with the functions that they call, and no others', t => {
  const code = linkFunctions(linked.programs.get('second')!.instructions, linked)
  t.deepEqual(
    code.flatMap(({ symbol }) => symbol ?? []),
    ['second', 'choose', 'twist.1', 'common'],
  )
})
