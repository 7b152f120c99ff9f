import test from 'ava'
import type { ByteOrder } from '../../../src/base/bytes.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { btfCodec } from '../../../src/btf/codec/codec.ts'
import { dedupBtf } from '../../../src/btf/dedup/dedup.ts'
import { btfKindNumbers } from '../../../src/btf/format.ts'
import { sanitizeBtf } from '../../../src/btf/sanitize.ts'
import { btfToC } from '../../../src/btf/text/c-dump.ts'
import { cDefinition } from '../../../src/btf/text/c-type.ts'
import { typeName } from '../../../src/btf/text/type-name.ts'
import {
  FUTURE_KIND,
  futureBtf,
  futureLayout,
  futureStrings,
  futureWords,
  infoOf,
} from '../../support/btf/future.ts'
import { everything } from '../../support/btf/sanitize.ts'
import { int, struct } from '../../support/btf/types.ts'

const source = { words: futureWords, strings: futureStrings, layout: futureLayout }
const orders: ByteOrder[] = ['little', 'big']

for (const byteOrder of orders) {
  test(`unknown kinds are skipped by the layout section, ${byteOrder}-endian`, t => {
    const btf = Btf.parse(futureBtf({ ...source, byteOrder }))
    t.is(btf.typeCount, 5)
    t.deepEqual(btf.type(2), { kind: 'unknown', name: 'future', number: FUTURE_KIND })
    t.is(btf.kind(2), 'unknown')
    t.is(btf.find('after', 'struct'), 4)
    t.is(btf.sizeOf(4), 24)
    t.is(btf.resolve(2), 2)
    t.throws(() => btf.sizeOf(2), {
      instanceOf: ObjectFileError,
      message: /^BTF type 2 \(unknown future\) has no size/,
    })
  })
}

test('an unknown kind without a layout is named, with the release that has the last known one', t => {
  t.throws(() => Btf.parse(futureBtf({ ...source, layout: undefined }), { file: 'vmlinux' }), {
    instanceOf: ObjectFileError,
    message:
      'Unknown BTF kind 99 of type 2: Linux 7.2 has kinds 1 to 19, so a later release or its tools made it, and it has no layout section, which would say how to skip it (vmlinux, section .BTF, offset 0x28)',
  })
  for (const layout of [{ [FUTURE_KIND - 1]: [8, 8] }, { [FUTURE_KIND]: [6, 8] }] as const) {
    t.throws(() => Btf.parse(futureBtf({ ...source, layout })), {
      message: /and its layout section does not give the size of this kind \(/,
    })
  }
})

test('what a layout says of known kinds changes nothing', t => {
  const btf = Btf.parse(futureBtf({ ...source, layout: { ...futureLayout, [btfKindNumbers.int]: [40, 40] } }))
  t.is(btf.typeCount, 5)
})

test('a layout outside of the bytes is refused', t => {
  const bytes = futureBtf(source)
  const view = new DataView(bytes.buffer)
  for (const [at, value] of [
    [24, 0xffff_fff0],
    [28, 0xffff_fffc],
    [28, 3],
  ] as const) {
    const damaged = bytes.slice()
    new DataView(damaged.buffer).setUint32(at, value, true)
    t.throws(() => Btf.parse(damaged), { instanceOf: ObjectFileError }, `${view.getUint32(at, true)}`)
  }
})

test('split BTF uses the layout of its base', t => {
  const base = Btf.parse(futureBtf(source))
  const words = [5, infoOf(FUTURE_KIND), 0, 1, 2, 1, infoOf(btfKindNumbers.typedef), 5]
  const split = Btf.parse(futureBtf({ words }), { base })
  t.is(split.typeCount, 7)
  t.is(split.kind(5), 'unknown')
})

for (const byteOrder of orders) {
  test(`what is built of it keeps unknown types and the layout, ${byteOrder}-endian`, t => {
    const layout = { ...futureLayout, [FUTURE_KIND - 1]: [4, 0] } as const
    const bytes = futureBtf({ ...source, layout, byteOrder })
    const btf = Btf.parse(bytes)
    t.deepEqual(BtfBuilder.from(btf).build(byteOrder), bytes)
    const other = byteOrder === 'little' ? 'big' : 'little'
    t.deepEqual(BtfBuilder.from(btf).build(other), futureBtf({ ...source, layout, byteOrder: other }))
    const builder = BtfBuilder.from(btf)
    builder.replace(4, struct('changed', 4))
    const changed = Btf.parse(builder.build(byteOrder))
    t.deepEqual([changed.kind(2), changed.name(4)], ['unknown', 'changed'])
  })
}

test('a kernel that refuses it gets known types, and no layout', t => {
  const mended = Btf.parse(sanitizeBtf(Btf.parse(futureBtf(source)), everything).build())
  t.is(mended.layout, undefined)
  t.deepEqual(mended.type(2), { ...int('unknown', 1), bits: 8 })
  t.is(mended.name(4), 'after')
})

test('types that refer to unknown ones are written as C, with their offsets', t => {
  const btf = Btf.parse(futureBtf(source))
  t.is(
    cDefinition(btf, 4).replaceAll('\t', ' '),
    'struct after {\n int int;\n long: 0;\n struct {} future;\n long: 64;\n struct {} *future;\n};',
  )
  t.regex(btfToC(btf), /struct after \{/)
  t.is(typeName(btf, 3), 'future *')
})

test('what must know what a type refers to says that it cannot', t => {
  const btf = Btf.parse(futureBtf(source))
  const expected = { instanceOf: ObjectFileError, message: /BTF type 2: its kind 99 is not known/ }
  t.throws(() => dedupBtf(btf), expected)
  t.throws(() => new BtfBuilder().append(btf), expected)
  t.throws(() => new BtfBuilder().add(btf.type(2)), { instanceOf: TypeError })
  t.throws(() => btfCodec(btf, 4), { instanceOf: ObjectFileError, message: /has no size|unknown/ })
})

test('a type may have more members than 16 bits count, and kinds have 7 bits', t => {
  const count = 70_000
  const values = Array.from({ length: count }, (_, value) => ({ name: 'v', value }))
  const builder = new BtfBuilder()
  builder.add({ kind: 'enum', name: 'large', size: 4, signed: false, values })
  builder.add(int('last', 4))
  const btf = Btf.parse(builder.build())
  const type = btf.type(1)
  t.is(type.kind === 'enum' && type.values.length, count)
  t.is(btf.name(2), 'last')
  // 19 and the bit that was unused.
  t.throws(() => Btf.parse(futureBtf({ words: [0, infoOf(32 + 19), 4] })), {
    message: /^Unknown BTF kind 51 /,
  })
})

test('encodings of integers that no compiler but gcc writes are read', t => {
  const encodings = [0, 1, 2, 3, 4, 5, 8, 15].map(bits => {
    const btf = Btf.parse(
      futureBtf({ words: [1, infoOf(btfKindNumbers.int), 1, bits * 2 ** 24 + 8], strings: 'x\0' }),
    )
    const type = btf.type(1)
    return type.kind === 'int' && type.encoding
  })
  t.deepEqual(encodings, ['unsigned', 'signed', 'char', 'signed', 'bool', 'bool', 'unsigned', 'bool'])
})
