import test from 'ava'
import { Btf } from '../../../src/btf/btf.ts'
import { type BtfSupport, sanitizeBtf } from '../../../src/btf/sanitize.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { everything } from '../../support/btf/sanitize.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'

/** One type of each kind that some kernel does not know; ids count from 1. */
const types: BtfType[] = [
  int('int', 4, 'signed'),
  { kind: 'var', name: 'counter', type: 1, linkage: 'global' },
  { kind: 'datasec', name: '.data.x', size: 8, variables: [{ type: 2, offset: 4, size: 4 }] },
  { kind: 'func_proto', name: '', type: 1, params: [{ name: 'ctx', type: 1 }] },
  { kind: 'func', name: 'helper', type: 4, linkage: 'global' },
  { kind: 'func', name: 'inner', type: 4, linkage: 'static' },
  { kind: 'float', name: 'double', size: 8 },
  { kind: 'decl_tag', name: 'a:tag', type: 2, component: -1, attribute: false },
  { kind: 'type_tag', name: 'user', type: 1, attribute: false },
  {
    kind: 'enum64',
    name: 'wide',
    size: 8,
    signed: true,
    values: [
      { name: 'A', value: -1n },
      { name: 'B', value: 1n << 40n },
    ],
  },
  { kind: 'enum', name: 'narrow', size: 4, signed: true, values: [{ name: 'C', value: -1 }] },
  { kind: 'enum64', name: 'other', size: 8, signed: false, values: [] },
]

const byte = { kind: 'int', size: 1, encoding: 'unsigned', bitOffset: 0, bits: 8 } as const

/** The types that differ on a kernel without some features, by id; those added come last. */
function changes(lacks: (keyof BtfSupport)[], from: readonly BtfType[] = types): Record<number, BtfType> {
  const support = { ...everything }
  for (const each of lacks) support[each] = false
  const built = Btf.parse(sanitizeBtf(btfOf(from), support).build())
  const changed: Record<number, BtfType> = {}
  built.forEachId(id => {
    const type = built.type(id)
    if (JSON.stringify(type, text) !== JSON.stringify(from[id - 1], text)) changed[id] = type
  })
  return changed
}

const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

test('a kernel that knows everything gets everything', t => {
  t.deepEqual(changes([]), {})
})

test('variables become bytes, data sections structs, under the same ids', t => {
  t.deepEqual(changes(['datasec']), {
    2: { ...byte, name: 'counter' },
    3: struct('_data_x', 8, member('', 2, 32)),
  })
})

test('functions become typedefs of enums', t => {
  t.deepEqual(changes(['func']), {
    4: { kind: 'enum', name: '', size: 4, signed: false, values: [] },
    5: { kind: 'typedef', name: 'helper', type: 4 },
    6: { kind: 'typedef', name: 'inner', type: 4 },
  })
})

test('global functions become static', t => {
  t.deepEqual(changes(['globalFunc']), {
    5: { kind: 'func', name: 'helper', type: 4, linkage: 'static' },
  })
})

test('floats become empty structs of the same size', t => {
  t.deepEqual(changes(['float']), { 7: struct('', 8) })
})

test('tags become what has no effect', t => {
  t.deepEqual(changes(['declTag']), { 8: { ...byte, name: 'decl_tag' } })
  t.deepEqual(changes(['typeTag']), { 9: { kind: 'const', name: '', type: 1 } })
})

test('64-bit enums become unions of the same size, and signed enums lose their sign', t => {
  t.deepEqual(changes(['enum64']), {
    10: { kind: 'union', name: 'wide', size: 8, members: [member('A', 13, 0), member('B', 13, 0)] },
    11: {
      kind: 'enum',
      name: 'narrow',
      size: 4,
      signed: false,
      values: [{ name: 'C', value: 0xffff_ffff }],
    },
    12: { kind: 'union', name: 'other', size: 8, members: [] },
    13: { ...byte, name: 'enum64_placeholder' },
  })
})

test('types without 64-bit enums get no placeholder', t => {
  t.deepEqual(changes(['enum64'], types.slice(0, 9)), {})
})

test('sections of optional structs have names that structs may have', t => {
  const optional: BtfType[] = [{ kind: 'datasec', name: '?.struct_ops', size: 0, variables: [] }]
  t.deepEqual(changes(['datasec'], optional), { 1: struct('__struct_ops', 0) })
})

test('sections of optional structs lose their question mark where names cannot have it', t => {
  const optional: BtfType[] = [{ kind: 'datasec', name: '?.struct_ops', size: 0, variables: [] }]
  t.deepEqual(changes(['questionMark'], optional), { 1: { ...optional[0], name: '_.struct_ops' } })
  t.deepEqual(changes(['questionMark']), {})
})

test('all at once', t => {
  const lacks = Object.keys(everything) as (keyof BtfSupport)[]
  t.deepEqual(Object.keys(changes(lacks)), ['2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12', '13'])
})
