import { spawnSync } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { ExecutionContext } from 'ava'
import { BpfMap } from '../../../src/maps/map.ts'
import type { RingRecord } from '../../../src/readers/record.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import type { ProducerData } from '../../support/readers/ring-process.ts'
import {
  countingProgram,
  createRing,
  mayGotoInstruction,
  outputProgram,
  ringBuffers,
  send,
  slowProgram,
} from '../../support/readers/ring-programs.ts'
import {
  bytes,
  Checker,
  countFds,
  drain,
  processScript,
  runInWorker,
  setUp,
} from '../../support/readers/ring-setup.ts'

const readerScript = new URL('../../support/readers/ring-thread.js', import.meta.url)

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

/** How often the event loop turned so far: thousands of times in 100 ms when something keeps it busy. */
const turns = (): number => performance.nodeTiming.uvMetricsInfo.loopCount

kernelTest('waiting does not keep the event loop busy', [ringBuffers], async t => {
  const { ring } = setUp(t)
  const iterator = ring.records()
  const next = iterator.next()
  await sleep(20)
  const before = turns()
  await sleep(200)
  t.true(turns() - before < 100, `${turns() - before} turns`)
  await iterator.return?.()
  t.true((await next).done)
})

kernelTest(
  'a record that is long in the making is waited for without spinning',
  [ringBuffers, mayGotoInstruction],
  async t => {
    const { map, ring } = setUp(t)
    using program = slowProgram(map, 150)
    for (;;) {
      const producer = runInWorker(program, { repeat: 1, rounds: 1 })
      while (ring.availableBytes[0] === 0) await sleep(1)
      // The program may have run on this thread's CPU, and be through: then once more.
      const missed = ring.drain(() => {}) > 0
      if (!missed) {
        const before = turns()
        const { value } = await ring.records().next()
        t.deepEqual(value?.data, bytes(7, 0, 0, 0, 0, 0, 0, 0))
        t.true(turns() - before < 100, `${turns() - before} turns`)
      }
      await producer
      if (!missed) break
    }
  },
)

const endings: Record<string, string> = { open: '', close: 'ended\n', break: 'left\n', wait: '5\n' }
for (const [scenario, output] of Object.entries(endings)) {
  kernelTest(`a process ends by itself: ${scenario}`, [ringBuffers], t => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(processScript), scenario], {
      encoding: 'utf8',
      timeout: 300_000,
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
