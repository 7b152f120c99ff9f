import test from 'ava'
import { jsonReplacer } from '../../../src/base/codec.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { inspectObject } from '../../../src/inspect/inspect.ts'
import { BtfMaker } from '../../support/btf/maker.ts'
import { objectSpec } from '../../support/objects.ts'

test('a program is described with what it uses', t => {
  const { programs } = inspectObject(objectSpec('core'))
  const program = programs.find(each => each.name === 'field_byte_offset')
  t.deepEqual(program, {
    name: 'field_byte_offset',
    section: 'raw_tp',
    type: 'raw_tracepoint',
    attachType: null,
    target: null,
    license: 'Dual MIT/GPL',
    autoload: true,
    sleepable: false,
    flags: 0,
    instructions: 14,
    subprograms: [],
    helpers: [],
    maps: ['.bss'],
    externs: [],
    relocations: [
      { kind: 'field_byte_offset', subject: 'struct task_struct.pid', count: 1 },
      { kind: 'field_byte_offset', subject: 'struct task_struct.comm', count: 1 },
      { kind: 'field_byte_offset', subject: 'struct task_struct.comm[3]', count: 1 },
    ],
    needs: {
      since: '5.2',
      because: ['global data'],
      needs: [
        { what: 'global data', since: '5.2' },
        { what: 'program type raw_tracepoint', since: '4.17' },
      ],
    },
  })
})

test('maps of operations that are created decide which of their programs are loaded', t => {
  const autoload = (spec: CollectionSpec): Record<string, boolean> =>
    Object.fromEntries(inspectObject(spec).programs.map(each => [each.name, each.autoload]))
  const spec = objectSpec('struct-ops')
  // `undo` and `unused` are in optional sections.
  t.deepEqual(autoload(spec), { halve: true, stay: true, undo: true, unused: false, answer: true })
  for (const name of ['plain', 'linked', 'dummy']) spec.maps.get(name)!.autocreate = false
  spec.maps.get('optional')!.autocreate = true
  t.deepEqual(autoload(spec), { halve: true, stay: true, undo: true, unused: true, answer: false })
})

test('a map is described with its types', t => {
  const { maps } = inspectObject(objectSpec('recent'))
  t.deepEqual(maps[0], {
    name: 'seen',
    type: 'bloom_filter',
    keySize: 0,
    valueSize: 4,
    maxEntries: 64,
    flags: 0,
    mapExtra: 3n,
    pinning: 'none',
    pinPath: null,
    key: null,
    value: { type: '__u32', definition: null },
    inner: null,
    contents: 0,
    record: null,
    frozen: false,
    autocreate: true,
    programs: [],
    tags: ['on_map'],
    needs: {
      since: '5.16',
      because: ['map type bloom_filter'],
      needs: [{ what: 'map type bloom_filter', since: '5.16' }],
    },
  })
})

test('variables have declarations and initial values', t => {
  const { variables } = inspectObject(objectSpec('recent'))
  t.deepEqual(
    variables.map(({ declaration, value, section, offset }) => [declaration, value, section, offset]),
    [
      ['enum wide wide', 'WIDE_SMALL', '.data', 0],
      ['double real', 0, '.bss', 0],
      ['struct tagged tagged', { plain: 0, member: 0, pointer: 0n }, '.bss', 8],
    ],
  )
})

test('variables of a machine with the other byte order are shown as bytes', t => {
  const little = inspectObject(objectSpec('data')).variables
  const { variables, byteOrder } = inspectObject(objectSpec('data.bpfeb'))
  t.is(byteOrder, 'big')
  t.deepEqual(
    variables.map(each => each.declaration),
    little.map(each => each.declaration),
  )
  for (const { value, size } of variables) t.is((value as Uint8Array).length, size)
})

test('externs are listed with what the object expects them to be', t => {
  const { externs } = inspectObject(objectSpec('kfuncs'))
  t.deepEqual(
    externs.find(each => each.name === 'bpf_rdonly_cast'),
    {
      name: 'bpf_rdonly_cast',
      kind: 'kfunc',
      weak: true,
      declaration: 'void *bpf_rdonly_cast(const void *, __u32)',
    },
  )
})

test('programs that are not loaded by default do not count for the object', t => {
  const spec = objectSpec('sections')
  for (const program of spec.programs.values()) program.autoload = program.name === 'on_fentry'
  t.is(inspectObject(spec).needs.since, '5.5')
  spec.programs.get('on_fentry').autoload = false
  t.deepEqual(inspectObject(new CollectionSpec()).needs, { since: null, because: [], needs: [] })
})

test('variables whose types multiply cost no more than one of them', t => {
  const maker = new BtfMaker()
  let id = maker.int('int', 4)
  for (let i = 0; i < 60; i++) id = maker.struct('', 4, ['a', id, 0], ['b', id, 0])
  const btf = maker.parse()
  const value = new Uint8Array(4)
  const map = { name: '.data', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1, btf } as const
  const spec = new CollectionSpec({
    btf,
    maps: [['.data', { ...map, contents: [{ key: value, value }] }]],
    variables: Array.from({ length: 2000 }, (_, i) => ({
      name: `v${i}`,
      sectionName: '.data',
      offset: 0,
      size: 4,
      typeId: id,
    })),
  })
  t.is(spec.variables.size, 2000)
  t.true(inspectObject(spec).variables.every(each => each.declaration === null))
})

for (const name of ['core', 'data', 'events', 'functions', 'kfuncs', 'maps', 'recent', 'sections', 'arena']) {
  test(`${name} is one JSON document`, t => {
    const inspection = inspectObject(objectSpec(name))
    const text = JSON.stringify(inspection, jsonReplacer)
    const back = JSON.parse(text) as typeof inspection
    t.is(back.version, 1)
    t.deepEqual(
      back.programs.map(each => each.name),
      inspection.programs.map(each => each.name),
    )
    // What is absent is null, never left out.
    for (const [key, value] of Object.entries(inspection.programs[0] ?? {})) t.not(value, undefined, key)
  })
}
