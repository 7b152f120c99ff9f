import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import { array, u8, u64 } from '../../../src/base/codecs.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'
import type { RingHandle } from '../../../src/readers/ring-handle.ts'
import { SharedRingBuffer } from '../../../src/readers/shared-ring/shared-ring-buffer.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import {
  countingProgram,
  createRing,
  outputProgram,
  ringBuffers,
  send,
} from '../../support/readers/ring-programs.ts'
import { bytes, countFds, runInWorker } from '../../support/readers/ring-setup.ts'
import {
  readBatch,
  type SharedRingNotes,
  type SharedRingThreadData,
} from '../../support/readers/shared-ring-thread.ts'
import { wrongHandles } from '../../support/readers/wrong-handles.ts'

const threadScript = new URL('../../support/readers/shared-ring-thread.js', import.meta.url)

async function startReader(handle: RingHandle, notes: SharedRingNotes): Promise<Worker> {
  const worker = new Worker(threadScript, { workerData: { handle, notes } satisfies SharedRingThreadData })
  await once(worker, 'message')
  return worker
}

kernelTest('readers of one ring get each record once', [ringBuffers], async t => {
  using map = createRing()
  using program = outputProgram(map)
  using a = SharedRingBuffer.open(map, { codec: array(u8, 2) })
  using b = SharedRingBuffer.join(a.share(), { codec: array(u8, 2) })
  t.is(a.name, 'events')
  for (let i = 0; i < 100; i++) t.true(send(program, bytes(i, 1)))
  t.is(a.availableBytes, 100 * 16)
  const seen: number[] = []
  const first = a.take()!
  t.is(
    first.read(({ value }) => seen.push(value[0]!)),
    first.length / 16,
  )
  t.is(
    b.drain(({ value }) => seen.push(value[0]!)),
    100 - first.length / 16,
  )
  t.is(a.availableBytes, 100 * 16)
  first.done()
  t.is(a.availableBytes, 0)
  t.deepEqual(
    seen,
    Array.from({ length: 100 }, (_, i) => i),
  )
  const waiting = b.batches().next()
  send(program, bytes(7, 7))
  const { value: batch } = await waiting
  batch!.read(({ value }) => t.deepEqual(value, [7, 7]))
  await t.throwsAsync(b.batches().next(), { code: 'ERR_BUSY' })
  batch!.done()
  for await (const each of b.batches({ signal: AbortSignal.abort() })) t.fail(`${each.number}`)
})

kernelTest('readers are terminated, and no record is lost, torn or seen twice', [ringBuffers], async t => {
  using map = createRing('events', 16 * 4096)
  using counters = BpfMap.create({
    name: 'counters',
    type: 'array',
    keySize: 4,
    valueSize: 16,
    maxEntries: 1,
  })
  using program = countingProgram(map, counters)
  using ring = SharedRingBuffer.open(map)
  const work = { repeat: 20, rounds: 10_000 }
  const total = work.repeat * work.rounds
  const notes: SharedRingNotes = {
    batches: new Int32Array(new SharedArrayBuffer(4 * total)),
    faults: new Int32Array(new SharedArrayBuffer(8)),
  }
  const steady = await startReader(ring.share(), notes)
  let over = false
  const producer = runInWorker(program, work).finally(() => {
    over = true
  })
  let terminated = 0
  while (!over) {
    const worker = await startReader(ring.share(), notes)
    await sleep(1 + (terminated % 7))
    await worker.terminate()
    terminated++
    const batch = ring.take()
    if (batch !== undefined) readBatch(batch, notes)
  }
  await producer
  const ended = once(steady, 'exit')
  steady.postMessage('stop')
  t.deepEqual(await ended, [0])
  for (let batch = ring.take(); batch !== undefined; batch = ring.take()) readBatch(batch, notes)
  t.is(ring.availableBytes, 0)
  const counted = new DataView(counters.get(new Uint8Array(4))!.buffer)
  const [sent, dropped] = [counted.getBigUint64(0, true), counted.getBigUint64(8, true)]
  t.is(sent, BigInt(total))
  const seen = notes.batches.reduce((sum, each) => sum + Number(each !== 0), 0)
  t.is(BigInt(seen) + dropped, sent)
  t.deepEqual([...notes.faults], [0, 0])
  t.true(terminated > 0 && seen > 1000)
  t.log(`${seen} seen, ${dropped} refused, ${terminated} threads terminated`)
})

kernelTest('what cannot be shared is refused, and nothing stays open', [ringBuffers], t => {
  using map = createRing()
  using hash = BpfMap.create({ name: 'counts', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 1 })
  const fds = countFds()
  t.throws(() => SharedRingBuffer.open(hash), { instanceOf: TypeError, message: /type hash, not ringbuf/ })
  t.throws(() => SharedRingBuffer.open(map, { codec: {} as never }), {
    instanceOf: TypeError,
    message: /decode/,
  })
  t.throws(() => SharedRingBuffer.join({} as never), { instanceOf: TypeError, message: /not its handle/ })
  const reader = RingBuffer.open(map)
  t.throws(() => SharedRingBuffer.open(map), { code: 'ERR_BUSY' })
  reader.close()
  const ring = SharedRingBuffer.open(map, { codec: u64 })
  t.throws(() => RingBuffer.open(map), { code: 'ERR_BUSY' })
  const handle = ring.share()
  for (const change of wrongHandles(handle, hash.fd))
    t.throws(
      () => SharedRingBuffer.join({ ...handle, ...change }),
      { instanceOf: TypeError },
      inspect(change),
    )
  t.throws(() => SharedRingBuffer.join({ ...handle, fd: 0 }), { code: 'ERR_NOT_A_MAP' })
  const joined = SharedRingBuffer.join(handle)
  t.throws(() => ring.drain(undefined as never), { instanceOf: TypeError })
  ring.close()
  ring.close()
  t.true(joined.closed)
  t.throws(() => joined.take(), { code: 'ERR_CLOSED' })
  t.throws(() => SharedRingBuffer.join(handle), { code: 'ERR_CLOSED' })
  t.throws(() => ring.share(), { code: 'ERR_CLOSED', message: 'Shared ring buffer events is closed' })
  joined.close()
  t.is(countFds(), fds)
})

kernelTest('closing leaves what was not seen in the map', [ringBuffers], t => {
  using map = createRing()
  using program = outputProgram(map)
  for (let i = 0; i < 3; i++) send(program, bytes(i))
  {
    using ring = SharedRingBuffer.open(map)
    ring.take()!.read(() => {})
  }
  using ring = RingBuffer.open(map)
  const seen: number[] = []
  ring.drain(({ data }) => seen.push(data[0]!))
  t.deepEqual(seen, [0, 1, 2])
})
