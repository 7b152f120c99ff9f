import test from 'ava'
import fc from 'fast-check'
import type { Codec, CodecValue } from '../../../src/base/codec.ts'
import {
  array,
  bool,
  bytes,
  copyBytes,
  cString,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/base/codecs.ts'

/** Encodes in the middle of foreign bytes: all of the value must be written, and nothing else. */
function encoded<T, W>(codec: Codec<T, W>, value: W): number[] {
  const target = new Uint8Array(codec.size + 2).fill(0xaa)
  codec.encode(value, new DataView(target.buffer), 1)
  if (target[0] !== 0xaa || target.at(-1) !== 0xaa) throw new Error('wrote outside')
  return [...target.subarray(1, -1)]
}

/** Decodes at an odd offset of shared memory, which is how values come from mapped maps. */
function roundTrip<T, W>(codec: Codec<T, W>, value: W): T {
  const memory = new Uint8Array(new SharedArrayBuffer(codec.size + 1))
  memory.set(encoded(codec, value), 1)
  return codec.decode(new DataView(memory.buffer), 1)
}

/** Well-formed text without NUL, of which any may be a member of a C struct. */
const text = fc.string({ unit: 'grapheme' }).filter(value => !value.includes('\0'))

const integers = [
  { name: 'u8', codec: u8, min: 0, max: 255 },
  { name: 'u16', codec: u16, min: 0, max: 65_535 },
  { name: 'u32', codec: u32, min: 0, max: 4_294_967_295 },
  { name: 'i8', codec: i8, min: -128, max: 127 },
  { name: 'i16', codec: i16, min: -32_768, max: 32_767 },
  { name: 'i32', codec: i32, min: -2_147_483_648, max: 2_147_483_647 },
]
for (const { name, codec, min, max } of integers) {
  test(`${name} round-trips every number in range`, t => {
    fc.assert(fc.property(fc.integer({ min, max }), value => roundTrip(codec, value) === value))
    t.is(roundTrip(codec, min), min)
    t.is(roundTrip(codec, max), max)
    t.is(codec.align, codec.size)
  })

  test(`${name} refuses what does not fit`, t => {
    for (const value of [min - 1, max + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      t.throws(() => encoded(codec, value), {
        instanceOf: RangeError,
        message: `${value} is not an integer from ${min} to ${max} (${name})`,
      })
    }
    t.throws(() => encoded(codec, '1' as never), { instanceOf: TypeError, message: '"1" is not a number' })
    t.throws(() => encoded(codec, 1n as never), { instanceOf: TypeError, message: '1n is not a number' })
  })
}

const wideIntegers = [
  { name: 'u64', codec: u64, min: 0n, max: 2n ** 64n - 1n },
  { name: 'i64', codec: i64, min: -(2n ** 63n), max: 2n ** 63n - 1n },
]
for (const { name, codec, min, max } of wideIntegers) {
  test(`${name} round-trips every bigint in range`, t => {
    fc.assert(fc.property(fc.bigInt({ min, max }), value => roundTrip(codec, value) === value))
    t.is(roundTrip(codec, min), min)
    t.is(roundTrip(codec, max), max)
  })

  test(`${name} refuses what does not fit`, t => {
    for (const value of [min - 1n, max + 1n]) {
      t.throws(() => encoded(codec, value), {
        instanceOf: RangeError,
        message: `${value} does not fit 64 bits (${name})`,
      })
    }
    t.throws(() => encoded(codec, '1' as never), {
      instanceOf: TypeError,
      message: '"1" is neither a bigint nor a number',
    })
  })

  test(`${name} is written from a number that is exact, and from no other`, t => {
    const numbers = fc.maxSafeInteger().filter(value => value >= min)
    fc.assert(fc.property(numbers, value => roundTrip(codec, value) === BigInt(value)))
    for (const value of [0, -0, 2 ** 32, Number.MAX_SAFE_INTEGER])
      t.is(roundTrip(codec, value), BigInt(value))
    t.throws(() => encoded(codec, 2 ** 53), {
      instanceOf: RangeError,
      message: '9007199254740992 is not a safe integer; use a bigint',
    })
    for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      t.throws(() => encoded(codec, value), { instanceOf: RangeError, message: `${value} is not an integer` })
    }
  })
}

test('integers are in host byte order', t => {
  t.deepEqual(encoded(u32, 0x01020304), [...new Uint8Array(Uint32Array.of(0x01020304).buffer)])
  t.deepEqual(encoded(i16, -2), [...new Uint8Array(Int16Array.of(-2).buffer)])
  t.deepEqual(encoded(u64, 0x0102030405060708n), [
    ...new Uint8Array(BigUint64Array.of(0x0102030405060708n).buffer),
  ])
})

test('floats round-trip, rounded to their precision', t => {
  fc.assert(fc.property(fc.double(), value => Object.is(roundTrip(f64, value), value)))
  fc.assert(fc.property(fc.double(), value => Object.is(roundTrip(f32, value), Math.fround(value))))
  t.throws(() => encoded(f32, '1' as never), { instanceOf: TypeError, message: '"1" is not a number' })
  t.throws(() => encoded(f64, undefined as never), {
    instanceOf: TypeError,
    message: 'undefined is not a number',
  })
})

test('bool is one byte, and any byte but zero is true', t => {
  t.deepEqual(encoded(bool, true), [1])
  t.deepEqual(encoded(bool, false), [0])
  t.true(bool.decode(new DataView(Uint8Array.of(7).buffer), 0))
  t.throws(() => encoded(bool, 1 as never), { instanceOf: TypeError, message: '1 is not a boolean' })
})

test('bytes round-trip, short and long', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), value => {
      t.deepEqual(roundTrip(bytes(value.length), value), value)
      t.deepEqual(roundTrip(bytes(value.length), Buffer.from(value)), value)
    }),
  )
  t.throws(() => encoded(bytes(4), new Uint8Array(3)), {
    instanceOf: RangeError,
    message: '3 bytes instead of 4',
  })
  t.throws(() => encoded(bytes(1), [1] as never), {
    instanceOf: TypeError,
    message: 'an array of 1 is not a Uint8Array',
  })
})

for (const size of [4, 64]) {
  test(`${size} bytes are decoded to a copy`, t => {
    const source = new Uint8Array(size)
    const copy = bytes(size).decode(new DataView(source.buffer), 0)
    source[0] = 9
    t.is(copy[0], 0)
  })

  test(`copyBytes of ${size} bytes stays within its view`, t => {
    const view = new DataView(new ArrayBuffer(200), 10, size)
    t.is(copyBytes(view, 0, size).length, size)
    t.throws(() => copyBytes(view, 1, size), {
      instanceOf: RangeError,
      message: `${size} bytes at 1 are not within ${size} bytes`,
    })
  })
}

test('cString round-trips text without NUL', t => {
  fc.assert(
    fc.property(text, fc.nat(5), (value, spare) => {
      t.is(roundTrip(cString(Buffer.byteLength(value) + spare), value), value)
    }),
  )
})

test('cString pads with zeros and may fill the array', t => {
  t.deepEqual(encoded(cString(4), 'ab'), [97, 98, 0, 0])
  t.is(roundTrip(cString(2), 'ab'), 'ab')
  t.is(roundTrip(cString(8), 'é'), 'é')
})

test('cString ends at the first NUL, and shows bytes that are not UTF-8', t => {
  const decode = (...source: number[]): string =>
    cString(source.length).decode(new DataView(Uint8Array.from(source).buffer), 0)
  t.is(decode(97, 0, 98, 99), 'a')
  t.is(decode(97, 0xff, 98, 0), 'a\ufffdb')
})

test('cString refuses what could not be read back', t => {
  const refused = (value: string, message: string): void => {
    t.throws(() => encoded(cString(2), value), { instanceOf: RangeError, message })
  }
  refused('abc', '"abc" has 3 bytes, more than 2')
  refused('éa', '"éa" has 3 bytes, more than 2')
  refused('\0', '"\\u0000" contains a NUL')
  t.throws(() => encoded(cString(2), 1 as never), { instanceOf: TypeError, message: '1 is not a string' })
})

test('array round-trips, nested', t => {
  const codec = array(array(i16, 2), 3)
  const pair = fc.tuple(fc.integer({ min: -32_768, max: 32_767 }), fc.nat(32_767))
  fc.assert(fc.property(fc.tuple(pair, pair, pair), value => t.deepEqual(roundTrip(codec, value), value)))
  t.deepEqual({ size: codec.size, align: codec.align }, { size: 12, align: 2 })
  t.deepEqual(roundTrip(array(u8, 0), []), [])
})

test('array has a fixed length and says which element does not fit', t => {
  const refused = (value: unknown, message: string): void => {
    t.throws(() => encoded(array(array(u8, 2), 1), value as never), { message })
  }
  refused([], '0 elements instead of 1')
  refused({ length: 1 }, 'an object is not an array')
  refused([[1, 256]], '[0][1]: 256 is not an integer from 0 to 255 (u8)')
})

for (const [title, make] of Object.entries({
  cString,
  bytes,
  array: (count: number) => array(u8, count),
})) {
  test(`${title} has a size`, t => {
    for (const size of [-1, 0.5, Number.NaN, 2 ** 53]) {
      t.throws(() => make(size), {
        instanceOf: RangeError,
        message: /^Cannot make a codec: (size of a (char|byte) array|length of an array) is /,
      })
    }
  })
}

test('struct lays its members out as C does, with zeros between', t => {
  const codec = struct({ a: u8, b: u32, c: u16, d: u64, e: u8 })
  t.deepEqual({ size: codec.size, align: codec.align }, { size: 32, align: 8 })
  const value: CodecValue<typeof codec> = { a: 1, b: 2, c: 3, d: 4n, e: 5 }
  t.deepEqual(
    encoded(codec, value),
    [
      [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0],
      [4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0],
    ].flat(),
  )
})

test('a packed struct has no padding', t => {
  const codec = struct({ a: u8, b: u32, c: struct({ d: u64 }, { packed: true }) }, { packed: true })
  t.deepEqual({ size: codec.size, align: codec.align }, { size: 13, align: 1 })
  t.deepEqual(encoded(codec, { a: 1, b: 2, c: { d: 3n } }), [1, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
})

test('struct round-trips', t => {
  const codec = struct({
    pid: u32,
    comm: cString(64),
    flags: array(bool, 3),
    inner: struct({ ns: i64, ratio: f64, tag: bytes(3) }),
  })
  const value = fc.record({
    pid: fc.nat(),
    comm: text.filter(comm => Buffer.byteLength(comm) <= 64),
    flags: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    inner: fc.record({
      ns: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      ratio: fc.double(),
      tag: fc.uint8Array({ minLength: 3, maxLength: 3 }),
    }),
  })
  fc.assert(fc.property(value, each => t.deepEqual(roundTrip(codec, each), { ...each })))
})

test('struct says which member does not fit', t => {
  const codec = struct({ pid: u32, ports: array(struct({ port: u16 }), 2) })
  t.throws(() => encoded(codec, { pid: 1, ports: [{ port: 1 }, { port: 70_000 }] }), {
    instanceOf: RangeError,
    message: 'ports[1].port: 70000 is not an integer from 0 to 65535 (u16)',
  })
  t.throws(() => encoded(codec, { pid: 1 } as never), {
    instanceOf: TypeError,
    message: 'ports: undefined is not an array',
  })
  t.throws(() => encoded(codec, null as never), { instanceOf: TypeError, message: 'null is not an object' })
})

test('struct refuses names that JavaScript treats specially', t => {
  for (const name of ['0', '17', '__proto__']) {
    t.throws(() => struct(Object.fromEntries([[name, u8]])), {
      instanceOf: RangeError,
      message: `Cannot make a struct: a member cannot be called ${name}`,
    })
  }
})
