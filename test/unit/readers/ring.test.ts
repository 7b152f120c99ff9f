import test from 'ava'
import fc from 'fast-check'
import { u32 } from '../../../src/base/codecs.ts'
import type { Ring } from '../../../src/readers/ring.ts'
import { FakeRing } from '../../support/readers/fake-ring.ts'

const all = Number.POSITIVE_INFINITY
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** Drains copies. */
function drain(ring: Ring<unknown>, limit = all): number[][] {
  const records: number[][] = []
  ring.drain(record => records.push([...record.data]), limit)
  return records
}

test('records come in order and are consumed', t => {
  const fake = new FakeRing()
  fake.output(bytes(1, 2, 3))
  fake.output(bytes())
  fake.output(bytes(4, 5, 6, 7, 8, 9, 10, 11, 12))
  t.is(fake.ring.availableBytes, 16 + 8 + 24)
  t.deepEqual(drain(fake.ring), [[1, 2, 3], [], [4, 5, 6, 7, 8, 9, 10, 11, 12]])
  t.is(fake.consumer, fake.producer)
  t.is(fake.ring.availableBytes, 0)
  t.deepEqual(drain(fake.ring), [])
})

for (const start of [0n, 2n ** 31n - 4096n, 2n ** 32n - 4096n, 2n ** 53n - 4096n, 2n ** 64n - 4096n]) {
  test(`positions count on past ${start + 4096n}`, t => {
    const fake = new FakeRing({ start })
    let sum = 0n
    for (let i = 0; i < 1000; i++) {
      const record = new Uint8Array(1 + (i % 40)).fill(i)
      t.true(fake.output(record))
      t.deepEqual(drain(fake.ring), [[...record]])
      sum += BigInt(8 + Math.ceil(record.length / 8) * 8)
      t.is(fake.consumer, BigInt.asUintN(64, start + sum))
    }
  })
}

test('any sequence of records arrives as it was sent, wherever the ring started', t => {
  const operation = fc.record({
    data: fc.uint8Array({ maxLength: 600 }),
    discard: fc.boolean(),
    drainAfter: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 61n - 1n }),
      fc.array(operation, { maxLength: 60 }),
      (start, steps) => {
        const fake = new FakeRing({ start: start * 8n })
        const sent: number[][] = []
        const received: number[][] = []
        for (const { data, discard, drainAfter } of steps) {
          const reservation = fake.reserve(data)
          if (discard) reservation?.discard()
          else reservation?.submit()
          if (reservation !== undefined && !discard) sent.push([...data])
          if (drainAfter !== undefined) received.push(...drain(fake.ring, drainAfter))
        }
        received.push(...drain(fake.ring))
        t.deepEqual(received, sent)
        t.is(fake.consumer, fake.producer)
      },
    ),
  )
})

test('a record that wraps around is in one piece', t => {
  const fake = new FakeRing({ start: 4096n - 16n })
  const data = Uint8Array.from({ length: 100 }, (_, i) => i)
  fake.output(data)
  t.deepEqual(drain(fake.ring), [[...data]])
})

test('a record that is being written holds back those after it', t => {
  const fake = new FakeRing()
  fake.output(bytes(1))
  const reservation = fake.reserve(bytes(2))
  fake.output(bytes(3))
  t.false(fake.ring.stalled)
  t.deepEqual(drain(fake.ring), [[1]])
  t.is(fake.consumer, 16n)
  t.true(fake.ring.stalled)
  t.deepEqual(drain(fake.ring), [])
  reservation!.submit()
  t.false(fake.ring.stalled)
  t.deepEqual(drain(fake.ring), [[2], [3]])
  t.false(fake.ring.stalled)
})

test('discarded records are consumed and do not count', t => {
  const fake = new FakeRing()
  fake.reserve(bytes(1))!.discard()
  fake.output(bytes(2))
  fake.reserve(bytes(3))!.discard()
  t.is(
    fake.ring.drain(() => {}, all),
    1,
  )
  t.is(fake.consumer, fake.producer)
})

test('a limit leaves the rest', t => {
  const fake = new FakeRing()
  for (let i = 0; i < 5; i++) fake.output(bytes(i))
  t.deepEqual(drain(fake.ring, 2), [[0], [1]])
  t.is(fake.consumer, 32n)
  t.deepEqual(drain(fake.ring), [[2], [3], [4]])
})

test('a full ring is drained completely', t => {
  const fake = new FakeRing()
  let sent = 0
  while (fake.output(bytes(sent))) sent++
  t.is(sent, 4096 / 16 - 1)
  t.is(fake.ring.availableBytes, 4096 - 16)
  t.is(drain(fake.ring).length, sent)
})

test('a long drain gives space back while it runs, but not that of the current record', t => {
  const fake = new FakeRing()
  while (fake.output(bytes(1)));
  const seen: bigint[] = []
  let read = 0n
  fake.ring.drain(() => {
    t.true(fake.consumer <= read)
    read += 16n
    seen.push(fake.consumer)
  }, all)
  t.deepEqual([...new Set(seen)], [0n, 512n, 1024n, 1536n, 2048n, 2560n, 3072n, 3584n])
})

test('what is written during a drain is for the next one', t => {
  const fake = new FakeRing()
  fake.output(bytes(1))
  t.is(
    fake.ring.drain(() => fake.output(bytes(2)), all),
    1,
  )
  t.deepEqual(drain(fake.ring), [[2]])
})

test('a record whose callback throws is consumed, and those before it', t => {
  const fake = new FakeRing()
  for (let i = 0; i < 4; i++) fake.output(bytes(i))
  const thrown = t.throws(() =>
    fake.ring.drain(({ data }) => {
      if (data[0] === 2) throw new Error('enough')
    }, all),
  )
  t.is(thrown?.message, 'enough')
  t.is(fake.consumer, 48n)
  t.deepEqual(drain(fake.ring), [[3]])
})

test('closing in the callback ends the drain; the current record is consumed', t => {
  const fake = new FakeRing()
  for (let i = 0; i < 4; i++) fake.output(bytes(i))
  t.is(
    fake.ring.drain(() => fake.ring.close(), all),
    1,
  )
  t.is(fake.consumer, 16n)
})

test('there is nothing to read when another reader moved the consumer position', t => {
  for (const wrong of [8n, 2n ** 31n, 2n ** 32n - 8192n]) {
    const fake = new FakeRing()
    fake.consumer = wrong
    t.is(fake.ring.availableBytes, 0)
    t.true(fake.ring.stalled)
    t.deepEqual(drain(fake.ring), [])
    t.is(fake.ring.take(), undefined)
    t.is(fake.consumer, wrong)
  }
})

test('the view is one object over all records', t => {
  const fake = new FakeRing({ codec: u32 })
  fake.output(bytes(1, 0, 0, 0))
  fake.output(bytes(2, 1, 0, 0, 0))
  const views = new Set<object>()
  const read: unknown[] = []
  fake.ring.drain(record => {
    views.add(record).add(record.view)
    t.is(record.data.buffer, record.view.buffer)
    t.is(record.source, 'fake')
    read.push([record.offset, record.length, record.view.getUint8(record.offset), record.value])
  }, all)
  t.is(views.size, 2)
  t.deepEqual(read, [
    [8, 4, 1, 1],
    [24, 5, 2, 258],
  ])
})

test('the space of taken records is given back for several at once, or when asked', t => {
  const fake = new FakeRing({ size: 4096 })
  for (let i = 0; i < 100; i++) t.true(fake.output(new Uint8Array(16).fill(i)))
  t.deepEqual([...fake.ring.take()!.data], Array(16).fill(0))
  t.is(fake.consumer, 0n)
  t.is(fake.ring.availableBytes, 99 * 24)
  fake.ring.settle()
  t.is(fake.consumer, 24n)
  t.is(fake.ring.availableBytes, 99 * 24)
  // An eighth of the ring is never held back.
  for (let i = 1; i < 23; i++) t.is(fake.ring.take()?.data[0], i)
  t.is(fake.consumer, 23n * 24n)
})

test('when there is nothing left to take, all space was given back', t => {
  const fake = new FakeRing()
  fake.output(bytes(1))
  fake.output(bytes(2))
  t.is(fake.ring.take()?.data[0], 1)
  t.is(fake.ring.take()?.data[0], 2)
  t.is(fake.ring.availableBytes, 0)
  t.is(fake.ring.take(), undefined)
  t.is(fake.consumer, fake.producer)
})

test('taking, draining and discarding go on from each other', t => {
  const fake = new FakeRing()
  fake.output(bytes(1))
  fake.reserve(bytes(9))!.discard()
  fake.output(bytes(2))
  const unfinished = fake.reserve(bytes(4))!
  t.is(fake.ring.take()?.data[0], 1)
  t.is(fake.ring.take()?.data[0], 2)
  t.true(fake.ring.stalled)
  t.is(fake.ring.take(), undefined)
  unfinished.submit()
  t.false(fake.ring.stalled)
  fake.output(bytes(5))
  t.is(fake.ring.take()?.data[0], 4)
  t.deepEqual(drain(fake.ring), [[5]])
  t.is(fake.ring.take(), undefined)
  t.is(fake.consumer, fake.producer)
})

test('a closed ring gives nothing more, and keeps the space of what was taken', t => {
  const fake = new FakeRing()
  fake.output(bytes(1))
  fake.output(bytes(2))
  fake.ring.take()
  fake.ring.close()
  t.is(fake.ring.take(), undefined)
  t.is(fake.consumer, 16n)
})

test('a taken record is a copy', t => {
  const fake = new FakeRing({ codec: u32 })
  fake.output(bytes(1, 0, 0, 0))
  const record = fake.ring.take()!
  while (fake.output(bytes(9, 9, 9, 9)));
  t.deepEqual(record.data, bytes(1, 0, 0, 0))
  t.is(record.value, 1)
  t.is(record.source, 'fake')
})

test('a record that is too short for its codec is an error, also where more data follows in the ring', t => {
  const fake = new FakeRing({ codec: u32 })
  fake.output(bytes(1, 2, 3))
  fake.output(bytes(1, 2))
  const expected = { code: 'ERR_RECORD_SIZE', message: /map fake: it has 3 bytes, its type has 4/ }
  fake.ring.drain(record => t.throws(() => record.value, expected), 1)
  t.throws(() => fake.ring.take()!.value, {
    code: 'ERR_RECORD_SIZE',
    message: 'Cannot decode a record of map fake: it has 2 bytes, its type has 4',
  })
})

test('without a codec a record cannot be decoded', t => {
  const fake = new FakeRing()
  fake.output(bytes(1))
  t.throws(() => fake.ring.take()!.value, { code: 'ERR_NO_BTF' })
})
