import { readFileSync } from 'node:fs'
import test from 'ava'
import { disassemble } from '../../../src/asm/disassemble.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { parseObject } from '../../../src/elf/object/object.ts'
import { objectPath } from '../../support/objects.ts'

const bytes = readFileSync(objectPath('arena-data'))

test('variables of address space 1 are in the arena', t => {
  const { maps, variables, programs } = parseObject(bytes)
  t.deepEqual([...maps.keys()], ['arena'])
  const places = variables.map(({ name, sectionName }) => `${name} in ${sectionName}`)
  t.deepEqual(places.sort(), [
    'counter in arena',
    'head in arena',
    'last in arena',
    'link_nodes.first in arena',
    'table in arena',
  ])
  const references = programs.get('link_nodes')!.instructions.flatMap(({ reference }) => reference ?? [])
  t.true(references.length > 0)
  for (const reference of references) t.like(reference, { kind: 'map_value', name: 'arena' })
})

test('they have the values of the source, and can be set', t => {
  const spec = CollectionSpec.parse(bytes)
  t.is(spec.variables.get('counter').get(), 41)
  t.deepEqual(spec.variables.get('table').get(), [1n, 2n, 3n, 0n])
  spec.variables.get('counter').set(1)
  t.is(spec.copy().variables.get('counter').get(), 1)
})

test('casts between address spaces and bounded jumps are disassembled', t => {
  const text = disassemble(parseObject(bytes).programs.get('sum_nodes')!.instructions)
  t.regex(text, /r\d = addr_space_cast\(r\d, 0, 1\)/)
  t.regex(text, /may_goto \+\d/)
})

test('variables need exactly one arena', t => {
  // The type of the only map: 33 is an arena, 34 something newer. Its number is the length of an array in BTF.
  const edited = Buffer.from(bytes)
  for (let at = edited.indexOf(0x21); at !== -1; at = edited.indexOf(0x21, at + 1))
    if (edited.readUInt32LE(at) === 33) edited.writeUInt32LE(34, at)
  t.throws(() => parseObject(edited, 'x.o'), {
    message:
      'The object has variables in an arena, but no map of type arena (x.o, section .addr_space.1, offset 0x0)',
  })
})
