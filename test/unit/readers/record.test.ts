import test from 'ava'
import type { Codec } from '../../../src/base/codec.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { RingRecord } from '../../../src/readers/record.ts'

const originOf = <T>(codec: Codec<T, never> | undefined) => ({ name: 'events', codec: () => codec })

/** All bytes of a record. */
const bytes: Codec<number[]> = {
  size: 1,
  encode() {},
  decode: (view, offset, length = 1) => Array.from({ length }, (_, i) => view.getUint8(offset + i)),
}

for (const size of [1, 32, 256, 257, 5000]) {
  test(`records of ${size} bytes are decoded, whatever was decoded between`, t => {
    const records = [1, 2].map(first => new RingRecord(new Uint8Array(size).fill(first), originOf(bytes)))
    for (const round of [1, 2]) {
      for (const [i, record] of records.entries())
        t.deepEqual(record.value, new Array(size).fill(i + 1), `round ${round}`)
    }
  })
}

test('a record is decoded once, when its value is first asked for', t => {
  const record = new RingRecord(Uint8Array.of(1, 2), originOf(bytes))
  record.data[0] = 9
  const { value } = record
  t.deepEqual(value, [9, 2])
  record.data[0] = 1
  t.is(record.value, value)
})

test('a codec may decode another record', t => {
  const nesting: Codec<unknown> = {
    ...bytes,
    decode(view, offset, length) {
      const inner = new RingRecord(Uint8Array.of(7, 8), originOf(bytes))
      return [inner.value, bytes.decode(view, offset, length)]
    },
  }
  for (let round = 0; round < 2; round++)
    t.deepEqual(new RingRecord(Uint8Array.of(1, 2), originOf(nesting)).value, [
      [7, 8],
      [1, 2],
    ])
})

test('a codec that throws leaves the next record whole', t => {
  let fails = true
  const codec: Codec<unknown> = {
    ...bytes,
    decode(view, offset, length) {
      if (fails) throw new RangeError('not now')
      return bytes.decode(view, offset, length)
    },
  }
  const record = new RingRecord(Uint8Array.of(3), originOf(codec))
  t.throws(() => record.value, { instanceOf: RangeError })
  fails = false
  t.deepEqual(record.value, [3])
})

test('a record that is too short for its codec, or has none, is not decoded', t => {
  const short = new RingRecord(new Uint8Array(3), originOf({ ...bytes, size: 4 }))
  t.throws(() => short.value, { instanceOf: BpfError, code: 'ERR_RECORD_SIZE' })
  t.throws(() => new RingRecord(new Uint8Array(3), originOf(undefined)).value, { code: 'ERR_NO_BTF' })
})
