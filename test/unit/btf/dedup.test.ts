import { readFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { dedupBtf } from '../../../src/btf/dedup/dedup.ts'
import { btfToC } from '../../../src/btf/text/c-dump.ts'
import type { BtfKind, BtfType } from '../../../src/btf/types.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import { anyBtfType, btfOf, int, member, struct } from '../../support/btf/types.ts'

const list = (btf: Btf): BtfType[] =>
  Array.from({ length: btf.typeCount - btf.firstId }, (_, index) => btf.type(btf.firstId + index))

const dedup = (types: readonly BtfType[]): { types: BtfType[]; ids: number[] } => {
  const { btf, ids } = dedupBtf(btfOf(types))
  return { types: list(btf), ids: [...ids] }
}

/** BTFs one behind the other. */
function joined(...all: readonly Btf[]): Btf {
  const builder = new BtfBuilder()
  for (const each of all) builder.append(each)
  return Btf.parse(builder.build())
}

const pointer = (type: number): BtfType => ({ kind: 'ptr', name: '', type })
const typedef = (name: string, type: number): BtfType => ({ kind: 'typedef', name, type })
const fwd = (name: string, of: 'struct' | 'union' = 'struct'): BtfType => ({ kind: 'fwd', name, of })
const u32 = int('unsigned int', 4, 'unsigned')

test('types that are the same become the first of them', t => {
  const { types, ids } = dedup([u32, int('int', 4, 'signed'), u32, pointer(1), pointer(3), typedef('u32', 3)])
  t.deepEqual(types, [u32, int('int', 4, 'signed'), pointer(1), typedef('u32', 1)])
  t.deepEqual(ids, [0, 1, 2, 1, 3, 3, 4])
})

test('types that differ in anything stay', t => {
  const types: BtfType[] = [
    u32,
    int('unsigned int', 8, 'unsigned'),
    { kind: 'float', name: 'double', size: 8 },
    { kind: 'array', name: '', type: 1, indexType: 1, count: 2 },
    { kind: 'array', name: '', type: 1, indexType: 1, count: 3 },
    struct('s', 8, member('a', 1, 0)),
    struct('s', 8, member('b', 1, 0)),
    struct('s', 8, member('b', 1, 32)),
    { ...struct('s', 8, member('b', 1, 32)), kind: 'union' },
    { kind: 'func_proto', name: '', type: 1, params: [{ name: 'a', type: 1 }] },
    { kind: 'func_proto', name: '', type: 1, params: [{ name: 'b', type: 1 }] },
    { kind: 'func', name: 'f', type: 10, linkage: 'static' },
    { kind: 'func', name: 'f', type: 10, linkage: 'global' },
    { kind: 'decl_tag', name: 'x', type: 6, component: 0, attribute: false },
    { kind: 'decl_tag', name: 'x', type: 6, component: -1, attribute: false },
  ]
  t.deepEqual(dedup(types).types, types)
})

test('structs that refer to themselves and to each other are compared as graphs', t => {
  const node = (self: number): BtfType[] => [struct('node', 8, member('next', self + 1, 0)), pointer(self)]
  t.deepEqual(dedup([...node(1), ...node(3), ...node(5)]).types, node(1))
  const pair = (first: number): BtfType[] => [
    struct('a', 8, member('b', first + 1, 0)),
    pointer(first + 2),
    struct('b', 8, member('a', first + 3, 0)),
    pointer(first),
  ]
  t.deepEqual(dedup([...pair(1), ...pair(5)]).types, pair(1))
})

test('structs whose members differ far away stay', t => {
  const chain = (first: number, end: BtfType): BtfType[] => [
    struct('a', 8, member('b', first + 1, 0)),
    pointer(first + 2),
    struct('b', 8, member('c', first + 3, 0)),
    pointer(first + 4),
    end,
  ]
  const types = [...chain(1, struct('c', 4)), ...chain(6, struct('c', 8))]
  t.is(dedup(types).types.length, 10)
})

test('a forward declaration becomes the only struct of its name and kind', t => {
  const types = [pointer(2), fwd('s'), struct('s', 8), pointer(3), fwd('u', 'union'), struct('u', 8)]
  t.deepEqual(dedup(types).types, [pointer(2), struct('s', 8), fwd('u', 'union'), struct('u', 8)])
  const ambiguous = [fwd('s'), struct('s', 8), struct('s', 4)]
  t.deepEqual(dedup(ambiguous).types, ambiguous)
})

test('a forward declaration is what it stands for in an equal struct', t => {
  const types = [
    struct('s', 4),
    struct('s', 8, member('x', 8, 0)),
    struct('holder', 8, member('s', 4, 0)),
    pointer(5),
    fwd('s'),
    struct('holder', 8, member('s', 7, 0)),
    pointer(2),
    u32,
  ]
  // Alone it would be ambiguous; the second holder decides which one it is.
  t.deepEqual(dedup(types).types, [
    struct('s', 4),
    struct('s', 8, member('x', 5, 0)),
    struct('holder', 8, member('s', 4, 0)),
    pointer(2),
    u32,
  ])
})

test('a forward declaration of an enum becomes the enum, before or behind it', t => {
  const empty: BtfType = { kind: 'enum', name: 'e', size: 4, signed: false, values: [] }
  const full: BtfType = {
    kind: 'enum64',
    name: 'e',
    size: 8,
    signed: false,
    values: [{ name: 'A', value: 1n }],
  }
  t.deepEqual(dedup([empty, pointer(1), full, empty]).types, [pointer(2), full])
})

test('variables and sections stay, with their types renumbered', t => {
  const variable = (type: number): BtfType => ({ kind: 'var', name: 'v', type, linkage: 'static' })
  const section = (type: number): BtfType => ({
    kind: 'datasec',
    name: '.bss',
    size: 4,
    variables: [{ type, offset: 0, size: 4 }],
  })
  const types = [u32, variable(1), section(2), u32, variable(4), section(5)]
  t.deepEqual(dedup(types).types, [u32, variable(1), section(2), variable(1), section(4)])
})

test('types of a base are not repeated', t => {
  const base = btfOf([u32, pointer(1), struct('s', 4, member('a', 1, 0))])
  const split = btfOf(
    [u32, struct('s', 4, member('a', 4, 0)), pointer(5), pointer(4), typedef('own', 7)],
    undefined,
    { base },
  )
  const { btf, ids } = dedupBtf(split)
  t.deepEqual(list(btf), [pointer(3), typedef('own', 2)])
  t.deepEqual([...ids.slice(4)], [1, 3, 4, 2, 5])
  t.is(btf.base, base)
})

test('types that refer to themselves without a struct between are refused', t => {
  t.throws(() => dedup([typedef('a', 2), pointer(1)]), {
    instanceOf: ObjectFileError,
    message: /^BTF type \d refers to itself/,
  })
  t.throws(() => dedup([pointer(7)]), { instanceOf: ObjectFileError })
})

test('a long chain is not deeper than a short one', t => {
  const length = 200_000
  const { types } = dedup(Array.from({ length }, (_, index) => pointer(index + 2)).concat(u32))
  t.is(types.length, length + 1)
})

test('comparing has an end', t => {
  // Structs that look alike, of which every two must be compared.
  const types = Array.from({ length: 3000 }, (_, i) => [
    struct('s', 8, member('a', 2 * i + 2, 0)),
    struct('end', i),
  ]).flat()
  t.is(dedupBtf(btfOf(types.slice(0, 100))).btf.typeCount, 101)
  const { message } = t.throws(() => dedupBtf(btfOf(types), { maxStepsPerType: 1 }), {
    instanceOf: ObjectFileError,
  })
  t.regex(message, /^Comparing the types takes too long \(option maxStepsPerType\)/)
})

test('types twice are types once, and once more changes nothing', t => {
  fc.assert(
    fc.property(fc.array(anyBtfType, { maxLength: 40 }), types => {
      let once: Btf
      try {
        once = dedupBtf(btfOf(types)).btf
      } catch (error) {
        return error instanceof ObjectFileError
      }
      t.deepEqual(list(dedupBtf(once).btf), list(once))
      const unique = list(once).filter(({ kind }) => kind === 'var' || kind === 'datasec').length
      t.is(dedupBtf(joined(once, once)).btf.typeCount, once.typeCount + unique)
      return true
    }),
  )
})

/** How many types of each kind there are, of those that deduplication is about. */
function census(btf: Btf): Partial<Record<BtfKind, number>> {
  const counts: Partial<Record<BtfKind, number>> = {}
  // A linker joins variables and sections, and drops functions without callers.
  for (const { kind } of list(btf)) {
    if (!['var', 'datasec', 'func', 'decl_tag'].includes(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

function typesOf(path: string): Btf {
  const elf = ElfFile.parse(readFileSync(path))
  return Btf.parse(elf.data(elf.section('.BTF')!))
}

test('what is left of two objects is what bpftool leaves', t => {
  const halves = ['first', 'second'].map(name => typesOf(`test/bpf/linked/${name}.bpf.o`))
  const before = joined(...halves)
  const { btf } = dedupBtf(before)
  t.deepEqual(census(btf), census(typesOf('test/bpf/linked.bpf.o')))
  t.notDeepEqual(census(btf), census(before))
})

for (const name of ['core', 'data', 'events', 'functions', 'maps', 'recent']) {
  test(`C does not change: ${name}`, t => {
    const once = typesOf(`test/bpf/${name}.bpf.o`)
    t.is(btfToC(dedupBtf(joined(once, once)).btf), btfToC(once))
  })
}

test('types of any number of members are compared', t => {
  const count = 150_000
  const members = Array.from({ length: count }, (_, i) => member(`m${i}`, 1, i * 32))
  const values = members.map(({ name }, value) => ({ name, value }))
  const variables = members.map((_, i) => ({ type: 1, offset: i * 4, size: 4 }))
  const types: BtfType[] = [
    int('int', 4),
    { ...struct('s', count * 4), members },
    { kind: 'enum', name: 'e', size: 4, signed: false, values },
    { kind: 'datasec', name: '.data', size: count * 4, variables },
  ]
  const btf = btfOf([...types, ...types])
  const { ids } = dedupBtf(btf)
  t.deepEqual([ids[6], ids[7]], [2, 3])
})
