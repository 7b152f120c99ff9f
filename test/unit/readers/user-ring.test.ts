import test from 'ava'
import fc from 'fast-check'
import { FULL, type UserRing } from '../../../src/readers/user-ring/user-ring.ts'
import { FakeUserRing } from '../../support/readers/fake-user-ring.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** Reserves a record and fills it in; `undefined` when the ring is full. */
function reserve(
  fake: FakeUserRing,
  ring: UserRing,
  data: Uint8Array,
): ((discard: boolean) => boolean) | undefined {
  const offset = ring.reserve(data.length)
  if (offset === FULL) return undefined
  fake.fill(offset, data)
  return discard => ring.finish(offset, data.length, discard)
}

function send(fake: FakeUserRing, ring: UserRing, data: Uint8Array): boolean {
  return reserve(fake, ring, data)?.(false) === true
}

test('records arrive in the order in which they were reserved', t => {
  const fake = new FakeUserRing()
  const { ring } = fake.join()
  const first = reserve(fake, ring, bytes(1))!
  const second = reserve(fake, ring, bytes(2, 2))!
  const third = reserve(fake, ring, bytes(3))!
  t.true(second(false))
  t.deepEqual(fake.drain(), [])
  t.true(third(true))
  t.true(first(false))
  t.deepEqual(fake.drain(), [[1], [2, 2]])
  t.is(ring.usedBytes, 0)
})

test('a record is finished once', t => {
  const fake = new FakeUserRing()
  const { ring } = fake.join()
  const finish = reserve(fake, ring, bytes(1))!
  t.true(finish(false))
  t.false(finish(true))
  t.deepEqual(fake.drain(), [[1]])
})

test('a ring takes as many bytes as it has', t => {
  const fake = new FakeUserRing()
  const { ring } = fake.join()
  let sent = 0
  while (send(fake, ring, bytes(sent))) sent++
  t.is(sent, 4096 / 16)
  t.is(ring.usedBytes, 4096)
  t.is(fake.drain().length, sent)
  t.true(send(fake, ring, new Uint8Array(4096 - 8)))
  t.is(ring.reserve(0), FULL)
})

for (const start of [
  2n ** 31n - 4096n,
  2n ** 32n - 4096n,
  2n ** 53n - 4096n,
  2n ** 63n - 4096n,
  2n ** 64n - 4096n,
]) {
  test(`positions count on past ${start + 4096n}`, t => {
    const fake = new FakeUserRing({ start })
    const { ring } = fake.join()
    let sum = 0n
    for (let i = 0; i < 1000; i++) {
      const record = new Uint8Array(1 + (i % 40)).fill(i)
      t.true(send(fake, ring, record))
      t.deepEqual(fake.drain(), [[...record]])
      sum += BigInt(8 + Math.ceil(record.length / 8) * 8)
      t.is(fake.producer, BigInt.asUintN(64, start + sum))
    }
  })
}

test('any sequence of producers, records and deaths gives the kernel what was submitted', t => {
  const step = fc.record({
    producer: fc.nat(3),
    data: fc.uint8Array({ maxLength: 300 }),
    fate: fc.constantFrom('submit', 'discard', 'keep', 'die'),
    drain: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 61n - 1n }),
      fc.array(step, { maxLength: 60 }),
      (start, steps) => {
        const fake = new FakeUserRing({ start: start * 8n })
        const producers = Array.from({ length: 4 }, () => ({ ...fake.join(), open: [] as (() => void)[] }))
        /** Records in order, each with what became of it. */
        const all: { data: number[]; state: 'open' | 'submitted' | 'discarded'; by: number }[] = []
        const received: number[][] = []
        for (const { producer, data, fate, drain } of steps) {
          const { ring, thread, open } = producers[producer]!
          const finish = reserve(fake, ring, data)
          if (finish !== undefined) {
            const record: (typeof all)[number] = { data: [...data], state: 'open', by: producer }
            all.push(record)
            const submit = (): void => {
              if (finish(false)) record.state = 'submitted'
            }
            if (fate === 'submit') submit()
            else if (fate === 'keep') open.push(submit)
            else if (fate === 'discard' && finish(true)) record.state = 'discarded'
          }
          if (fate === 'die') {
            fake.threads.kill(thread)
            for (const each of all)
              if (each.by === producer && each.state === 'open') each.state = 'discarded'
            producers[producer] = { ...fake.join(), open: [] }
          }
          if (drain) received.push(...fake.drain())
        }
        const survivor = producers[0]!
        survivor.ring.recover()
        for (const { open } of producers) for (const submit of open) submit()
        received.push(...fake.drain())
        t.deepEqual(
          received,
          all.filter(({ state }) => state === 'submitted').map(({ data }) => data),
        )
        t.is(survivor.ring.usedBytes, 0)
      },
    ),
  )
})

test('what a thread had reserved when it ended is discarded by who finds the ring full', t => {
  const fake = new FakeUserRing()
  const dying = fake.join()
  const { ring } = fake.join()
  t.not(dying.ring.reserve(100), FULL)
  let sent = 0
  while (send(fake, ring, bytes(sent))) sent++
  t.deepEqual(fake.drain(), [])
  t.false(send(fake, ring, bytes(0)))
  t.deepEqual(fake.drain(), [])
  fake.threads.kill(dying.thread)
  t.false(send(fake, ring, bytes(0)))
  t.is(fake.drain().length, sent)
  t.true(send(fake, ring, bytes(0)))
})

test('a thread that ends within the lock does not keep it', t => {
  const fake = new FakeUserRing()
  const dying = fake.join()
  const { ring } = fake.join()
  // The first word of the control memory is the holder: the one that is ending has it.
  const control = new Int32Array(fake.memory.control)
  t.true(send(fake, dying.ring, bytes(1)))
  dying.ring.reserve(8)
  const header = new DataView(fake.memory.buffer).getInt32(8192 + 16 + 4, true)
  Atomics.store(control, 0, header)
  fake.threads.kill(dying.thread)
  t.true(send(fake, ring, bytes(2)))
  t.is(ring.recover(), 1)
  t.deepEqual(fake.drain(), [[1], [2]])
})

test('the place of a thread that ended is taken by another, which is told from it', t => {
  const fake = new FakeUserRing()
  const { ring } = fake.join()
  for (let i = 0; i < 200; i++) {
    const { ring: dying, thread } = fake.join()
    t.not(dying.reserve(1), FULL)
    fake.threads.kill(thread)
    const next = fake.join()
    t.is(next.ring.recover(), 1)
    next.ring.leave()
    t.is(ring.recover(), 0)
    fake.drain()
  }
})

test('no more than 64 producers join at one time', t => {
  const fake = new FakeUserRing()
  const joined = Array.from({ length: 64 }, () => fake.join())
  t.throws(() => fake.join(), { code: 'ERR_BUSY', message: '64 threads share it already' })
  joined[5]!.ring.leave()
  t.notThrows(() => fake.join())
})

test('closing discards what is reserved, and ends all producers', t => {
  const fake = new FakeUserRing()
  const [a, b] = [fake.join().ring, fake.join().ring]
  const finish = reserve(fake, a, bytes(1))!
  t.true(send(fake, b, bytes(2)))
  b.close()
  t.false(finish(false))
  t.throws(() => a.reserve(8), { code: 'ERR_CLOSED', message: 'User ring buffer fake is closed' })
  t.throws(() => fake.join(), { code: 'ERR_CLOSED' })
  t.deepEqual(fake.drain(), [[2]])
})

test('positions that another process has moved lead to no read outside the ring', t => {
  for (const producer of [5n, 8n, 4096n, 8192n, 2n ** 40n, 2n ** 64n - 8n]) {
    const fake = new FakeUserRing()
    const { ring } = fake.join()
    const view = new DataView(fake.memory.buffer)
    for (let at = 0; at < 4096; at += 4) view.setUint32(8192 + at, 0xbfff_ffff, true)
    view.setBigUint64(4096, producer, true)
    t.notThrows(() => ring.recover())
    t.notThrows(() => ring.reserve(8))
  }
})
