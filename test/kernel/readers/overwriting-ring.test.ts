import { setImmediate as turn } from 'node:timers/promises'
import { BPF_F_RB_OVERWRITE } from '../../../src/abi/generated/flags.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { overwritingRings } from '../../support/maps/features.ts'
import { countingProgram, outputProgram, send } from '../../support/readers/ring-programs.ts'
import { bytes, Checker, drain, runInWorker } from '../../support/readers/ring-setup.ts'

const createOverwriting = (): BpfMap =>
  BpfMap.create({ name: 'events', type: 'ringbuf', maxEntries: pageSize(), flags: BPF_F_RB_OVERWRITE })

kernelTest('a ring that overwrites has the newest records, and counts the others', [overwritingRings], t => {
  using map = createOverwriting()
  using program = outputProgram(map)
  using ring = RingBuffer.open(map)
  for (let i = 0; i < 1000; i++) t.true(send(program, bytes(i & 0xff, i >>> 8)))
  const kept = pageSize() / 16 - 1
  t.deepEqual(ring.availableBytes, [kept * 16])
  const records = drain(ring)
  t.is(records.length, kept)
  t.deepEqual(records[0], [(1000 - kept) & 0xff, (1000 - kept) >>> 8])
  t.deepEqual(records.at(-1), [999 & 0xff, 999 >>> 8])
  t.deepEqual(ring.overwrittenBytes, [(1000 - kept) * 16])
  t.deepEqual(drain(ring), [])
})

kernelTest('records of a ring that overwrites are waited for', [overwritingRings], async t => {
  using map = createOverwriting()
  using program = outputProgram(map)
  using ring = RingBuffer.open(map)
  const records = ring.records()
  for (let i = 0; i < 20; i++) {
    const next = records.next()
    if (i % 2 === 0) await turn()
    t.true(send(program, bytes(i)))
    t.deepEqual((await next).value?.data, bytes(i))
  }
  t.deepEqual(ring.overwrittenBytes, [0])
})

kernelTest(
  'beside a producer every record is whole, and the rest is counted',
  [overwritingRings],
  async t => {
    using map = createOverwriting()
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
    const rounds = 40
    const repeat = 1000
    const producer = runInWorker(program, { repeat, rounds }).finally(() => done.abort())
    while (!done.signal.aborted) {
      ring.drain(({ view, offset, length }) => checker.check(view, offset, length))
      await turn()
    }
    await producer
    ring.drain(({ view, offset, length }) => checker.check(view, offset, length))
    const counted = new DataView(counters.get(new Uint8Array(4))!.buffer)
    t.is(counted.getBigUint64(0, true), BigInt(repeat * rounds))
    // Nothing was refused: a program never holds a record for as long as a round takes.
    t.is(counted.getBigUint64(8, true), 0n)
    t.is(checker.wrong, 0)
    t.true(checker.received > 0)
    // A record has 16 + (number & 7) * 8 bytes, and 8 of its header.
    t.is(checker.bytes + ring.overwrittenBytes[0]!, ((repeat * rounds) / 8) * (8 * 24 + 28 * 8))
  },
)
