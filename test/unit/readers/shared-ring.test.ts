import test from 'ava'
import fc from 'fast-check'
import { u32 } from '../../../src/base/codecs.ts'
import type { RingBatch } from '../../../src/readers/shared-ring/ring-batch.ts'
import { CONTROL_BYTES, SharedRing } from '../../../src/readers/shared-ring/shared-ring.ts'
import type { ThreadIdentity } from '../../../src/readers/threads/thread-life.ts'
import { FakeRing } from '../../support/readers/fake-ring.ts'
import { FakeThreads } from '../../support/readers/fake-user-ring.ts'

const all = Number.POSITIVE_INFINITY

/** A ring and its readers, each in a thread of its own. */
class Shared {
  readonly fake: FakeRing
  readonly threads: FakeThreads = new FakeThreads()
  readonly control: SharedArrayBuffer = new SharedArrayBuffer(CONTROL_BYTES)
  #threads = 0

  constructor(options: ConstructorParameters<typeof FakeRing>[0] = {}) {
    this.fake = new FakeRing(options)
  }

  join(): { ring: SharedRing<unknown>; thread: ThreadIdentity } {
    this.threads.now = { tid: 20, start: ++this.#threads }
    const memory = { ...this.fake.memory, control: this.control }
    const origin = { name: 'fake', codec: () => u32 }
    return { ring: new SharedRing<unknown>(memory, origin, this.threads), thread: this.threads.now }
  }

  /** Writes a record that is known by its number; `false` when the ring is full. */
  write(number: number, length = 8): boolean {
    return this.fake.output(record(number, length))
  }
}

function record(number: number, length: number): Uint8Array {
  const data = new Uint8Array(length).fill(number)
  new DataView(data.buffer).setUint32(0, number, true)
  return data
}

/** The numbers of the records in a batch, which must be whole. */
function numbersOf(batch: RingBatch<unknown>): number[] {
  const numbers: number[] = []
  batch.read(({ value, data, length }) => {
    const number = value as number
    if (Buffer.compare(data, record(number, length)) !== 0) throw new Error(`record ${number} is torn`)
    numbers.push(number)
  })
  return numbers
}

test('two readers get different batches, and space is given back in order', t => {
  const shared = new Shared()
  const [a, b] = [shared.join().ring, shared.join().ring]
  for (let i = 0; i < 100; i++) t.true(shared.write(i))
  const start = shared.fake.consumer
  const first = a.take()!
  const second = b.take()!
  t.deepEqual([first.number, second.number], [0, 1])
  const [early, late] = [numbersOf(first), numbersOf(second)]
  t.is(late[0], early.at(-1)! + 1)
  t.throws(() => a.take(), { code: 'ERR_BUSY', message: 'This reader has batch 0 of fake: it is not done' })
  second.done()
  t.is(shared.fake.consumer, start)
  first.done()
  t.is(shared.fake.consumer, start + BigInt(first.length + second.length))
  first.done()
  t.is(shared.fake.consumer, start + BigInt(first.length + second.length))
})

test('drain reads what is there, by one reader or by several', t => {
  const shared = new Shared()
  const [a, b] = [shared.join().ring, shared.join().ring]
  const seen: number[] = []
  let next = 0
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < round % 30; i++) if (shared.write(next, 4 + (next % 50))) next++
    const reader = round % 3 === 0 ? b : a
    reader.drain(({ value }) => seen.push(value as number), all)
    t.is(reader.availableBytes, 0)
  }
  t.deepEqual(
    seen,
    Array.from({ length: next }, (_, i) => i),
  )
})

for (const start of [2n ** 31n - 2048n, 2n ** 32n - 2048n, 2n ** 63n - 2048n, 2n ** 64n - 2048n]) {
  test(`positions count on past ${start + 2048n}`, t => {
    const shared = new Shared({ start })
    const [a, b] = [shared.join().ring, shared.join().ring]
    const seen: number[] = []
    for (let i = 0; i < 600; i++) {
      t.true(shared.write(i))
      const batch = (i % 2 === 0 ? a : b).take()!
      seen.push(...numbersOf(batch))
      batch.done()
    }
    t.is(shared.fake.consumer, BigInt.asUintN(64, start + 600n * 16n))
    t.deepEqual(
      seen,
      Array.from({ length: 600 }, (_, i) => i),
    )
  })
}

test('a batch that was given back, or whose thread ended, is given out again under its number', t => {
  const shared = new Shared()
  const [a, b] = [shared.join(), shared.join()]
  for (let i = 0; i < 40; i++) shared.write(i)
  const first = a.ring.take()!
  const numbers = numbersOf(first)
  first.giveBack()
  const again = b.ring.take()!
  t.is(again.number, first.number)
  t.deepEqual(numbersOf(again), numbers)
  // Ending it a second time does not end the batch of the other.
  first.done()
  t.is(shared.fake.consumer, 0n)
  shared.threads.kill(b.thread)
  const after = a.ring.take()!
  t.is(after.number, again.number)
  t.deepEqual(numbersOf(after), numbers)
  after.done()
  t.is(shared.fake.consumer, BigInt(after.length))
})

test('a thread that ends has done what it said, and nothing else', t => {
  const step = fc.record({
    reader: fc.nat(2),
    writes: fc.nat(30),
    length: fc.integer({ min: 4, max: 200 }),
    act: fc.constantFrom('take', 'done', 'done', 'give back', 'die', 'die in the lock'),
  })
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 61n - 1n }),
      fc.array(step, { maxLength: 80 }),
      (start, steps) => {
        const shared = new Shared({ start: start * 8n })
        const control = new Int32Array(shared.control)
        const readers = Array.from({ length: 3 }, () => ({
          ...shared.join(),
          batch: undefined as RingBatch<unknown> | undefined,
        }))
        let written = 0
        const seen: number[] = []
        const numbers = new Map<number, number[]>()
        const check = (batch: RingBatch<unknown>): void => {
          const found = numbersOf(batch)
          t.deepEqual(numbers.get(batch.number) ?? found, found)
          numbers.set(batch.number, found)
        }
        for (const { reader, writes, length, act } of steps) {
          for (let i = 0; i < writes; i++) if (shared.write(written, length)) written++
          const each = readers[reader]!
          if (act === 'take') {
            each.batch ??= each.ring.take()
            if (each.batch) check(each.batch)
          } else if (act === 'done' && each.batch !== undefined) {
            seen.push(...numbersOf(each.batch))
            each.batch.done()
            each.batch = undefined
          } else if (act === 'give back') {
            each.batch?.giveBack()
            each.batch = undefined
          } else if (act.startsWith('die')) {
            shared.threads.kill(each.thread)
            // An id of this table that is not alive: it holds the lock.
            if (act === 'die in the lock') Atomics.store(control, 0, 2 ** 27)
            readers[reader] = { ...shared.join(), batch: undefined }
          }
        }
        for (const { batch } of readers) batch?.giveBack()
        const { ring } = readers[0]!
        for (let batch = ring.take(); batch !== undefined; batch = ring.take()) {
          check(batch)
          seen.push(...numbersOf(batch))
          batch.done()
        }
        t.deepEqual(
          seen.sort((x, y) => x - y),
          Array.from({ length: written }, (_, i) => i),
        )
        t.is(shared.fake.consumer, shared.fake.producer)
      },
    ),
    // The lock of a dead thread is waited for.
    { numRuns: 60 },
  )
})

test('an error of the callback gives the batch back; closing within it too', t => {
  const shared = new Shared()
  const [a, b] = [shared.join().ring, shared.join().ring]
  for (let i = 0; i < 10; i++) shared.write(i)
  t.throws(() =>
    a.drain(({ value }) => {
      if (value === 3) throw new Error('enough')
    }, all),
  )
  const seen: unknown[] = []
  b.drain(({ value }) => {
    seen.push(value)
    if (value === 5) b.close()
  }, all)
  t.deepEqual(seen, [0, 1, 2, 3, 4, 5])
  t.throws(() => b.take(), { code: 'ERR_CLOSED' })
  const rest: unknown[] = []
  a.drain(({ value }) => rest.push(value), all)
  t.is(rest.length, 10)
})

test('a ring that is closed for all gives out no batch, and none is done', t => {
  const shared = new Shared()
  const [a, b] = [shared.join().ring, shared.join().ring]
  for (let i = 0; i < 10; i++) shared.write(i)
  const batch = a.take()!
  b.closeAll()
  // As when the memory is taken away.
  new Uint8Array(shared.fake.memory.buffer).fill(0)
  t.throws(
    () =>
      batch.read(() => {
        t.fail()
      }),
    {
      code: 'ERR_CLOSED',
      message: 'Shared ring buffer fake is closed',
    },
  )
  t.throws(() => batch.done(), { code: 'ERR_CLOSED' })
  t.throws(() => a.take(), { code: 'ERR_CLOSED' })
  t.throws(() => shared.join(), { code: 'ERR_CLOSED' })
  t.is(a.availableBytes, 0)
})

test('unfinished and discarded records are not given out', t => {
  const shared = new Shared()
  const { ring } = shared.join()
  const first = shared.fake.reserve(record(1, 8))!
  shared.write(2)
  t.is(ring.take(), undefined)
  t.true(ring.stalled)
  first.discard()
  const batch = ring.take()!
  t.deepEqual(numbersOf(batch), [2])
  batch.done()
  t.false(ring.stalled)
})

test('batches that are done wait for an older one, and so do more than the queue holds', t => {
  const shared = new Shared({ size: 1 << 16 })
  const [a, b] = [shared.join().ring, shared.join().ring]
  shared.write(0)
  const oldest = a.take()!
  for (let i = 1; i < 256; i++) {
    shared.write(i)
    const batch = b.take()!
    t.deepEqual(numbersOf(batch), [i])
    batch.done()
  }
  shared.write(256)
  t.is(b.take(), undefined)
  t.is(shared.fake.consumer, 0n)
  oldest.done()
  t.is(shared.fake.consumer, 256n * 16n)
  t.deepEqual(numbersOf(b.take()!), [256])
})
