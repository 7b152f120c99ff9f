import test from 'ava'
import fc from 'fast-check'
import { u32 } from '../../../src/base/codecs.ts'
import type { OverwritingRing } from '../../../src/readers/overwriting-ring.ts'
import { FakeRing } from '../../support/readers/fake-ring.ts'

const all = Number.POSITIVE_INFINITY
const stepOf = (data: readonly number[]): number => 8 + Math.ceil(data.length / 8) * 8

/** A record that is known by its number. */
function numbered(number: number, length = 8): Uint8Array {
  const data = new Uint8Array(length).fill(number)
  new DataView(data.buffer).setUint32(0, number, true)
  return data
}

function drain(ring: OverwritingRing<unknown>, limit = all): number[][] {
  const records: number[][] = []
  ring.drain(({ data }) => records.push([...data]), limit)
  return records
}

function takeAll(ring: OverwritingRing<unknown>): number[][] {
  const records: number[][] = []
  for (let record = ring.take(); record !== undefined; record = ring.take()) records.push([...record.data])
  ring.settle()
  return records
}

test('records that are read in time come all, in order', t => {
  const fake = new FakeRing({ overwrites: true })
  const ring = fake.overwriting
  const sent: number[][] = []
  const received: number[][] = []
  for (let i = 0; i < 300; i++) {
    const data = numbered(i, 4 + (i % 60))
    t.true(fake.output(data))
    sent.push([...data])
    if (i % 5 === 0) received.push(...(i % 2 === 0 ? drain(ring) : takeAll(ring)))
  }
  received.push(...drain(ring))
  t.deepEqual(received, sent)
  t.is(ring.overwrittenBytes, 0)
  t.is(fake.consumer, fake.producer)
})

for (const start of [0n, 2n ** 32n - 4096n, 2n ** 63n - 4096n, 2n ** 64n - 4096n]) {
  test(`the newest records are there, the bytes of the others are counted, from ${start} on`, t => {
    const fake = new FakeRing({ overwrites: true, start })
    const ring = fake.overwriting
    for (let i = 0; i < 10_000; i++) t.true(fake.output(numbered(i)))
    const records = drain(ring)
    const expected = Array.from({ length: records.length }, (_, i) => [
      ...numbered(10_000 - records.length + i),
    ])
    t.deepEqual(records, expected)
    t.is(records.length, 4096 / 16 - 1)
    t.is(ring.overwrittenBytes, (10_000 - records.length) * 16)
    t.is(ring.availableBytes, 0)
    t.is(fake.consumer, fake.producer)
  })
}

test('any sequence of records: what was not overwritten arrives once, in order', t => {
  const step = fc.record({
    data: fc.uint8Array({ maxLength: 900 }),
    end: fc.constantFrom('submit', 'discard', 'later'),
    read: fc.option(fc.constantFrom('drain', 'take', 'one'), { nil: undefined }),
  })
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 61n - 1n }),
      fc.array(step, { maxLength: 80 }),
      (start, steps) => {
        const fake = new FakeRing({ overwrites: true, start: start * 8n })
        const ring = fake.overwriting
        const sent: number[][] = []
        const received: number[][] = []
        let bytes = 0
        let discarded = 0
        let pending: (() => void) | undefined
        for (const { data, end, read } of steps) {
          const reservation = fake.reserve(data)
          if (reservation !== undefined) {
            const step = stepOf([...data])
            bytes += step
            if (end === 'discard') {
              discarded += step
              reservation.discard()
            } else {
              sent.push([...data])
              if (end === 'later' && pending === undefined) pending = () => reservation.submit()
              else reservation.submit()
            }
          }
          if (read === 'drain') received.push(...drain(ring))
          if (read === 'take') received.push(...takeAll(ring))
          if (read === 'one') received.push(...drain(ring, 1))
        }
        pending?.()
        received.push(...drain(ring))
        // In order, and each once: a subsequence.
        let at = 0
        for (const record of received) {
          while (
            at < sent.length &&
            !sent[at]!.every((byte, i) => record[i] === byte && sent[at]!.length === record.length)
          )
            at++
          t.true(at < sent.length)
          at++
        }
        const read = received.reduce((sum, record) => sum + stepOf(record), 0)
        t.true(read + ring.overwrittenBytes <= bytes)
        t.true(read + ring.overwrittenBytes + discarded >= bytes)
        t.is(ring.availableBytes, 0)
      },
    ),
  )
})

test('a record that is being written keeps those behind it', t => {
  const fake = new FakeRing({ overwrites: true })
  const ring = fake.overwriting
  const first = fake.reserve(numbered(1))!
  fake.output(numbered(2))
  t.true(ring.stalled)
  t.is(ring.take(), undefined)
  t.is(ring.availableBytes, 32)
  first.submit()
  t.false(ring.stalled)
  t.deepEqual(drain(ring), [[...numbered(1)], [...numbered(2)]])
  t.false(ring.stalled)
})

test.serial('what is overwritten while it is copied is not given out', t => {
  const fake = new FakeRing({ overwrites: true })
  const ring = fake.overwriting
  fake.output(numbered(1))
  // The fence comes between the copy and the look whether it is whole.
  const store = Atomics.store
  let flooded = false
  t.teardown(() => {
    Atomics.store = store
  })
  Atomics.store = ((...args: Parameters<typeof store>) => {
    if (!flooded) {
      flooded = true
      for (let i = 0; i < 5000; i++) fake.output(numbered(2 + i, 24))
    }
    return store(...args)
  }) as typeof store
  const [first] = drain(ring, 1)
  t.true(flooded)
  const number = new DataView(Uint8Array.from(first!).buffer).getUint32(0, true)
  t.is(number, 5001 - Math.floor(4095 / 32) + 1)
  t.is(ring.overwrittenBytes, 16 + (number - 2) * 32)
})

test('callbacks may close the ring, and throw', t => {
  const fake = new FakeRing({ overwrites: true, codec: u32 })
  const ring = fake.overwriting
  for (let i = 0; i < 4; i++) fake.output(numbered(i))
  t.throws(() =>
    ring.drain(({ value }) => {
      if (value === 1) throw new Error('enough')
    }, all),
  )
  t.is(ring.availableBytes, 32)
  t.is(
    ring.drain(() => ring.close(), all),
    1,
  )
  t.is(ring.take(), undefined)
  t.is(ring.availableBytes, 0)
})
