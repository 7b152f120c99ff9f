import test from 'ava'
import fc from 'fast-check'
import { bytes as bytesCodec, u32 } from '../../../src/base/codecs.ts'
import type { PerfRing } from '../../../src/readers/perf/perf-ring.ts'
import { FakePerfRing } from '../../support/readers/fake-perf-ring.ts'

const all = Number.POSITIVE_INFINITY
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** As the kernel pads it. */
const padded = (data: Uint8Array): number[] => {
  const length = Math.ceil((data.length + 4) / 8) * 8 - 4
  return [...data, ...new Uint8Array(length - data.length)]
}

function drain(ring: PerfRing<unknown>, limit = all): number[][] {
  const records: number[][] = []
  ring.drain(record => records.push([...record.data]), limit)
  return records
}

function takeAll(ring: PerfRing<unknown>): number[][] {
  const records: number[][] = []
  for (let record = ring.take(); record !== undefined; record = ring.take()) records.push([...record.data])
  ring.settle()
  return records
}

test('records come in order, padded, and are consumed', t => {
  const fake = new FakePerfRing()
  const sent = [bytes(1, 2, 3), bytes(), bytes(4, 5, 6, 7), bytes(1, 2, 3, 4, 5)]
  for (const each of sent) t.true(fake.output(each))
  t.deepEqual(drain(fake.ring), sent.map(padded))
  t.is(fake.tail, fake.head)
  t.deepEqual(drain(fake.ring), [])
})

test('any sequence of records arrives as it was sent, by drain and take, and losses are counted', t => {
  const step = fc.record({
    data: fc.uint8Array({ maxLength: 700 }),
    read: fc.option(fc.constantFrom('drain', 'take', 'one'), { nil: undefined }),
  })
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 61n - 1n }),
      fc.array(step, { maxLength: 60 }),
      (start, steps) => {
        const fake = new FakePerfRing({ start: start * 8n })
        const sent: number[][] = []
        const received: number[][] = []
        let lost = 0
        for (const { data, read } of steps) {
          if (fake.output(data)) sent.push(padded(data))
          else lost++
          if (read === 'drain') received.push(...drain(fake.ring))
          else if (read === 'take') received.push(...takeAll(fake.ring))
          else if (read === 'one') {
            const record = fake.ring.take()
            if (record !== undefined) received.push([...record.data])
          }
        }
        received.push(...drain(fake.ring))
        if (fake.output(bytes(9))) sent.push(padded(bytes(9)))
        received.push(...takeAll(fake.ring))
        t.deepEqual(received, sent)
        t.is(fake.ring.lost, lost)
        t.is(fake.tail, fake.head)
      },
    ),
  )
})

test('a record that goes round the end is in one piece', t => {
  for (let at = 8; at <= 112; at += 8) {
    const fake = new FakePerfRing({ start: 2n ** 32n - BigInt(at) })
    const data = Uint8Array.from({ length: 100 }, (_, i) => i + 1)
    fake.output(data)
    fake.output(bytes(7))
    const record = fake.ring.take()
    t.deepEqual([...record!.data], [...data])
    t.is(record!.cpu, 3)
    t.deepEqual(drain(fake.ring), [padded(bytes(7))])
  }
})

test('the size of a codec cuts the padding off, and only that', t => {
  const codec = bytesCodec(6)
  const fake = new FakePerfRing({ codec })
  fake.output(bytes(1, 2, 3, 4, 5, 6))
  fake.output(new Uint8Array(40).fill(8))
  t.deepEqual(drain(fake.ring), [[1, 2, 3, 4, 5, 6], new Array(44).fill(8).fill(0, 40)])
  fake.output(bytes(1, 2, 3, 4, 5, 6))
  t.is(fake.ring.take()!.data.length, 6)
})

test('a codec that cannot be made gives bytes, and its error to whoever asks for values', t => {
  const fake = new FakePerfRing()
  fake.output(bytes(1))
  t.throws(() => fake.ring.take()!.value, { code: 'ERR_NO_BTF' })
})

test('the value is decoded from the ring and from what was put together', t => {
  for (const start of [0n, 4096n - 16n]) {
    const fake = new FakePerfRing({ start, codec: u32 })
    fake.output(bytes(1, 0, 0, 0))
    fake.ring.drain(record => t.is(record.value, 1), all)
    t.is(fake.tail, fake.head)
  }
})

test('losses are called back, beyond 32 bits too', t => {
  const losses: unknown[] = []
  const fake = new FakePerfRing({ onLost: (...loss) => losses.push(loss) })
  const record = new Uint8Array(24)
  new DataView(record.buffer).setBigUint64(16, 2n ** 40n + 5n, true)
  fake.write(2, record)
  t.deepEqual(drain(fake.ring), [])
  t.deepEqual(losses, [[3, 2 ** 40 + 5, 'fake']])
  t.is(fake.tail, fake.head)
})

test('records of other types are skipped', t => {
  const fake = new FakePerfRing()
  fake.write(1, new Uint8Array(48))
  fake.output(bytes(1))
  fake.write(5, new Uint8Array(16))
  t.deepEqual(takeAll(fake.ring), [padded(bytes(1))])
  t.is(fake.tail, fake.head)
})

for (const [what, write] of [
  ['no size', fake => fake.write(9, new Uint8Array(16), 0)],
  ['a size beyond the head', fake => fake.write(9, new Uint8Array(16), 4000)],
  ['a size that is not aligned', fake => fake.write(9, new Uint8Array(24), 17)],
  [
    'a sample larger than its record',
    fake => {
      const record = new Uint8Array(16)
      new DataView(record.buffer).setUint32(8, 0xffff_fff0, true)
      fake.write(9, record)
    },
  ],
] satisfies [string, (fake: FakePerfRing) => void][]) {
  test(`${what}: a typed error once, and what comes later is read`, t => {
    for (const read of [drain, takeAll]) {
      const fake = new FakePerfRing()
      fake.output(bytes(1))
      write(fake)
      t.throws(() => read(fake.ring), { code: 'ERR_RECORD_SIZE', message: /damaged on CPU 3/ })
      t.notThrows(() => read(fake.ring))
      fake.ring.settle()
      fake.output(bytes(2))
      t.deepEqual(read(fake.ring).at(-1), padded(bytes(2)))
    }
  })
}

test('a head further away than the ring is long is nothing to read', t => {
  const fake = new FakePerfRing()
  fake.head = 5000n
  t.is(fake.ring.availableBytes, 0)
  t.deepEqual(drain(fake.ring), [])
})

test('a limit leaves the rest, a throwing callback has consumed its record', t => {
  const fake = new FakePerfRing()
  for (let i = 0; i < 5; i++) fake.output(bytes(i))
  t.is(drain(fake.ring, 2).length, 2)
  t.throws(() =>
    fake.ring.drain(() => {
      throw new Error('x')
    }, all),
  )
  t.is(drain(fake.ring).length, 2)
})

test('a closed ring reads nothing and does not move the tail', t => {
  const fake = new FakePerfRing()
  fake.output(bytes(1))
  fake.ring.close()
  t.deepEqual(drain(fake.ring), [])
  t.is(fake.ring.take(), undefined)
  t.is(fake.ring.availableBytes, 0)
  t.is(fake.tail, 0n)
})

test('what is written over is read newest first, each record once, whatever was sent', t => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.uint8Array({ minLength: 1, maxLength: 900 }), { maxLength: 12 }), {
        maxLength: 8,
      }),
      rounds => {
        const fake = new FakePerfRing()
        const ring = fake.backward()
        for (const round of rounds) {
          for (const data of round) fake.prepend(data)
          ring.begin()
          const seen: number[][] = []
          ring.drain(record => seen.push([...record.data]), all)
          // All that fit into the ring whole, from the newest on.
          const expected: number[][] = []
          let room = 4096
          for (const data of [...round].reverse()) {
            room -= Math.ceil((12 + data.length) / 8) * 8
            if (room < 0) break
            expected.push(padded(data))
          }
          t.deepEqual(seen, expected)
        }
      },
    ),
  )
})
