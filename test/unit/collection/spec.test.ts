import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { hostByteOrder } from '../../../src/base/bytes.ts'
import { BpfError, ObjectFileError } from '../../../src/base/errors.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { Named } from '../../../src/collection/named.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { Program } from '../../../src/programs/program.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'
import { objectSpec } from '../../support/objects.ts'

const isLittle = hostByteOrder === 'little'
const own = `test/bpf/data.${isLittle ? 'bpf' : 'bpfeb'}.o`
const foreign = `test/bpf/data.${isLittle ? 'bpfeb' : 'bpf'}.o`

function data(): CollectionSpec {
  return CollectionSpec.fromFile(own)
}

test('an object has its programs, maps, variables and functions by name', t => {
  const spec = CollectionSpec.parse(readFileSync('test/bpf/functions.bpf.o'), 'functions.bpf.o')
  t.deepEqual([...spec.programs.keys()], ['first', 'second', 'third', 'tail', 'jump', 'optional'])
  t.deepEqual([...spec.maps.keys()], ['programs', '.bss'])
  t.deepEqual([...spec.variables.keys()], ['calls', 'slot'])
  t.true(spec.functions.has('times_two'))
  t.is(spec.byteOrder, 'little')
  t.is(spec.btf?.findType('func', 'second')?.linkage, 'global')
})

test('a missing file, and one that is not an object', t => {
  const missing = t.throws(() => CollectionSpec.fromFile('/no/such.o'), {
    instanceOf: BpfError,
    code: 'ENOENT',
  })
  t.regex(missing?.message ?? '', /^Cannot read \/no\/such\.o: ENOENT/)
  t.throws(() => CollectionSpec.fromFile('test/bpf/data.bpf.c'), {
    instanceOf: ObjectFileError,
    message: 'Not an ELF file (data.bpf.c, offset 0x0)',
  })
})

test('a file may be given as a URL', t => {
  const url = pathToFileURL('test/bpf/functions.bpf.o')
  t.deepEqual(CollectionSpec.fromFile(url), CollectionSpec.fromFile('test/bpf/functions.bpf.o'))
  t.throws(() => CollectionSpec.fromFile(new URL('file:///no/such.o')), {
    code: 'ENOENT',
    message: /^Cannot read \/no\/such\.o: ENOENT/,
  })
  t.throws(() => CollectionSpec.fromFile(new URL('https://example.org/a.o')), {
    instanceOf: TypeError,
    message: 'Cannot read https://example.org/a.o: not a file: URL',
  })
})

test('names that do not exist are named, with those that do', t => {
  const spec = CollectionSpec.fromFile('test/bpf/functions.bpf.o')
  for (const name of ['no', '__proto__', 'constructor', 'toString']) {
    t.false(spec.programs.has(name))
    t.throws(() => spec.programs.get(name), {
      instanceOf: BpfError,
      code: 'ERR_NO_SUCH_NAME',
      message: `No such program "${name}"; known: first, second, third, tail, jump, optional`,
    })
  }
  t.throws(() => new CollectionSpec().maps.get('m'), { message: 'No such map "m"; the list is empty' })
  const many = new CollectionSpec({
    programs: Array.from({ length: 23 }, (_, i) => [`p${i}`, { type: 'xdp', instructions: [] }] as const),
  })
  t.throws(() => many.programs.get('q'), { message: /; known: p0, p1, .*, p19 and 3 more$/ })
})

test('names that objects inherit can be used', t => {
  const spec = new CollectionSpec({
    programs: ['__proto__', 'constructor'].map(
      name => [name, { name, type: 'xdp', instructions: [] }] as const,
    ),
  })
  t.is(spec.programs.get('__proto__').name, '__proto__')
  t.is(spec.programs.get('constructor').name, 'constructor')
  t.deepEqual([...spec.copy().programs.keys()], ['__proto__', 'constructor'])
})

test('variables have the values of the source', t => {
  const { variables } = data()
  const golden: Record<string, unknown> = {
    ro_u8: 200,
    ro_s8: -100,
    ro_u16: 60000,
    ro_s16: -30000,
    ro_u32: 4000000000,
    ro_s32: -2000000000,
    ro_u64: 18000000000000000000n,
    ro_s64: -9000000000000000000n,
    ro_bool: true,
    ro_text: 'read only',
    ro_point: { x: 3, y: -4 },
    ro_static: 77,
    rw_text: 'read and write',
    rw_points: [
      { x: 10, y: 20 },
      { x: 30, y: 40 },
    ],
    rw_grid: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    rw_flags: { low: 5, middle: 0xabc, high: 0x1f00d, negative: -7, set: true },
    runs: 0n,
    config_limit: 10,
    custom_data: 11,
  }
  for (const [name, value] of Object.entries(golden)) t.deepEqual(variables.get(name).get(), value, name)
})

test('variables of .rodata are constant', t => {
  const { variables } = data()
  t.deepEqual(
    ['ro_u8', 'config_limit', 'rw_u8', 'runs'].map(name => variables.get(name).constant),
    [true, true, false, false],
  )
})

test('setting a variable changes the contents of its map, and nothing beside it', t => {
  const spec = data()
  const before = data().maps.get('.data').contents![0]!.value as Uint8Array
  const variable = spec.variables.get('rw_u16')
  variable.set(0x1234)
  t.is(variable.get(), 0x1234)
  const after = spec.maps.get('.data').contents![0]!.value as Uint8Array
  const changed = [...after.keys()].filter(i => after[i] !== before[i])
  t.deepEqual(changed, [variable.offset, variable.offset + 1])
  t.deepEqual([...variable.bytes], isLittle ? [0x34, 0x12] : [0x12, 0x34])
})

test('every variable can be set to what it is', t => {
  const spec = data()
  const whole = () => [...spec.maps.values()].map(each => each.contents![0]!.value)
  const before = structuredClone(whole())
  for (const variable of spec.variables.values()) variable.set(variable.get())
  t.deepEqual(whole(), before)
})

test('values that do not fit change nothing', t => {
  const { variables } = data()
  const number = variables.get('rw_u8')
  t.throws(() => number.set(256), { instanceOf: RangeError, message: /^Cannot set variable rw_u8: / })
  t.throws(() => number.set('1'), { instanceOf: TypeError, message: /^Cannot set variable rw_u8: / })
  t.is(number.get(), 1)
  const point = variables.get('rw_points')
  t.throws(
    () =>
      point.set([
        { x: 1, y: 2 },
        { x: 1, y: 1n },
      ]),
    { instanceOf: TypeError },
  )
  t.deepEqual(point.get(), [
    { x: 10, y: 20 },
    { x: 30, y: 40 },
  ])
})

test('a copy can be edited alone', t => {
  const spec = data()
  const copy = spec.copy()
  copy.variables.get('rw_u32').set(99)
  copy.programs.get('touch').instructions[0]!.imm = 12345
  copy.maps.get('.bss').maxEntries = 7
  copy.programs.delete('touch')
  t.is(spec.variables.get('rw_u32').get(), 3)
  t.not(spec.programs.get('touch').instructions[0]!.imm, 12345)
  t.is(spec.maps.get('.bss').maxEntries, 1)
  spec.variables.get('rw_s32').set(-9)
  t.is(copy.variables.get('rw_s32').get(), -3)
  t.is(copy.btf, spec.btf)
})

test('a copy without a map lacks the variables of that map', t => {
  const spec = data()
  spec.maps.delete('.data')
  const { variables } = spec.copy()
  t.false(variables.has('rw_u8'))
  t.true(variables.has('ro_u8'))
})

test('values of the other byte order can be had as bytes only', t => {
  const variable = CollectionSpec.fromFile(foreign).variables.get('ro_u16')
  t.deepEqual([...variable.bytes], isLittle ? [0xea, 0x60] : [0x60, 0xea])
  const message = `Cannot read variable ro_u16: the object is ${isLittle ? 'big' : 'little'}-endian and this machine is not; use bytes`
  t.throws(() => variable.get(), { instanceOf: BpfError, code: 'ERR_BYTE_ORDER', message })
  t.throws(() => variable.set(1), { code: 'ERR_BYTE_ORDER' })
})

/** A collection of one variable at the start of a section of 8 bytes. */
function single(size: number, typeId: number): CollectionSpec {
  const btf = btfOf([
    int('int', 4),
    struct('large', 16, member('a', 1, 0)),
    struct('flexible', 4, member('n', 1, 0), member('items', 4, 32)),
    { kind: 'array', name: '', type: 1, indexType: 1, count: 0 },
  ])
  const map: MapSpec = {
    name: '.data',
    type: 'array',
    btf,
    contents: [{ key: new Uint8Array(4), value: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }],
  }
  return new CollectionSpec({
    maps: [['.data', map]],
    variables: [{ name: 'v', sectionName: '.data', offset: 0, size, typeId }],
  })
}

test('a variable without a type is bytes', t => {
  const variable = single(4, 0).variables.get('v')
  t.is(variable.codec, undefined)
  const value = variable.get()
  t.deepEqual(value, Uint8Array.of(1, 2, 3, 4))
  variable.set(Uint8Array.of(9, 9, 9, 9))
  t.deepEqual(value, Uint8Array.of(1, 2, 3, 4))
  t.deepEqual(variable.get(), Uint8Array.of(9, 9, 9, 9))
  for (const wrong of [1, 'abcd', new Uint8Array(3)]) {
    t.throws(() => variable.set(wrong), {
      instanceOf: TypeError,
      message: 'Cannot set variable v: it has no type, and needs 4 bytes',
    })
  }
})

test('a variable smaller than its type cannot be read or set', t => {
  const variable = single(8, 2).variables.get('v')
  const message = 'Cannot reach variable v: it has 8 bytes, and its type 16'
  t.throws(() => variable.get(), { instanceOf: BpfError, code: 'ERR_INVALID_SPEC', message })
  t.throws(() => variable.set({ a: 1 }), { instanceOf: BpfError, message })
})

test('what initialises a flexible array stays when the rest is set', t => {
  const variable = single(8, 3).variables.get('v')
  variable.set({ ...(variable.get() as object), n: 0 })
  t.deepEqual([...variable.bytes], [0, 0, 0, 0, 5, 6, 7, 8])
})

test('contents that were replaced by something shorter are noticed', t => {
  const spec = single(4, 1)
  const variable = spec.variables.get('v')
  spec.maps.get('.data').contents = [{ key: new Uint8Array(4), value: new Uint8Array(2) }]
  const message = 'Cannot reach variable v: map .data has other contents now'
  t.throws(() => variable.get(), { instanceOf: BpfError, code: 'ERR_INVALID_SPEC', message })
  t.throws(() => variable.set(1), { message })
})

test('the first of several static variables has their name', t => {
  const { maps } = single(4, 1)
  const spec = new CollectionSpec({
    maps,
    variables: [
      { name: 'v', sectionName: '.data', offset: 0, size: 4, typeId: 1 },
      { name: 'v', sectionName: '.data', offset: 4, size: 4, typeId: 1 },
      { name: 'elsewhere', sectionName: '.bss', offset: 0, size: 4, typeId: 1 },
    ],
  })
  t.deepEqual([...spec.variables.keys()], ['v'])
  t.is(spec.variables.get('v').offset, 0)
})

test('a copy of a spec has its externs, and can do without one alone', t => {
  const spec = objectSpec('kfuncs')
  const copy = spec.copy()
  t.deepEqual([...copy.externs], [...spec.externs])
  copy.externs.set('no_such_kfunc', { ...copy.externs.get('no_such_kfunc'), weak: false })
  t.true(spec.externs.get('no_such_kfunc').weak)
})

test('the value of an option cannot be set in a spec', t => {
  t.throws(() => objectSpec('externs').variables.get('CONFIG_HZ').set(1), {
    instanceOf: BpfError,
    code: 'ERR_READ_ONLY',
  })
})

test('what is no spec is refused by name, not by what is missing in it', t => {
  t.throws(() => Collection.load('x.o' as never), {
    instanceOf: TypeError,
    message:
      'Collection.load takes a CollectionSpec, not string; CollectionSpec.fromFile reads an object file',
  })
  t.throws(() => CollectionSpec.parse('x.o' as never), {
    instanceOf: TypeError,
    message: /^CollectionSpec\.parse takes the bytes of an object/,
  })
  t.throws(() => Program.load(undefined as never), {
    instanceOf: TypeError,
    message: 'Program.load takes a ProgramSpec, not undefined',
  })
  t.throws(() => BpfMap.create({} as never), {
    instanceOf: TypeError,
    message: 'BpfMap.create takes a MapSpec, not an object without type',
  })
})

test('an unknown name comes with the nearest one', t => {
  const maps = new Named('map', [
    ['counts', 1],
    ['events', 2],
  ])
  t.throws(() => maps.get('coutns'), {
    code: 'ERR_NO_SUCH_NAME',
    message: 'No such map "coutns"; did you mean counts? known: counts, events',
  })
  t.throws(() => maps.get('frob'), { message: 'No such map "frob"; known: counts, events' })
})
