import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { type ByteOrder, hostByteOrder } from '../../../src/base/bytes.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { BTF_MAGIC } from '../../../src/btf/format.ts'
import { type BtfType, btfKinds } from '../../../src/btf/types.ts'
import { anyBtfType, btfOf, int, member, struct } from '../../support/btf/types.ts'

const byteOrder = fc.constantFrom<ByteOrder>('little', 'big')

/** Expects an error about a place; the place is part of the message, and a number too. */
function refuses(t: ExecutionContext, act: () => unknown, message: string): void {
  const error = t.throws(act, { instanceOf: ObjectFileError, message, code: 'ERR_OBJECT_FILE' })
  t.is(error?.section, '.BTF')
  t.is(error?.offset, Number(/offset (0x[\da-f]+)\)$/.exec(message)?.[1]))
}

/** Words after a header that says how long they are, in the byte order of the host, with one empty string. */
function rawBtf(words: readonly number[], strings = '\0'): Uint8Array {
  const text = new TextEncoder().encode(strings)
  const bytes = new Uint8Array(24 + words.length * 4 + text.length)
  const header = new Uint32Array([0, 24, 0, words.length * 4, words.length * 4, text.length, ...words])
  bytes.set(new Uint8Array(header.buffer))
  new DataView(bytes.buffer).setUint16(0, BTF_MAGIC, hostByteOrder === 'little')
  bytes[2] = 1
  bytes.set(text, 24 + words.length * 4)
  return bytes
}

test('types of all kinds come back as they were built, in both byte orders', t => {
  const seen = new Set<string>(['void'])
  fc.assert(
    fc.property(fc.array(anyBtfType, { minLength: 1, maxLength: 20 }), byteOrder, (types, order) => {
      const btf = btfOf(types, order)
      t.is(btf.byteOrder, order)
      t.is(btf.typeCount, types.length + 1)
      types.forEach((type, index) => {
        seen.add(type.kind)
        t.deepEqual(btf.type(index + 1), type)
        t.is(btf.kind(index + 1), type.kind)
        t.is(btf.name(index + 1), type.name)
      })
    }),
    { numRuns: 300 },
  )
  t.deepEqual([...seen].sort(), [...btfKinds].sort())
})

test('building what was parsed gives the same bytes', t => {
  fc.assert(
    fc.property(fc.array(anyBtfType, { maxLength: 20 }), byteOrder, (types, order) => {
      const { bytes } = btfOf(types, order)
      t.deepEqual(BtfBuilder.from(Btf.parse(bytes)).build(order), bytes)
    }),
  )
})

test('split BTF continues the ids and strings of its base', t => {
  fc.assert(
    fc.property(
      fc.array(anyBtfType, { maxLength: 8 }),
      fc.array(anyBtfType, { maxLength: 8 }),
      byteOrder,
      (below, above, order) => {
        const base = btfOf(below, order)
        const btf = btfOf(above, order, { base })
        t.is(btf.firstId, base.typeCount)
        ;[...below, ...above].forEach((type, index) => {
          t.deepEqual(btf.type(index + 1), type)
        })
        const own: number[] = []
        btf.forEachId(id => own.push(id))
        t.is(own.length, above.length)
        t.is(own[0], above.length === 0 ? undefined : base.typeCount)
      },
    ),
  )
})

test('split BTF may stand on split BTF', t => {
  const base = btfOf([int('int', 4)])
  const middle = btfOf([struct('a', 4, member('x', 1, 0))], hostByteOrder, { base })
  const top = btfOf([{ kind: 'typedef', name: 'x', type: 2 }], hostByteOrder, { base: middle })
  t.deepEqual(top.find('int'), 1)
  t.deepEqual(top.find('a'), 2)
  t.deepEqual(top.find('x'), 3)
  t.is(top.sizeOf(3), 4)
  t.deepEqual(top.type(2), middle.type(2))
})

test('bytes at any address, and as Buffer, parse alike', t => {
  const { bytes } = btfOf([int('int', 4, 'signed')])
  for (let shift = 0; shift < 4; shift++) {
    const moved = Buffer.alloc(bytes.length + shift)
    moved.set(bytes, shift)
    t.deepEqual(Btf.parse(moved.subarray(shift)).type(1), int('int', 4, 'signed'))
  }
})

const namesakes: BtfType[] = [
  int('x', 4),
  struct('x', 4),
  { kind: 'typedef', name: 'x___v2', type: 1 },
  struct('x___', 4),
  struct('xx', 4),
  struct('', 4),
  struct('x_', 4),
  struct('y___a', 4),
  struct('y___a___b', 4),
]

/** Look-ups until the index of names is built: 3 search, the 4th builds it. */
function warm(btf: Btf): Btf {
  for (let i = 0; i < 4; i++) btf.find(`no such name ${i}`)
  return btf
}

for (const [title, prepare] of [
  ['by searching', (btf: Btf) => btf],
  ['by the index', warm],
] as const) {
  test(`types are found by name and kind ${title}`, t => {
    const btf = prepare(btfOf(namesakes))
    t.deepEqual(btf.findAll('x'), [1, 2])
    t.deepEqual(btf.findAll('x', 'struct', 'union'), [2])
    t.deepEqual(btf.findAll('x', 'enum'), [])
    t.is(btf.find('x'), 1)
    t.is(btf.find('x', 'struct'), 2)
    t.is(btf.find('no'), undefined)
    t.is(btf.find(''), undefined)
    t.is(btf.find('x\0xx'), undefined)
    t.deepEqual(btf.findType('struct', 'xx'), struct('xx', 4))
    t.is(btf.findType('int', 'xx'), undefined)
    t.deepEqual(btf.findFlavors('x'), [1, 2, 3])
    t.deepEqual(btf.findFlavors('x___'), [4])
    t.deepEqual(btf.findFlavors('y'), [8])
    t.deepEqual(btf.findFlavors('y___a'), [8, 9])
    t.deepEqual(btf.findFlavors(''), [])
  })

  test(`split BTF finds types of its base first ${title}`, t => {
    const base = btfOf(namesakes)
    const split = prepare(btfOf([struct('x', 8), struct('own', 8)], hostByteOrder, { base }))
    t.deepEqual(split.findAll('x'), [1, 2, 10])
    t.is(split.find('x', 'struct'), 2)
    t.is(split.find('own'), 11)
    t.deepEqual(split.findFlavors('x'), [10])
  })

  test(`a name that is the end of another string is found ${title}`, t => {
    // Type 1 is called "task", type 2 by the last four bytes of "my_task".
    const strings = '\0task\0my_task\0'
    const btf = prepare(Btf.parse(rawBtf([1, 0x07000000, 0, 9, 0x07000000, 0], strings)))
    t.deepEqual(btf.findAll('task'), [1, 2])
    t.deepEqual(btf.findFlavors('task'), [1, 2])
  })
}

test('searching and the index agree on arbitrary types', t => {
  fc.assert(
    fc.property(fc.array(anyBtfType, { maxLength: 30 }), types => {
      const cold = btfOf(types)
      const hot = warm(btfOf(types))
      for (const { name } of types.slice(0, 16)) {
        const expected = types.flatMap((type, i) => (name !== '' && type.name === name ? [i + 1] : []))
        t.deepEqual(cold.findAll(name), expected)
        t.deepEqual(hot.findAll(name), expected)
      }
    }),
  )
})

test('a name that recurs within one long string costs no more than reading it', t => {
  // Each of the 100,000 places looks like the beginning of a flavour of `a`.
  const btf = Btf.parse(rawBtf([1, 0x07000000, 0], `\0${'a_'.repeat(100_000)}\0`))
  t.is(btf.find('a'), undefined)
  t.deepEqual(btf.findFlavors('a'), [])
  const flavors = Btf.parse(rawBtf([1, 0x07000000, 0], `\0${'a___'.repeat(100_000)}a\0`))
  t.deepEqual(flavors.findFlavors('a'), [])
})

test('typedefs, modifiers and tags are looked through', t => {
  const btf = btfOf([
    int('int', 4),
    { kind: 'typedef', name: 'a', type: 1 },
    { kind: 'const', name: '', type: 2 },
    { kind: 'volatile', name: '', type: 3 },
    { kind: 'restrict', name: '', type: 4 },
    { kind: 'type_tag', name: 'user', type: 5, attribute: false },
    { kind: 'ptr', name: '', type: 6 },
    { kind: 'typedef', name: 'nothing', type: 0 },
  ])
  t.is(btf.resolve(6), 1)
  t.is(btf.resolve(7), 7)
  t.is(btf.resolve(8), 0)
  t.deepEqual(btf.resolved(6), int('int', 4))
  t.deepEqual(btf.resolved(8), { kind: 'void', name: '' })
})

test('sizes', t => {
  const btf = btfOf([
    int('int', 4),
    { kind: 'ptr', name: '', type: 0 },
    struct('s', 24),
    { kind: 'union', name: 'u', size: 16, members: [] },
    { kind: 'enum', name: 'e', size: 1, signed: false, values: [] },
    { kind: 'enum64', name: 'f', size: 8, signed: false, values: [] },
    { kind: 'float', name: 'double', size: 8 },
    { kind: 'datasec', name: '.data', size: 12, variables: [] },
    { kind: 'var', name: 'v', type: 11, linkage: 'static' },
    { kind: 'array', name: '', type: 1, indexType: 1, count: 3 },
    { kind: 'array', name: '', type: 10, indexType: 1, count: 2 },
    { kind: 'array', name: '', type: 3, indexType: 1, count: 0 },
  ])
  t.deepEqual(
    Array.from({ length: 12 }, (_, i) => btf.sizeOf(i + 1)),
    [4, 8, 24, 16, 1, 8, 8, 12, 24, 12, 24, 0],
  )
})

test('types without a size have none', t => {
  const btf = btfOf([
    { kind: 'fwd', name: 'f', of: 'struct' },
    { kind: 'func', name: 'g', type: 3, linkage: 'static' },
    { kind: 'func_proto', name: '', type: 0, params: [] },
    { kind: 'array', name: '', type: 1, indexType: 0, count: 3 },
  ])
  refuses(t, () => btf.sizeOf(0), 'BTF type 0 (void ) has no size (section .BTF, offset 0x18)')
  refuses(t, () => btf.sizeOf(1), 'BTF type 1 (fwd f) has no size (section .BTF, offset 0x18)')
  refuses(t, () => btf.sizeOf(2), 'BTF type 2 (func g) has no size (section .BTF, offset 0x24)')
  refuses(t, () => btf.sizeOf(3), 'BTF type 3 (func_proto ) has no size (section .BTF, offset 0x30)')
  refuses(t, () => btf.sizeOf(4), 'BTF type 1 (fwd f) has no size (section .BTF, offset 0x18)')
})

test('types that refer to themselves are refused when they are looked through', t => {
  const btf = btfOf([
    { kind: 'typedef', name: 'self', type: 1 },
    { kind: 'const', name: '', type: 3 },
    { kind: 'volatile', name: '', type: 2 },
    { kind: 'array', name: '', type: 4, indexType: 0, count: 1 },
    { kind: 'var', name: 'v', type: 5, linkage: 'static' },
  ])
  refuses(t, () => btf.resolve(1), 'BTF type 1 refers to itself (section .BTF, offset 0x18)')
  refuses(t, () => btf.sizeOf(2), 'BTF type 2 refers to itself (section .BTF, offset 0x24)')
  refuses(t, () => btf.sizeOf(4), 'BTF type 4 refers to itself (section .BTF, offset 0x3c)')
  refuses(t, () => btf.sizeOf(5), 'BTF type 5 refers to itself (section .BTF, offset 0x54)')
})

test('sizes that no kernel can have are refused', t => {
  const array = (type: number): BtfType => ({ kind: 'array', name: '', type, indexType: 1, count: 0x10000 })
  const btf = btfOf([
    int('char', 1),
    array(1),
    array(2),
    ...Array.from({ length: 25 }, (_, i) => array(i + 3)),
  ])
  t.is(btf.sizeOf(2), 0x10000)
  refuses(t, () => btf.sizeOf(3), 'BTF type 3 is too large (section .BTF, offset 0x40)')
  refuses(t, () => btf.sizeOf(28), 'BTF type 28 is too large (section .BTF, offset 0x298)')
})

test('ids outside of the types are refused', t => {
  const btf = btfOf([int('int', 4)])
  t.true(btf.has(0) && btf.has(1))
  for (const id of [2, -1, 1.5, Number.NaN, 0xffff_ffff]) {
    t.false(btf.has(id))
    const message = `BTF type id ${id} is outside of 1 to 1 (section .BTF, offset 0x18)`
    for (const act of [() => btf.type(id), () => btf.kind(id), () => btf.name(id), () => btf.sizeOf(id)]) {
      refuses(t, act, message)
    }
  }
})

test('string offsets outside of the section are refused when they are read', t => {
  const btf = Btf.parse(rawBtf([7, 0x07000000, 0], '\0abc\0'), { file: 'x.o' })
  const error = t.throws(() => btf.type(1), { instanceOf: ObjectFileError })
  t.is(error?.message, 'BTF string offset 7 is out of range (x.o, section .BTF, offset 0x2b)')
  t.is(error?.file, 'x.o')
  t.is(btf.string(2), 'bc')
  t.is(btf.string(4), '')
  refuses(
    t,
    () => Btf.parse(rawBtf([])).string(1),
    'BTF string offset 1 is out of range (section .BTF, offset 0x19)',
  )
})

test('long strings may be read again and again, but not overlap without end', t => {
  const long = 'x'.repeat(100_000)
  const btf = Btf.parse(rawBtf([1, 0x07000000, 0], `\0${long}\0`))
  for (let i = 0; i < 100; i++) t.is(btf.string(1), long)
  const ends = Array.from({ length: 7 }, (_, i) => btf.string(i + 2).length)
  t.deepEqual(ends, [99_999, 99_998, 99_997, 99_996, 99_995, 99_994, 99_993])
  refuses(t, () => btf.string(9), 'BTF strings overlap too often (section .BTF, offset 0x2d)')
  t.is(btf.string(99_990).length, 11)
})

test('BTF cut off anywhere is refused', t => {
  const { bytes } = btfOf([int('int', 4), struct('s', 8, member('a', 1, 0), member('b', 1, 32))])
  for (let length = 0; length < bytes.length; length++) {
    t.throws(() => Btf.parse(bytes.subarray(0, length)), {
      instanceOf: ObjectFileError,
      message: /Truncated/,
    })
  }
})

test('types cut off within the section are refused, with their offset', t => {
  refuses(t, () => Btf.parse(rawBtf([0, 0x07000000])), 'Truncated BTF type (section .BTF, offset 0x18)')
  refuses(t, () => Btf.parse(rawBtf([0])), 'Truncated BTF type (section .BTF, offset 0x18)')
  // A struct that says it has three members, after a forward declaration.
  const words = [0, 0x07000000, 0, 0, 0x04000003, 8, 0, 0, 0]
  refuses(t, () => Btf.parse(rawBtf(words)), 'Truncated BTF type (section .BTF, offset 0x24)')
})

test('undefined kinds are refused, with their offset', t => {
  for (const kind of [0, 20, 31, 127]) {
    const why =
      kind === 0
        ? 'only type 0 is of kind 0'
        : 'Linux 7.2 has kinds 1 to 19, so a later release or its tools made it, and it has no layout section, which would say how to skip it'
    for (const flag of [0, 0x8000_0000]) {
      const words = [0, 0x07000000, 0, 0, ((kind << 24) | flag) >>> 0, 0]
      refuses(
        t,
        () => Btf.parse(rawBtf(words)),
        `Unknown BTF kind ${kind} of type 2: ${why} (section .BTF, offset 0x24)`,
      )
    }
  }
})

const headers: [what: string, edit: (view: DataView) => void, message: string, offset: number][] = [
  ['magic', view => view.setUint16(0, 0x9ec0, true), 'Not BTF: wrong magic', 0],
  ['version', view => view.setUint8(2, 2), 'Unknown BTF version 2', 2],
  ['length', view => view.setUint32(4, 23, true), 'BTF header of 23 bytes is too short', 4],
  ['types', view => view.setUint32(12, 17, true), 'BTF type section is not aligned', 8],
  ['alignment', view => view.setUint32(8, 1, true), 'BTF type section is not aligned', 8],
  ['strings', view => view.setUint32(20, 4, true), 'BTF string section does not end with NUL', 40],
  ['no strings', view => view.setUint32(20, 0, true), 'BTF string section does not end with NUL', 40],
  ['first', view => view.setUint8(40, 65), 'BTF string section does not start with the empty string', 40],
  [
    'huge',
    view => view.setUint32(12, 0xffff_fffc, true),
    'Truncated: BTF type section needs 4294967292 bytes at its offset, in a total of 45',
    24,
  ],
  [
    'far',
    view => view.setUint32(16, 0xffff_ffff, true),
    'Truncated: BTF string section needs 5 bytes at its offset, in a total of 45',
    0x1_0000_0017,
  ],
]
for (const [what, edit, reason, offset] of headers) {
  test(`a header with wrong ${what} is refused`, t => {
    const bytes = new Uint8Array(btfOf([int('int', 4)], 'little').bytes)
    edit(new DataView(bytes.buffer))
    const at = `(section .BTF, offset 0x${offset.toString(16)})`
    refuses(t, () => Btf.parse(bytes), `${reason} ${at}`)
  })
}

test('a header longer than the known one is skipped', t => {
  const { bytes } = btfOf([int('int', 4)], 'little')
  const longer = new Uint8Array(bytes.length + 8)
  longer.set(bytes.subarray(0, 24))
  longer.set(bytes.subarray(24), 32)
  new DataView(longer.buffer).setUint32(4, 32, true)
  t.deepEqual(Btf.parse(longer).type(1), int('int', 4))
})

test('any damage gives types, which can be built again, or an ObjectFileError', t => {
  fc.assert(
    fc.property(
      fc.array(anyBtfType, { minLength: 1, maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (types, damage) => {
        const bytes = new Uint8Array(btfOf(types).bytes)
        for (const [at, value] of damage) bytes[at % bytes.length] = value
        try {
          const btf = Btf.parse(bytes)
          BtfBuilder.from(btf).build()
          btf.forEachId(id => {
            btf.find(btf.name(id))
            btf.type(id)
            btf.sizeOf(id)
          })
        } catch (error) {
          t.true(error instanceof ObjectFileError, String(error))
        }
      },
    ),
    { numRuns: 2000 },
  )
})
