import { spawnSync } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { ExecutionContext } from 'ava'
import { Btf } from '../../src/btf/btf.ts'
import { BtfBuilder } from '../../src/btf/builder.ts'
import { array, cString, struct, u32 } from '../../src/codecs.ts'
import { BpfError } from '../../src/errors.ts'
import { BpfMap } from '../../src/maps/map.ts'
import type { Program } from '../../src/programs/program.ts'
import { RingBuffer, type RingRecord } from '../../src/readers/index.ts'
import { bpf, nr, pageSize, syscallEntry } from '../../src/syscalls/index.ts'
import { kernelTest } from '../support/kernel-test.ts'
import type { ProducerData } from '../support/ring-process.ts'
import {
  CHECKSUM,
  countingProgram,
  createRing,
  discardProgram,
  MAX_RECORD,
  mayGoto,
  outputProgram,
  ringBuffers,
  run,
  send,
  slowProgram,
} from '../support/ring-programs.ts'

const processScript = fileURLToPath(new URL('../support/ring-process.js', import.meta.url))
const BPF_F_RDONLY = 1 << 3
const F_DUPFD_CLOEXEC = 1030
const readerScript = fileURLToPath(new URL('../support/ring-thread.js', import.meta.url))
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** A ring with its reader and a program that writes into it; all closed after the test. */
function setUp(t: ExecutionContext, size?: number): { map: BpfMap; ring: RingBuffer; program: Program } {
  const map = createRing('events', size)
  const program = outputProgram(map)
  const ring = RingBuffer.open(map)
  t.teardown(() => {
    ring.close()
    program.close()
    map.close()
  })
  return { map, ring, program }
}

function drain(ring: RingBuffer, limit?: number): number[][] {
  const records: number[][] = []
  ring.drain(({ data }) => records.push([...data]), limit === undefined ? {} : { limit })
  return records
}

function mappings(): string[] {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter(line => line.includes('bpf-map'))
}

const countFds = (): number => readdirSync('/proc/self/fd').length

/** Runs a program in a thread; settles when the thread has ended. */
async function runInWorker(program: Program, work: Omit<ProducerData, 'fd'>): Promise<void> {
  const fd = syscallEntry().syscall(nr.fcntl, program.fd, F_DUPFD_CLOEXEC, 3)
  const worker = new Worker(processScript, { workerData: { fd, ...work } satisfies ProducerData })
  const [code] = await once(worker, 'exit')
  if (code !== 0) throw new Error(`The producer ended with code ${code}`)
}

kernelTest('records come in order, with their content', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  const sent = [1, 7, 8, 9, 100, MAX_RECORD].map((length, i) => new Uint8Array(length).fill(i + 1))
  for (const data of sent) t.true(send(program, data))
  t.deepEqual(
    drain(ring),
    sent.map(data => [...data]),
  )
  t.deepEqual(drain(ring), [])
  t.deepEqual(ring.maps, ['events'])
})

kernelTest('a small ring wraps around many times', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  const total = 5000
  let written = 0
  let read = 0
  while (read < total) {
    while (written < total) {
      if (!send(program, new Uint8Array(1 + (written % MAX_RECORD)).fill(written))) break
      written++
    }
    ring.drain(({ data }) => {
      const expected = new Uint8Array(1 + (read % MAX_RECORD)).fill(read)
      if (Buffer.compare(data, expected) !== 0) t.fail(`record ${read}`)
      read++
    })
  }
  t.is(read, total)
  t.deepEqual(ring.availableBytes, [0])
})

kernelTest('discarded records are skipped', [ringBuffers], t => {
  const { map, ring, program } = setUp(t)
  using discard = discardProgram(map)
  run(discard)
  send(program, bytes(1))
  run(discard)
  run(discard)
  send(program, bytes(2))
  run(discard)
  t.deepEqual(ring.availableBytes, [4 * 48 + 2 * 16])
  t.deepEqual(drain(ring), [[1], [2]])
  t.deepEqual(ring.availableBytes, [0])
})

kernelTest('a full ring refuses records until it is drained', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  for (let round = 0; round < 3; round++) {
    let sent = 0
    while (send(program, bytes(sent, round))) sent++
    // The kernel never fills it to the last byte.
    t.is(sent, pageSize() / 16 - 1)
    t.false(send(program, bytes(0)))
    const records = drain(ring)
    t.is(records.length, sent)
    t.deepEqual(records[sent - 1], [(sent - 1) & 0xff, round])
  }
})

kernelTest('a limit leaves the rest in the ring', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  for (let i = 0; i < 5; i++) send(program, bytes(i))
  t.deepEqual(drain(ring, 2), [[0], [1]])
  t.deepEqual(ring.availableBytes, [3 * 16])
  t.deepEqual(drain(ring, 10), [[2], [3], [4]])
  for (const limit of [0, -1, 1.5, Number.NaN]) {
    t.throws(() => ring.drain(() => {}, { limit }), {
      instanceOf: RangeError,
      message: `Cannot drain ring buffer events: limit ${limit} is not a positive integer`,
    })
  }
})

kernelTest(
  'several maps are read by one reader, and a busy one does not starve the others',
  [ringBuffers],
  async t => {
    using a = createRing('a')
    using b = createRing('b')
    using sendA = outputProgram(a)
    using sendB = outputProgram(b)
    using ring = RingBuffer.open(new Set([a, b]))
    t.deepEqual(ring.maps, ['a', 'b'])
    const fill = (): void => {
      for (let i = 0; i < 4; i++) send(sendA, bytes(i))
      send(sendB, bytes(9))
    }
    fill()
    const sources: string[] = []
    t.is(
      ring.drain(({ source }) => sources.push(source), { limit: 2 }),
      2,
    )
    t.is(
      ring.drain(({ source }) => sources.push(source), { limit: 2 }),
      2,
    )
    t.deepEqual(sources, ['a', 'a', 'b', 'a'])
    drain(ring)

    fill()
    const iterated: string[] = []
    for await (const { source, data } of ring.records()) {
      iterated.push(`${source}${data[0]}`)
      if (iterated.length === 5) break
    }
    t.is(iterated.indexOf('b9') < 2, true)
    t.deepEqual(
      iterated.filter(each => each.startsWith('a')),
      ['a0', 'a1', 'a2', 'a3'],
    )
  },
)

kernelTest('the record whose callback throws is consumed', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  for (let i = 0; i < 4; i++) send(program, bytes(i))
  const error = new Error('enough')
  const thrown = t.throws(() =>
    ring.drain(({ data }) => {
      if (data[0] === 1) throw error
    }),
  )
  t.is(thrown, error)
  t.deepEqual(drain(ring), [[2], [3]])
})

kernelTest('the callback may close the reader; its view then reads zeros', [ringBuffers], t => {
  const { map, ring, program } = setUp(t)
  for (let i = 1; i < 5; i++) send(program, bytes(i))
  let after: number | undefined
  t.is(
    ring.drain(({ data }) => {
      if (data[0] !== 2) return
      ring.close()
      after = data[0]
    }),
    2,
  )
  t.is(after, 0)
  t.true(ring.closed)
  using again = RingBuffer.open(map)
  t.deepEqual(drain(again), [[3], [4]])
})

kernelTest('the callback cannot read the ring it is called from', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  send(program, bytes(1))
  send(program, bytes(2))
  const nested: Promise<unknown>[] = []
  t.is(
    ring.drain(({ data }) => {
      const before = [...data]
      t.throws(() => ring.drain(() => {}), {
        code: 'ERR_BUSY',
        message: 'Cannot read ring buffer events from the callback of its own drain',
      })
      nested.push(t.throwsAsync(ring.records().next(), { code: 'ERR_BUSY' }))
      t.deepEqual([...data], before)
    }),
    2,
  )
  await Promise.all(nested)
})

kernelTest('a closed reader cannot be used; closing twice does nothing', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  send(program, bytes(1))
  const iterator = ring.records()
  ring.close()
  ring.close()
  t.true(ring.closed)
  const closed = { code: 'ERR_CLOSED', message: 'Ring buffer events is closed' }
  t.throws(() => ring.drain(() => {}), closed)
  t.throws(() => ring.records(), closed)
  t.deepEqual(await iterator.next(), { done: true, value: undefined })
  t.deepEqual(ring.availableBytes, [0])
})

kernelTest('a reader outlives the handle of its map', [ringBuffers], async t => {
  const { map, ring, program } = setUp(t)
  map.close()
  const next = ring.records().next()
  send(program, bytes(3))
  t.deepEqual((await next).value?.data, bytes(3))
})

kernelTest('records waits for records, which stay valid', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  const received: RingRecord[] = []
  const producer = setInterval(() => {
    for (let i = 0; i < 3; i++) send(program, bytes(1, 2, 3))
  }, 5)
  for await (const record of ring.records()) {
    received.push(record)
    if (received.length === 30) break
  }
  clearInterval(producer)
  for (const { data, source } of received) {
    t.deepEqual(data, bytes(1, 2, 3))
    t.is(source, 'events')
  }
})

kernelTest('records that are asked for ahead come in order', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  const iterator = ring.records()
  const asked = Array.from({ length: 5 }, () => iterator.next())
  for (let i = 0; i < 4; i++) send(program, bytes(i))
  const results = await Promise.all(asked.slice(0, 4))
  t.deepEqual(
    results.map(({ value }) => value?.data[0]),
    [0, 1, 2, 3],
  )
  await iterator.return?.()
  t.deepEqual(await asked[4], { done: true, value: undefined })
  send(program, bytes(4))
  t.deepEqual(drain(ring), [[4]])
})

kernelTest('leaving the loop and iterating again loses nothing', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  for (let i = 0; i < 10; i++) send(program, bytes(i))
  const received: (number | undefined)[] = []
  while (received.length < 10) {
    for await (const { data } of ring.records()) {
      received.push(data[0])
      if (received.length % 3 === 0 || received.length === 10) break
    }
  }
  t.deepEqual(received, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

kernelTest('abort ends the iteration without an error', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  const controller = new AbortController()
  send(program, bytes(1))
  const received: (number | undefined)[] = []
  for await (const { data } of ring.records({ signal: controller.signal })) {
    received.push(data[0])
    setTimeout(() => controller.abort(), 10)
  }
  t.deepEqual(received, [1])
  t.deepEqual(getEventListeners(controller.signal, 'abort'), [])
  send(program, bytes(2))
  for await (const _ of ring.records({ signal: controller.signal })) t.fail()
  t.deepEqual(drain(ring), [[2]])
})

kernelTest('closing ends the iteration without an error', [ringBuffers], async t => {
  const { ring } = setUp(t)
  setTimeout(() => ring.close(), 10)
  for await (const _ of ring.records()) t.fail()
  t.true(ring.closed)
})

kernelTest('a ring that never runs dry does not keep timers from running', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  let fired = false
  const timer = setTimeout(() => {
    fired = true
  }, 1)
  send(program, bytes(0))
  let records = 0
  for await (const _ of ring.records()) {
    send(program, bytes(0))
    records++
    if (fired || records === 1e6) break
  }
  clearTimeout(timer)
  t.true(fired)
})

kernelTest('nor does a ring that is asked for one record after the other', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  let turned = false
  setImmediate(() => {
    turned = true
  })
  for (let i = 0; i < 1000 && !turned; i++) {
    send(program, bytes(0))
    await ring.records().next()
  }
  t.true(turned)
})

kernelTest('waiting does not keep the event loop busy', [ringBuffers], async t => {
  const { ring } = setUp(t)
  const iterator = ring.records()
  const next = iterator.next()
  await sleep(20)
  const before = process.cpuUsage()
  await sleep(300)
  const { user, system } = process.cpuUsage(before)
  t.true(user + system < 150_000, `${user + system} µs of CPU in 300 ms`)
  await iterator.return?.()
  t.true((await next).done)
})

kernelTest(
  'a record that is long in the making is waited for without spinning',
  [ringBuffers, mayGoto],
  async t => {
    const { map, ring } = setUp(t)
    using program = slowProgram(map, 150)
    const worker = runInWorker(program, { repeat: 1, rounds: 1 })
    while (ring.availableBytes[0] === 0) await sleep(1)
    t.is(
      ring.drain(() => {}),
      0,
    )
    const before = performance.eventLoopUtilization()
    const { value } = await ring.records().next()
    const { utilization } = performance.eventLoopUtilization(before)
    t.deepEqual(value?.data, bytes(7, 0, 0, 0, 0, 0, 0, 0))
    t.true(utilization < 0.5, `utilization ${utilization}`)
    await worker
  },
)

kernelTest('records are decoded through the codec that was given', [ringBuffers], async t => {
  using map = createRing()
  using program = outputProgram(map)
  const event = struct({ pid: u32, comm: cString(8), rest: array(u32, 2) })
  using ring = RingBuffer.open(map, { codec: event })
  const data = bytes(1, 0, 0, 0, 0x73, 0x68, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0)
  const value = { pid: 1, comm: 'sh', rest: [2, 3] }
  send(program, data)
  send(program, data)
  send(program, data.subarray(0, 19))
  t.is(
    ring.drain(record => t.deepEqual(record.decode(), value), { limit: 1 }),
    1,
  )
  const records = ring.records()
  t.deepEqual((await records.next()).value?.decode(), value)
  const short = (await records.next()).value
  t.throws(() => short?.decode(), {
    code: 'ERR_RECORD_SIZE',
    message: 'Cannot decode a record of map events: it has 19 bytes, its type has 20',
  })
})

kernelTest('records are decoded through the BTF type of the map', [ringBuffers], async t => {
  const builder = new BtfBuilder()
  const int = { kind: 'int', size: 4, encoding: 'unsigned', bitOffset: 0, bits: 32 } as const
  const type = builder.add({ ...int, name: 'u32' })
  const member = { type, bitSize: 0 }
  const valueTypeId = builder.add({
    kind: 'struct',
    name: 'event',
    size: 8,
    members: [
      { ...member, name: 'pid', bitOffset: 0 },
      { ...member, name: 'code', bitOffset: 32 },
    ],
  })
  const btf = Btf.parse(builder.build())
  using map = BpfMap.create({ name: 'events', type: 'ringbuf', maxEntries: pageSize(), btf, valueTypeId })
  using program = outputProgram(map)
  using ring = RingBuffer.open(map)
  for (let i = 0; i < 2; i++) send(program, bytes(1, 0, 0, 0, 2, 0, 0, 0))
  send(program, bytes(1, 0, 0, 0))
  t.is(
    ring.drain(record => t.deepEqual(record.decode(), { pid: 1, code: 2 }), { limit: 1 }),
    1,
  )
  const records = ring.records()
  t.deepEqual((await records.next()).value?.decode(), { pid: 1, code: 2 })
  const short = (await records.next()).value
  t.throws(() => short?.decode(), { code: 'ERR_RECORD_SIZE' })
})

kernelTest('records of a map without BTF are bytes only', [ringBuffers], t => {
  const { map, program } = setUp(t)
  using opened = BpfMap.fromId(map.id)
  using ring = RingBuffer.open(opened)
  send(program, bytes(1))
  ring.drain(record => {
    t.deepEqual([...record.data], [1])
    t.throws(() => record.decode(), {
      code: 'ERR_NO_BTF',
      message: 'Cannot decode a record of map events: there is no BTF of its type and no codec was given',
    })
  })
})

kernelTest('only ring buffers can be opened', [ringBuffers], t => {
  using ring = createRing()
  using hash = BpfMap.create({ name: 'counts', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 1 })
  const message = 'Cannot read map counts: it is of type hash, not ringbuf'
  t.throws(() => RingBuffer.open(hash), { instanceOf: TypeError, message })
  t.throws(() => RingBuffer.open([ring, hash]), { instanceOf: TypeError, message })
  t.throws(() => RingBuffer.open([]), {
    instanceOf: TypeError,
    message: 'Cannot open a ring buffer: no map was given',
  })
  t.deepEqual(mappings(), [])
})

kernelTest('nothing stays mapped when opening fails', [ringBuffers], t => {
  using good = createRing('good')
  using array = BpfMap.create({ name: 'counts', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 })
  const wrong = { fd: array.fd, name: 'wrong', type: 'ringbuf', maxEntries: pageSize() } as const
  const fds = countFds()
  t.throws(() => RingBuffer.open([good, wrong]), {
    instanceOf: BpfError,
    message: /^Cannot open ring buffer wrong: Cannot map \d+ bytes at offset 0: /,
  })
  t.throws(() => RingBuffer.open([good, { ...wrong, maxEntries: 100 }]), {
    instanceOf: RangeError,
    message: /^Cannot open ring buffer wrong: .*not a multiple of the page size/,
  })
  good.close()
  t.throws(() => RingBuffer.open(good), { code: 'ERR_CLOSED' })
  t.deepEqual(mappings(), [])
  t.is(countFds(), fds - 1)
})

kernelTest('a map that may only be read cannot be consumed', [ringBuffers], t => {
  using map = createRing()
  using readOnly = BpfMap.fromFd(bpf('map_get_fd_by_id', { map_id: map.id, open_flags: BPF_F_RDONLY }))
  t.throws(() => RingBuffer.open(readOnly), { code: 'EACCES', message: /^Cannot open ring buffer events: / })
  t.deepEqual(mappings(), [])
})

kernelTest('closing leaves no mapping and no descriptor', [ringBuffers], async t => {
  using map = createRing()
  const fds = countFds()
  const ring = RingBuffer.open(map)
  t.is(mappings().length, 2)
  const next = ring.records().next()
  ring.close()
  t.true((await next).done)
  t.deepEqual(mappings(), [])
  t.is(countFds(), fds)
})

const endings: Record<string, string> = { open: '', close: 'ended\n', break: 'left\n', wait: '5\n' }
for (const [scenario, output] of Object.entries(endings)) {
  kernelTest(`a process ends by itself: ${scenario}`, [ringBuffers], t => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [processScript, scenario], {
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    t.deepEqual({ status, stdout, stderr }, { status: 0, stdout: output, stderr: '' })
  })
}

kernelTest('a thread that waits for records can be terminated', [ringBuffers], async t => {
  using map = createRing()
  using program = outputProgram(map)
  const fds = countFds()
  const worker = new Worker(readerScript, { workerData: map.id })
  await once(worker, 'message')
  const record = once(worker, 'message')
  send(program, bytes(4, 2))
  t.deepEqual(await record, [bytes(4, 2)])
  await worker.terminate()
  t.is(countFds(), fds)
})

/** Checks records of `countingProgram`: whole, and numbers that only grow. */
class Checker {
  received = 0
  wrong = 0
  #last = -1n

  readonly check = (view: DataView, offset: number, length: number): void => {
    this.received++
    const number = view.getBigUint64(offset, true)
    let right = number > this.#last && length === 16 + Number(number & 7n) * 8
    right &&= view.getBigUint64(offset + 8, true) === number * BigInt(CHECKSUM)
    for (let at = 16; right && at < length; at += 8) right = view.getBigUint64(offset + at, true) === number
    if (!right) this.wrong++
    this.#last = number
  }
}

function countersMap(): BpfMap {
  return BpfMap.create({ name: 'counters', type: 'array', keySize: 4, valueSize: 16, maxEntries: 1 })
}

interface Stress {
  ring: RingBuffer
  checker: Checker
}

kernelTest('no wake-up is lost', [ringBuffers], async t => {
  const rounds = 5000
  using map = createRing('events', 256 * 4096)
  using counters = countersMap()
  using program = countingProgram(map, counters)
  using ring = RingBuffer.open(map)
  const checker = new Checker()
  // One record per system call: the reader often runs dry. If it were not woken for the last one, it would wait forever.
  const producer = runInWorker(program, { repeat: 1, rounds })
  for await (const { data } of ring.records()) {
    checker.check(new DataView(data.buffer), 0, data.length)
    if (checker.received === rounds) break
  }
  await producer
  t.is(checker.wrong, 0)
})

/** Writes as fast as possible while `consume` reads; then every record must have been received or refused. */
async function stress(
  t: ExecutionContext,
  work: Omit<ProducerData, 'fd'>,
  consume: (stress: Stress, done: AbortSignal) => Promise<void>,
): Promise<void> {
  using map = createRing('stress', 16 * pageSize())
  using counters = BpfMap.create({
    name: 'counters',
    type: 'array',
    keySize: 4,
    valueSize: 16,
    maxEntries: 1,
  })
  using program = countingProgram(map, counters)
  using ring = RingBuffer.open(map)
  const checker = new Checker()
  const done = new AbortController()
  const producer = runInWorker(program, work).finally(() => done.abort())
  await consume({ ring, checker }, done.signal)
  await producer
  ring.drain(({ view, offset, length }) => checker.check(view, offset, length))
  const counted = new DataView(counters.get(new Uint8Array(4))!.buffer)
  const [sent, dropped] = [counted.getBigUint64(0, true), counted.getBigUint64(8, true)]
  t.is(sent, BigInt(work.repeat * work.rounds))
  t.is(BigInt(checker.received) + dropped, sent)
  t.is(checker.wrong, 0)
  t.true(checker.received > 1000)
  t.log(`${checker.received} received, ${dropped} refused`)
}

kernelTest('drain beside a producer: every record is received whole or was refused', [ringBuffers], t =>
  stress(t, { repeat: 20_000, rounds: 50 }, async ({ ring, checker }, done) => {
    while (!done.aborted) {
      ring.drain(({ view, offset, length }) => checker.check(view, offset, length))
      await turn()
    }
  }),
)

kernelTest('records beside a producer: every record is received whole or was refused', [ringBuffers], t =>
  stress(t, { repeat: 100, rounds: 2000 }, async ({ ring, checker }, signal) => {
    for await (const { data } of ring.records({ signal })) {
      checker.check(new DataView(data.buffer), 0, data.length)
    }
  }),
)
