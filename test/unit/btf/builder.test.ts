import test from 'ava'
import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'

test('ids count from 1, and types may refer to later ones', t => {
  const builder = new BtfBuilder()
  t.is(builder.typeCount, 1)
  t.is(builder.add({ kind: 'typedef', name: 'later', type: 2 }), 1)
  t.is(builder.add(int('int', 4)), 2)
  t.is(builder.typeCount, 3)
  t.is(Btf.parse(builder.build()).sizeOf(1), 4)
})

test('equal strings are written once', t => {
  const builder = new BtfBuilder()
  const offset = builder.addString('abc')
  t.is(builder.addString('abc'), offset)
  t.is(builder.stringOffset('abc'), offset)
  t.is(builder.stringOffset('no'), undefined)
  t.is(builder.stringOffset(''), 0)
  builder.add(struct('abc', 0))
  t.is(builder.build().length, 24 + 12 + '\0abc\0'.length)
})

test('the bytes are those of the format', t => {
  const builder = new BtfBuilder()
  builder.add(int('i', 4, 'signed'))
  const little = builder.build('little')
  t.is(
    Buffer.from(little).toString('hex'),
    '9feb0100' +
      '18000000' +
      '00000000' +
      '10000000' +
      '10000000' +
      '03000000' + // header
      '01000000' +
      '00000001' +
      '04000000' +
      '20000001' + // int i
      '006900',
  )
  const big = builder.build('big')
  t.is(
    Buffer.from(big).toString('hex'),
    'eb9f0100' +
      '00000018' +
      '00000000' +
      '00000010' +
      '00000010' +
      '00000003' +
      '00000001' +
      '01000000' +
      '00000004' +
      '01000020' +
      '006900',
  )
})

test('building twice gives the same, and more may be added between', t => {
  const builder = new BtfBuilder()
  builder.add(int('int', 4))
  const first = builder.build()
  t.deepEqual(builder.build(), first)
  builder.add(struct('s', 4, member('m', 1, 0)))
  const btf = Btf.parse(builder.build())
  t.deepEqual(btf.type(2), struct('s', 4, member('m', 1, 0)))
})

test('types can be read back and replaced', t => {
  const builder = new BtfBuilder()
  const id = builder.add(int('int', 4))
  builder.replace(id, int('long', 8))
  t.deepEqual(builder.type(id), int('long', 8))
  t.deepEqual(Btf.parse(builder.build()).type(id), int('long', 8))
})

test('only types of its own can be read and replaced', t => {
  const base = btfOf([int('int', 4)])
  const builder = new BtfBuilder({ base })
  builder.add(int('long', 8))
  for (const id of [0, 1, 3, 2.5, Number.NaN]) {
    const message = `BTF type id ${id} is outside of 2 to 2`
    t.throws(() => builder.type(id), { instanceOf: RangeError, message })
    t.throws(() => builder.replace(id, int('x', 1)), { instanceOf: RangeError, message })
  }
})

test('a struct has bitfields in its offsets only when a member is one', t => {
  const far = 0x1_000_000
  const plain = struct('plain', 4, member('a', 1, far))
  t.deepEqual(btfOf([int('int', 4), plain]).type(2), plain)
  const bits = struct('bits', 4, member('a', 1, 0), member('b', 1, 32, 255))
  t.deepEqual(btfOf([int('int', 4), bits]).type(2), bits)
})

test('void cannot be added', t => {
  const builder = new BtfBuilder()
  const none: BtfType = { kind: 'void', name: '' }
  t.throws(() => builder.add(none), {
    instanceOf: TypeError,
    message: 'Cannot add a BTF type: void has id 0',
  })
  builder.add(int('int', 4))
  t.throws(() => builder.replace(1, none), {
    instanceOf: TypeError,
    message: 'Cannot replace a BTF type: void has id 0',
  })
})

const unsigned = { kind: 'enum', name: 'e', size: 4, signed: false } as const
const refused: [BtfType, string][] = [
  [{ ...int('i', 4), bits: 256 }, '(int i): 256 is not an 8-bit number'],
  [{ ...int('i', 4), bitOffset: -1 }, '(int i): -1 is not an 8-bit number'],
  [{ ...int('i', 4), size: 2 ** 32 }, '(int i): 4294967296 is not a 32-bit number'],
  [{ ...int('i', 4), size: 1.5 }, '(int i): 1.5 is not a 32-bit number'],
  [{ kind: 'ptr', name: '', type: -1 }, '(ptr ): -1 is not a 32-bit number'],
  [{ kind: 'ptr', name: '', type: Number.NaN }, '(ptr ): NaN is not a 32-bit number'],
  [
    struct('s', 4, member('m', 1, 0x100_0000), member('b', 1, 0, 1)),
    '(struct s): member m at bit 16777216 is too far away for a struct with bitfields',
  ],
  [struct('s', 4, member('m', 1, -8, 1)), '(struct s): -8 is not a 32-bit number'],
  [struct('s', 4, member('m', 1, 0, 256)), '(struct s): 256 is not an 8-bit number'],
  [
    { ...struct('s', 4), members: new Array(0x100_0000) },
    '(struct s): 16777216 members are more than 16777215',
  ],
  [{ ...unsigned, values: [{ name: 'A', value: 2 ** 32 }] }, '(enum e): 4294967296 is not a 32-bit number'],
  [
    { ...unsigned, values: [{ name: 'A', value: -(2 ** 31) - 1 }] },
    '(enum e): -2147483649 is not a 32-bit number',
  ],
  [
    { ...unsigned, kind: 'enum64', values: [{ name: 'A', value: 1n << 64n }] },
    '(enum64 e): 18446744073709551616 is not a 64-bit number',
  ],
  [
    { kind: 'decl_tag', name: 't', type: 1, component: 2 ** 31, attribute: false },
    '(decl_tag t): 2147483648 is not a 31-bit number',
  ],
  [struct('a\0b', 0), '(struct a\0b): Cannot add "a\\u0000b" to BTF: it contains a NUL'],
]
for (const [type, reason] of refused) {
  test(`what does not fit the format is refused: ${JSON.stringify(reason)}`, t => {
    const builder = new BtfBuilder()
    builder.add(int('int', 4))
    builder.add(type)
    t.throws(() => builder.build(), { instanceOf: RangeError, message: `Cannot encode BTF type 2 ${reason}` })
  })
}

test('an unsigned enum takes negative values, as kernels without signed enums have them', t => {
  const btf = btfOf([{ ...unsigned, values: [{ name: 'A', value: -1 }] }])
  t.deepEqual(btf.type(1), { ...unsigned, values: [{ name: 'A', value: 0xffff_ffff }] })
})

test('types that are not replaced are written as they were, and strings stay where they were', t => {
  const { bytes } = btfOf([int('int', 4), struct('a', 4, member('x', 1, 0)), struct('b', 4)])
  const builder = BtfBuilder.from(Btf.parse(bytes))
  t.deepEqual(builder.build(), bytes)
  builder.replace(3, struct('x', 8))
  t.deepEqual(builder.type(2), struct('a', 4, member('x', 1, 0)))
  const after = Btf.parse(builder.build())
  t.deepEqual(after.type(2), struct('a', 4, member('x', 1, 0)))
  t.deepEqual(after.type(3), struct('x', 8))
  t.is(after.bytes.length, bytes.length)
  t.is(builder.stringOffset('b'), '\0int\0a\0x\0'.length)
  t.is(builder.addString('new'), '\0int\0a\0x\0b\0'.length)
})
