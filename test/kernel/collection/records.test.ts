import { u32 } from '../../../src/base/codecs.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { onlineCpus } from '../../../src/kernel/cpus.ts'
import { PerfRecord } from '../../../src/readers/perf/perf-record.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { ringBuffers, run } from '../../support/readers/ring-programs.ts'

/** Sends more records than the rings have room for while they are read, until a loss was noticed. */
async function lose(
  collection: Collection,
  records: AsyncIterableIterator<unknown, undefined>,
  noticed: () => boolean,
): Promise<boolean> {
  const send = collection.programs.get('send')
  const reading = (async () => {
    while (!noticed() && !(await records.next()).done);
  })()
  for (let round = 0; round < 1000 && !noticed(); round++) {
    // The kernel says what was lost with the next record that has room.
    run(send, 200)
    await new Promise(resolve => setImmediate(resolve))
  }
  const wasNoticed = noticed()
  // One more wakes what still waits.
  run(send)
  if (wasNoticed) await reading
  return wasNoticed
}

function load(): Collection {
  const spec = CollectionSpec.fromFile('test/bpf/perf.bpf.o')
  spec.programs.get('on_exec').autoload = false
  return Collection.load(spec)
}

kernelTest('records have the type that a global pointer names', [ringBuffers], async t => {
  using collection = load()
  const send = collection.programs.get('send')
  const events = collection.records('events')
  const ring = collection.records('ring')
  t.is(run(send), 2)
  using untyped = collection.perfBuffer('untyped')
  t.is(run(send), 3)
  const first = await events.next()
  // Packed, 5 bytes: the padding is cut off.
  t.deepEqual(first.value?.value, { number: 0, small: 0 })
  t.is(first.value?.data.length, 5)
  t.true(first.value instanceof PerfRecord && first.value.cpu >= 0)
  t.deepEqual((await events.next()).value?.value, { number: 1, small: 1 })
  t.deepEqual((await ring.next()).value?.value, { number: 0, small: 0 })
  untyped.drain(record => {
    t.is(record.length, 12)
    t.throws(() => record.value, { code: 'ERR_NO_BTF' })
  })
})

kernelTest('a codec goes before the type that the object names', [ringBuffers], async t => {
  using collection = load()
  using perf = collection.perfBuffer(['events', 'untyped'], { codec: u32 })
  run(collection.programs.get('send'))
  const numbers: number[] = []
  perf.drain(({ value }) => numbers.push(value))
  t.deepEqual(numbers, [0, 0])
  t.throws(() => collection.records('events'), { code: 'ERR_BUSY' })
})

kernelTest('closing a collection ends its perf buffers', [ringBuffers], async t => {
  const collection = load()
  const next = collection.records('events').next()
  collection.close()
  t.deepEqual(await next, { value: undefined, done: true })
})

kernelTest('losses of a perf buffer go to the callback that was given last', [ringBuffers], async t => {
  using collection = load()
  const first: unknown[][] = []
  const second: unknown[][] = []
  const records = collection.records('events', { pages: 1, onLost: (...loss) => first.push(loss) })
  t.true(await lose(collection, records, () => first.length > 0))
  const [cpu, count, source] = first[0]!
  t.true(onlineCpus().includes(Number(cpu)) && Number(count) > 0)
  t.is(source, 'events')
  const { length } = first
  collection.records('events', { onLost: (...loss) => second.push(loss) })
  t.true(await lose(collection, records, () => second.length > 0))
  t.is(first.length, length)
})

kernelTest('losses for which there is no callback are a warning, once', [ringBuffers], async t => {
  using collection = load()
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  using perf = collection.perfBuffer('events', { pages: 1 })
  t.true(await lose(collection, perf.records(), () => warnings.length > 0))
  const before = perf.losses.reduce((sum, { count }) => sum + count, 0)
  t.true(
    await lose(
      collection,
      perf.records(),
      () => perf.losses.reduce((sum, { count }) => sum + count, 0) > before,
    ),
  )
  t.like(warnings, [{ name: 'RecordsLostWarning', code: 'EBPF_TS_RECORDS_LOST' }] as never)
  t.is(warnings.length, 1)
  t.regex(
    warnings[0]!.message,
    /^Perf buffer events lost \d+ records? of CPU \d+; later losses are not shown\. Give onLost /,
  )
})

kernelTest('what a map has no use for is refused', [ringBuffers], t => {
  using collection = load()
  const onLost = (): void => {}
  const refused = (name: string, options: object, message: RegExp | string): void =>
    void t.throws(() => collection.records(name, options), { instanceOf: TypeError, message })
  refused('ring', { onLost }, /^Cannot read map ring: onLost is for perf buffers; /)
  refused('ring', { pages: 1 }, /^Cannot read map ring: pages is for perf buffers; /)
  refused('events', { onLost: 5 }, 'Cannot read perf buffer events: onLost is not a function')
  refused(
    '.bss',
    {},
    'Cannot read map .bss: it is of type array; records are in maps of type ringbuf and perf_event_array',
  )
  collection.records('events', { pages: 2 })
  collection.records('events', { pages: 2, onLost })
  collection.records('events')
  t.throws(() => collection.records('events', { pages: 4 }), {
    code: 'ERR_BUSY',
    message: 'Cannot read map events: it is being read with other pages',
  })
  t.throws(() => collection.perfBuffer('ring'), {
    message:
      'Cannot read map ring: it is of type ringbuf, not perf_event_array; use RingBuffer, or ringBuffer() of a collection',
  })
  t.throws(() => collection.ringBuffer('untyped'), {
    message:
      'Cannot read map untyped: it is of type perf_event_array, not ringbuf; use PerfBuffer, or perfBuffer() of a collection',
  })
})
