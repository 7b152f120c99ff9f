import test from 'ava'
import type { Codec } from '../../../src/base/codec.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { RingRecord } from '../../../src/readers/record.ts'

const sourceOf = (codec: Codec<unknown> | undefined) => ({ name: 'events', codec: () => codec })

/** All bytes of a record. */
const bytes: Codec<number[]> = {
  size: 1,
  encode() {},
  decode: (view, offset, length = 1) => Array.from({ length }, (_, i) => view.getUint8(offset + i)),
}

for (const size of [1, 32, 256, 257, 5000]) {
  test(`records of ${size} bytes are decoded, each as often as wanted`, t => {
    const records = [1, 2].map(first => new RingRecord(new Uint8Array(size).fill(first), sourceOf(bytes)))
    for (const round of [1, 2]) {
      for (const [i, record] of records.entries())
        t.deepEqual(record.decode(), new Array(size).fill(i + 1), `round ${round}`)
    }
  })
}

test('what is decoded is what the bytes are now', t => {
  const record = new RingRecord(Uint8Array.of(1, 2), sourceOf(bytes))
  t.deepEqual(record.decode(), [1, 2])
  record.data[0] = 9
  t.deepEqual(record.decode(), [9, 2])
})

test('a codec may decode another record', t => {
  const inner = new RingRecord(Uint8Array.of(7, 8), sourceOf(bytes))
  const nesting: Codec<unknown> = {
    ...bytes,
    decode: (view, offset, length) => [inner.decode(), bytes.decode(view, offset, length)],
  }
  const outer = new RingRecord(Uint8Array.of(1, 2), sourceOf(nesting))
  for (let round = 0; round < 2; round++)
    t.deepEqual(outer.decode(), [
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
  const record = new RingRecord(Uint8Array.of(3), sourceOf(codec))
  t.throws(() => record.decode(), { instanceOf: RangeError })
  fails = false
  t.deepEqual(record.decode(), [3])
})

test('a record that is too short for its codec, or has none, is not decoded', t => {
  const short = new RingRecord(new Uint8Array(3), sourceOf({ ...bytes, size: 4 }))
  t.throws(() => short.decode(), { instanceOf: BpfError, code: 'ERR_RECORD_SIZE' })
  t.throws(() => new RingRecord(new Uint8Array(3), sourceOf(undefined)).decode(), { code: 'ERR_NO_BTF' })
})
