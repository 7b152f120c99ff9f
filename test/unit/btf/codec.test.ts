import test from 'ava'
import type { AlignedCodec } from '../../../src/base/codec.ts'
import { scalarOf } from '../../../src/base/codecs.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { type BtfCodecOptions, btfCodec } from '../../../src/btf/codec/codec.ts'
import type { BtfValue } from '../../../src/btf/codec/value.ts'
import { BtfMaker } from '../../support/btf/maker.ts'

/** Codec of the type that a function makes. */
function codecOf(make: (btf: BtfMaker) => number, options?: BtfCodecOptions): AlignedCodec<BtfValue> {
  const maker = new BtfMaker()
  const id = make(maker)
  return btfCodec(maker.parse(), id, options)
}

/** Encodes in the middle of foreign bytes: all of the value must be written, and nothing else. */
function encoded(codec: AlignedCodec<BtfValue>, value: BtfValue): number[] {
  const target = new Uint8Array(codec.size + 2).fill(0xaa)
  codec.encode(value, new DataView(target.buffer), 1)
  if (target[0] !== 0xaa || target.at(-1) !== 0xaa) throw new Error('wrote outside')
  return [...target.subarray(1, -1)]
}

const decoded = (codec: AlignedCodec<BtfValue>, ...bytes: number[]): BtfValue =>
  codec.decode(new DataView(Uint8Array.from(bytes).buffer), 0, bytes.length)

/** Scalars: the type, a value, and its bytes. */
const scalars: readonly (readonly [
  title: string,
  make: (btf: BtfMaker) => number,
  value: BtfValue,
  bytes: number[],
])[] = [
  ['unsigned char', btf => btf.int('unsigned char', 1), 200, [200]],
  ['signed char', btf => btf.int('signed char', 1, 'signed'), -2, [0xfe]],
  ['unsigned short', btf => btf.int('unsigned short', 2), 0x1234, [0x34, 0x12]],
  ['int', btf => btf.int('int', 4, 'signed'), -2, [0xfe, 0xff, 0xff, 0xff]],
  ['unsigned int', btf => btf.int('unsigned int', 4), 2 ** 32 - 1, [0xff, 0xff, 0xff, 0xff]],
  ['long', btf => btf.int('long', 8, 'signed'), -2n, [0xfe, ...new Array(7).fill(0xff)]],
  ['unsigned long', btf => btf.int('unsigned long', 8), 2n ** 63n, [0, 0, 0, 0, 0, 0, 0, 0x80]],
  ['__int128', btf => btf.int('__int128', 16, 'signed'), -1n, new Array(16).fill(0xff)],
  ['unsigned __int128', btf => btf.int('__u128', 16), 2n ** 127n, [...new Array(15).fill(0), 0x80]],
  ['a pointer', btf => btf.pointer(), 0xffff888000000000n, [0, 0, 0, 0, 0x80, 0x88, 0xff, 0xff]],
  ['bool', btf => btf.int('_Bool', 1, 'bool'), true, [1]],
  ['float', btf => btf.float('float', 4), 1.5, [0, 0, 0xc0, 0x3f]],
  ['double', btf => btf.float('double', 8), -2, [0, 0, 0, 0, 0, 0, 0, 0xc0]],
  ['long double', btf => btf.float('long double', 16), new Uint8Array(16).fill(7), new Array(16).fill(7)],
  ['char[4]', btf => btf.array(btf.int('char', 1, 'signed'), 4), 'abc', [97, 98, 99, 0]],
  ['char[2] without NUL', btf => btf.array(btf.int('c', 1, 'char'), 2), 'ab', [97, 98]],
  ['__u8[3]', btf => btf.array(btf.int('unsigned char', 1), 3), Uint8Array.of(1, 2, 3), [1, 2, 3]],
  ['signed char[2]', btf => btf.array(btf.int('signed char', 1, 'signed'), 2), [-1, 1], [0xff, 1]],
  ['short[2]', btf => btf.array(btf.int('short', 2, 'signed'), 2), [-1, 1], [0xff, 0xff, 1, 0]],
  [
    'short[2][2]',
    btf => btf.array(btf.array(btf.int('short', 2, 'signed'), 2), 2),
    [
      [1, 2],
      [3, 4],
    ],
    [1, 0, 2, 0, 3, 0, 4, 0],
  ],
  ['char[2][3]', btf => btf.array(btf.array(btf.int('char', 1), 3), 2), ['ab', 'c'], [97, 98, 0, 99, 0, 0]],
  ['an enum', btf => btf.enum('state', { OFF: 0, ON: 1 }), 'ON', [1, 0, 0, 0]],
  ['a number without a name in an enum', btf => btf.enum('state', { OFF: 0 }), 7, [7, 0, 0, 0]],
  ['a signed enum', btf => btf.enum('e', { NONE: -1 }, true), 'NONE', [0xff, 0xff, 0xff, 0xff]],
  ['an enum64', btf => btf.enum('e', { BIG: 2n ** 40n }), 'BIG', [0, 0, 0, 0, 0, 1, 0, 0]],
  ['a number in an enum64', btf => btf.enum('e', { BIG: 2n ** 40n }), 5n, [5, 0, 0, 0, 0, 0, 0, 0]],
  ['a typedef', btf => btf.typedef('u8', btf.typedef('__u8', btf.int('unsigned char', 1))), 9, [9]],
  [
    'const volatile',
    btf => {
      const type = btf.builder.add({ kind: 'volatile', name: '', type: btf.int('int', 4, 'signed') })
      return btf.builder.add({ kind: 'const', name: '', type })
    },
    -1,
    [0xff, 0xff, 0xff, 0xff],
  ],
]
for (const [title, make, value, bytes] of scalars) {
  test(`${title} is read and written`, t => {
    const codec = codecOf(make)
    t.is(codec.size, bytes.length)
    t.deepEqual(encoded(codec, value), bytes)
    t.deepEqual(decoded(codec, ...bytes), value)
  })
}

test('an array of bytes is a copy', t => {
  const codec = codecOf(btf => btf.array(btf.int('unsigned char', 1), 2))
  const memory = Uint8Array.of(1, 2)
  const value = codec.decode(new DataView(memory.buffer), 0)
  memory[0] = 9
  t.deepEqual(value, Uint8Array.of(1, 2))
})

test('of several names for one value the first is read, and all are written', t => {
  const codec = codecOf(btf => btf.enum('e', { FIRST: 3, ALIAS: 3 }))
  t.is(decoded(codec, 3, 0, 0, 0), 'FIRST')
  t.deepEqual(encoded(codec, 'ALIAS'), [3, 0, 0, 0])
  t.throws(() => encoded(codec, 'OTHER'), {
    instanceOf: RangeError,
    message: '"OTHER" is not a name of enum e',
  })
})

const point = (btf: BtfMaker): number => {
  const u32 = btf.int('unsigned int', 4)
  return btf.struct('point', 12, ['tag', btf.int('unsigned char', 1), 0], ['x', u32, 4], ['y', u32, 8])
}

test('a struct is an object with its members in order', t => {
  const codec = codecOf(point)
  t.deepEqual({ size: codec.size, align: codec.align }, { size: 12, align: 4 })
  const value = decoded(codec, 1, 0xee, 0xee, 0xee, 2, 0, 0, 0, 3, 0, 0, 0)
  t.deepEqual(Object.entries(value), [
    ['tag', 1],
    ['x', 2],
    ['y', 3],
  ])
  t.is(Object.getPrototypeOf(value), Object.prototype)
})

test('members that are not given, and padding, are zero', t => {
  t.deepEqual(encoded(codecOf(point), { tag: 1, y: 3 }), [1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0])
  t.deepEqual(encoded(codecOf(point), {}), new Array(12).fill(0))
})

test('a packed struct has the alignment of bytes', t => {
  const codec = codecOf(btf =>
    btf.struct('packed', 5, ['tag', btf.int('u8', 1), 0], ['x', btf.int('u32', 4), 1]),
  )
  t.is(codec.align, 1)
  t.deepEqual(encoded(codec, { tag: 1, x: 2 }), [1, 2, 0, 0, 0])
})

test('members of anonymous structs and unions are members of their parent', t => {
  const codec = codecOf(btf => {
    const u16 = btf.int('unsigned short', 2)
    const pair = btf.struct('', 4, ['low', u16, 0], ['high', u16, 2])
    const both = btf.union('', 4, ['whole', btf.int('unsigned int', 4), 0], ['', pair, 0])
    return btf.struct('s', 6, ['first', u16, 0], ['', both, 2])
  })
  t.deepEqual(decoded(codec, 1, 0, 2, 0, 3, 0), { first: 1, whole: 0x30002, low: 2, high: 3 })
  t.deepEqual(encoded(codec, { first: 1, low: 2, high: 3 }), [1, 0, 2, 0, 3, 0])
  t.deepEqual(encoded(codec, { whole: 0x30002 }), [0, 0, 2, 0, 3, 0])
})

const overlay = (btf: BtfMaker): number =>
  btf.struct('s', 4, [
    'u',
    btf.union('overlay', 4, ['number', btf.int('unsigned int', 4), 0], ['low', btf.int('u16', 2), 0]),
    0,
  ])

test('a union has every member, read from the same bytes', t => {
  t.deepEqual(decoded(codecOf(overlay), 1, 2, 3, 4), { u: { number: 0x04030201, low: 0x0201 } })
})

test('one member of a union is given, or several that agree', t => {
  const codec = codecOf(overlay)
  t.deepEqual(encoded(codec, { u: { low: 5 } }), [5, 0, 0, 0])
  t.deepEqual(encoded(codec, { u: { low: 0x0201, number: 0x04030201 } }), [1, 2, 3, 4])
  t.throws(() => encoded(codec, { u: { number: 1, low: 2 } }), {
    instanceOf: TypeError,
    message: 'u: union members number, low contradict each other; give only one of them',
  })
})

test('members of a union may fill what others leave open', t => {
  const codec = codecOf(btf => {
    const u8 = btf.int('unsigned char', 1)
    const first = btf.struct('first', 1, ['a', u8, 0])
    return btf.union('u', 2, ['first', first, 0], ['second', btf.struct('second', 2, ['b', u8, 1]), 0])
  })
  t.deepEqual(encoded(codec, { first: { a: 1 }, second: { b: 2 } }), [1, 2])
})

/** A union of unions of unions, each with two members over the same byte. */
const nestedUnions =
  (depth: number) =>
  (btf: BtfMaker): number => {
    let inner = btf.union('u0', 1, ['flag', btf.int('_Bool', 1, 'bool'), 0], ['number', btf.int('u8', 1), 0])
    for (let i = 1; i <= depth; i++) inner = btf.union(`u${i}`, 1, ['a', inner, 0], ['b', inner, 0])
    return inner
  }

test('unions in unions are written back, and given up when there are too many', t => {
  const few = codecOf(nestedUnions(4))
  t.deepEqual(encoded(few, decoded(few, 2)), [2])

  const many = codecOf(nestedUnions(12))
  const value = decoded(many, 2)
  t.throws(() => encoded(many, value), {
    instanceOf: RangeError,
    message: /too many unions are in each other; give only one member of each$/,
  })
  t.deepEqual(encoded(few, decoded(few, 2)), [2], 'the next value starts anew')
})

test('bitfields up to 32 bits are numbers, above bigints', t => {
  const codec = codecOf(btf => {
    const u64 = btf.int('unsigned long', 8)
    const int = btf.int('int', 4, 'signed')
    return btf.struct('bits', 16, ['a', int, 0, 3], ['b', int, 3, 7], ['c', u64, 10, 40], ['d', u64, 64, 33])
  })
  const value = { a: -4, b: 63, c: 0x8000000001n, d: 2n ** 33n - 1n }
  const bytes = [0xfc, 0x05, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0xff, 0xff, 0xff, 0xff, 0x01, 0, 0, 0]
  t.deepEqual(encoded(codec, value), bytes)
  t.deepEqual(decoded(codec, ...bytes), value)
  t.throws(() => encoded(codec, { a: 4 }), {
    instanceOf: RangeError,
    message: 'a: 4 does not fit 3 signed bits',
  })
  t.deepEqual(encoded(codec, { ...value, c: Number(value.c), d: Number(value.d) }), bytes)
  t.throws(() => encoded(codec, { c: '1' }), {
    instanceOf: TypeError,
    message: 'c: "1" is neither a bigint nor a number',
  })
  t.throws(() => encoded(codec, { c: 2 ** 40 }), {
    instanceOf: RangeError,
    message: 'c: 1099511627776 does not fit 40 unsigned bits',
  })
  t.throws(() => encoded(codec, { b: 1n }), { instanceOf: TypeError, message: 'b: 1n is not a number' })
})

test('a bitfield may be boolean, or have names', t => {
  const codec = codecOf(btf =>
    btf.struct(
      'flags',
      4,
      ['on', btf.int('_Bool', 1, 'bool'), 0, 1],
      ['state', btf.enum('state', { A: 1, B: 2 }), 1, 2],
    ),
  )
  t.deepEqual(decoded(codec, 0b101, 0, 0, 0), { on: true, state: 'B' })
  t.deepEqual(encoded(codec, { on: true, state: 'A' }), [0b011, 0, 0, 0])
})

test('old compilers describe a bitfield by an integer of few bits', t => {
  const codec = codecOf(btf => {
    const narrow = btf.builder.add({
      kind: 'int',
      name: 'int',
      size: 4,
      encoding: 'unsigned',
      bitOffset: 2,
      bits: 5,
    })
    return btf.struct('s', 4, ['field', narrow, 0])
  })
  t.deepEqual(decoded(codec, 0b1101_0100, 0, 0, 0), { field: 0b10101 })
})

for (const [title, element, bytes, expected] of [
  ['numbers', (btf: BtfMaker) => btf.int('u16', 2), [1, 0, 2, 0, 9], [1, 2]],
  ['text', (btf: BtfMaker) => btf.int('char', 1), [97, 98, 0], 'ab'],
  ['bytes', (btf: BtfMaker) => btf.int('unsigned char', 1), [7, 8], Uint8Array.of(7, 8)],
] as const) {
  test(`a flexible array of ${title} is what follows the fixed part`, t => {
    const codec = codecOf(btf =>
      btf.struct('s', 1, ['n', btf.int('u8', 1), 0], ['rest', btf.array(element(btf), 0), 1]),
    )
    t.is(codec.size, 1)
    t.deepEqual(decoded(codec, 5, ...bytes), { n: 5, rest: expected })
    const unknownLength = codec.decode(new DataView(new ArrayBuffer(9)), 0)
    t.deepEqual(
      unknownLength,
      { n: 0, rest: expected.slice(0, 0) },
      'empty when the length of the record is not known',
    )
    t.throws(() => encoded(codec, { rest: expected as BtfValue }), {
      instanceOf: RangeError,
      message: 'rest: a flexible array must be empty, since the size is fixed',
    })
    t.deepEqual(encoded(codec, { n: 1, rest: [] }), [1])
  })
}

test('a variable is its type, a data section a struct of variables', t => {
  const maker = new BtfMaker()
  const u32 = maker.int('unsigned int', 4)
  const count = maker.builder.add({ kind: 'var', name: 'count', type: u32, linkage: 'global' })
  const limit = maker.builder.add({ kind: 'var', name: 'limit', type: u32, linkage: 'static' })
  const variables = [count, limit].map((type, i) => ({ type, offset: i * 8, size: 4 }))
  const section = maker.builder.add({ kind: 'datasec', name: '.bss', size: 0, variables })
  const btf = maker.parse()
  t.is(decoded(btfCodec(btf, count), 1, 0, 0, 0), 1)
  t.deepEqual(encoded(btfCodec(btf, section), { count: 1, limit: 2 }), [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0])
})

test('members may have the names of what objects inherit', t => {
  const codec = codecOf(btf => {
    const u8 = btf.int('u8', 1)
    return btf.struct('s', 2, ['__proto__', u8, 0], ['constructor', u8, 1])
  })
  const value = decoded(codec, 1, 2)
  t.deepEqual(Object.entries(value), [
    ['__proto__', 1],
    ['constructor', 2],
  ])
  t.deepEqual(encoded(codec, value), [1, 2])
  t.deepEqual(encoded(codec, {}), [0, 0])
})

test('errors of values begin with the path of the member', t => {
  const codec = codecOf(btf => {
    const pos = btf.struct(
      'pos',
      4,
      ['x', btf.int('u16', 2), 0],
      ['name', btf.array(btf.int('char', 1), 2), 2],
    )
    return btf.struct('s', 8, ['at', btf.array(pos, 2), 0])
  })
  const refused = (
    value: BtfValue,
    instanceOf: typeof TypeError | typeof RangeError,
    message: string,
  ): void => {
    t.throws(() => encoded(codec, value), { instanceOf, message })
  }
  refused({ at: [{}, { x: 65_536 }] }, RangeError, 'at[1].x: 65536 is not an integer from 0 to 65535 (u16)')
  refused({ at: [{ x: '1' }, {}] }, TypeError, 'at[0].x: "1" is not a number')
  refused({ at: [{ name: 'abc' }, {}] }, RangeError, 'at[0].name: "abc" has 3 bytes, more than 2')
  refused({ at: [{ y: 1 }, {}] }, TypeError, 'at[0].y: no such member')
  refused({ at: [{}] }, RangeError, 'at: 1 elements instead of 2')
  refused({ at: 5 }, TypeError, 'at: 5 is not an array')
  refused({ at: [{}, 5] }, TypeError, 'at[1]: 5 is not an object')
  refused([], TypeError, 'an array of 0 is not an object')
})

/** Types that cannot have values, and why. */
const impossible: readonly (readonly [reason: string, make: (btf: BtfMaker) => number, BtfCodecOptions?])[] =
  [
    ['BTF type 0 (void) has no values', () => 0],
    [
      'BTF type 1 (fwd task) has no values',
      btf => btf.builder.add({ kind: 'fwd', name: 'task', of: 'struct' }),
    ],
    [
      'Member "b" of BTF struct s lies outside of it',
      btf => {
        const u32 = btf.int('u32', 4)
        return btf.struct('s', 6, ['a', u32, 0], ['b', u32, 4])
      },
    ],
    [
      'Anonymous member of BTF struct s lies outside of it',
      btf => btf.struct('s', 2, ['', btf.union('', 4, ['a', btf.int('u32', 4), 0]), 0]),
    ],
    [
      'BTF struct s has two members "a"',
      btf => {
        const u8 = btf.int('u8', 1)
        return btf.struct('s', 2, ['a', u8, 0], ['', btf.struct('', 1, ['a', u8, 0]), 1])
      },
    ],
    [
      'Bitfield "f" of BTF struct s has a type of kind ptr',
      btf => btf.struct('s', 8, ['f', btf.pointer(), 0, 3]),
    ],
    [
      'BTF type 2 consists of more than 99 values',
      btf => btf.array(btf.int('int', 4, 'signed'), 99),
      { maxValues: 99 },
    ],
    ['BTF type 1 nests deeper than 32', btf => btf.struct('s', 4, ['self', 1, 0])],
    ['BTF anonymous struct nests deeper than 32', btf => btf.struct('', 4, ['', 1, 0])],
    [
      'BTF type 4 consists of more than 1048576 values',
      btf => {
        const u16 = btf.int('u16', 2)
        return btf.array(btf.array(btf.array(u16, 1000), 1000), 1000)
      },
    ],
  ]
for (const [reason, make, options] of impossible) {
  test(`no codec: ${reason}`, t => {
    const error = t.throws(() => codecOf(make, options), { instanceOf: ObjectFileError })
    t.is(error?.reason, `Cannot make a codec: ${reason}`)
    t.is(error?.section, '.BTF')
    t.true(error?.offset !== undefined)
  })
}

test('nesting is bounded although each type is built only once', t => {
  const maker = new BtfMaker()
  const ids = [maker.int('u8', 1)]
  for (let i = 0; i < 60; i++) ids.push(maker.struct(`s${i}`, 1, ['m', ids.at(-1)!, 0]))
  const outer = maker.union('outer', 1, ['half', ids[30]!, 0], ['whole', ids[60]!, 0])
  t.throws(() => btfCodec(maker.parse(), outer), {
    instanceOf: ObjectFileError,
    message: /^Cannot make a codec: BTF type \d+ nests deeper than 32 \(section \.BTF, offset 0x340\)$/,
  })
})

test('a type that does not exist has no codec', t => {
  t.throws(() => codecOf(() => 77), { instanceOf: ObjectFileError })
})

const numbers = scalars.filter(
  ([title, , value]) => ['number', 'bigint'].includes(typeof value) && !/128|enum/.test(title),
)
for (const [title, make, value, bytes] of numbers) {
  test(`${title} is one element of a typed array`, t => {
    const scalar = scalarOf(codecOf(make))!
    const memory = new Uint8Array(16)
    const cell = scalar.cell(memory.buffer, 8)
    cell[0] = value
    t.deepEqual([...memory.subarray(8, 8 + bytes.length)], bytes)
    t.is(cell[0], value)
    t.true(Object.is(scalar.checked(value), value))
    t.throws(() => scalar.checked('1'), { instanceOf: TypeError, message: /^"1" is (not|neither) a / })
  })
}

test('only a number that fits a register is an element', t => {
  t.is(scalarOf(codecOf(btf => btf.int('__int128', 16, 'signed'))), undefined)
  t.is(scalarOf(codecOf(btf => btf.array(btf.int('int', 4, 'signed'), 1))), undefined)
})
