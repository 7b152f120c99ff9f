import test from 'ava'
import fc from 'fast-check'
import type { Codec } from '../../../src/codec.ts'
import {
  array,
  bool,
  bytes,
  cString,
  lpmKey,
  s8,
  s16,
  s32,
  s64,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/maps/codecs.ts'

function encoded<T>(codec: Codec<T>, value: T): number[] {
  // Every byte is written, so what was there before must not show.
  const target = new Uint8Array(codec.size + 2).fill(0xaa)
  codec.encode(value, new DataView(target.buffer), 1)
  if (target[0] !== 0xaa || target.at(-1) !== 0xaa) throw new Error('wrote outside')
  return [...target.subarray(1, -1)]
}

function roundTrip<T>(codec: Codec<T>, value: T): T {
  return codec.decode(new DataView(Uint8Array.from(encoded(codec, value)).buffer), 0)
}

const integers = { u8, u16, u32, s8, s16, s32 }
for (const [name, codec] of Object.entries(integers)) {
  const signed = name.startsWith('s')
  const bits = codec.size * 8
  const min = signed ? -(2 ** (bits - 1)) : 0
  const max = 2 ** (signed ? bits - 1 : bits) - 1

  test(`${name} round-trips every number in range`, t => {
    fc.assert(fc.property(fc.integer({ min, max }), value => roundTrip(codec, value) === value))
    t.is(roundTrip(codec, min), min)
    t.is(roundTrip(codec, max), max)
  })

  test(`${name} refuses what does not fit`, t => {
    for (const value of [min - 1, max + 1, 0.5, Number.NaN]) {
      t.throws(() => encoded(codec, value), { instanceOf: RangeError, message: `${value} is not a ${name}` })
    }
    t.throws(() => encoded(codec, '1' as never), { instanceOf: TypeError, message: '1 is not a number' })
  })
}

test('64-bit integers round-trip as bigint', t => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => roundTrip(u64, value) === value))
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), value => roundTrip(s64, value) === value))
  t.deepEqual(encoded(u64, 0x0102030405060708n), [8, 7, 6, 5, 4, 3, 2, 1])
})

test('64-bit integers refuse what does not fit', t => {
  t.throws(() => encoded(u64, 2n ** 64n), { instanceOf: RangeError, message: '18446744073709551616 is not a u64' })
  t.throws(() => encoded(u64, -1n), { instanceOf: RangeError })
  t.throws(() => encoded(s64, 2n ** 63n), { instanceOf: RangeError })
  t.throws(() => encoded(u64, 1 as never), { instanceOf: TypeError, message: '1 is not a bigint' })
})

test('bool is one byte, and any byte but zero is true', t => {
  t.deepEqual(encoded(bool, true), [1])
  t.deepEqual(encoded(bool, false), [0])
  t.true(bool.decode(new DataView(Uint8Array.of(7).buffer), 0))
  t.throws(() => encoded(bool, 1 as never), { instanceOf: TypeError })
})

test('bytes round-trip, short and long, and are copied', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), value => {
      t.deepEqual(roundTrip(bytes(value.length), value), value)
    }),
  )
  const source = new Uint8Array(4)
  const copy = bytes(4).decode(new DataView(source.buffer), 0)
  source[0] = 9
  t.is(copy[0], 0)
  t.throws(() => encoded(bytes(4), new Uint8Array(3)), { instanceOf: RangeError, message: '3 bytes are not 4 bytes' })
  t.throws(() => encoded(bytes(1), [1] as never), { instanceOf: TypeError })
})

test('cString pads with zeros and may fill the array', t => {
  t.deepEqual(encoded(cString(4), 'ab'), [97, 98, 0, 0])
  t.is(roundTrip(cString(2), 'ab'), 'ab')
  t.is(roundTrip(cString(8), 'é'), 'é')
  t.throws(() => encoded(cString(2), 'abc'), { instanceOf: RangeError, message: '"abc" has more than 2 bytes' })
  t.throws(() => encoded(cString(2), '\0'), { instanceOf: RangeError })
})

test('array has a fixed length', t => {
  t.deepEqual(encoded(array(u16, 2), [1, 2]), [1, 0, 2, 0])
  t.throws(() => encoded(array(u16, 2), [1]), { instanceOf: RangeError, message: '1 elements are not 2 elements' })
})

test('struct lays its members out as C does, with zeros between', t => {
  const codec = struct({ a: u8, b: u32, c: u16, d: u64, e: u8 })
  t.is(codec.size, 32)
  t.is(codec.align, 8)
  const value = { a: 1, b: 2, c: 3, d: 4n, e: 5 }
  t.deepEqual(encoded(codec, value), [
    ...[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0],
    ...[4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0],
  ])
  t.deepEqual(roundTrip(codec, value), value)
})

test('struct says which member does not fit', t => {
  const codec = struct({ pid: u32, inner: struct({ port: u16 }) })
  t.throws(() => encoded(codec, { pid: 1, inner: { port: 70000 } }), {
    instanceOf: RangeError,
    message: 'inner: port: 70000 is not a u16',
  })
})

test('lpmKey is the prefix length and the address', t => {
  t.deepEqual([...lpmKey(24, Uint8Array.of(10, 0, 1, 0))], [24, 0, 0, 0, 10, 0, 1, 0])
  t.throws(() => lpmKey(33, new Uint8Array(4)), {
    instanceOf: RangeError,
    message: 'Cannot make an LPM trie key: prefix length 33 of 32 bits',
  })
})
