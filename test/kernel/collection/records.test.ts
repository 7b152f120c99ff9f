import { u32 } from '../../../src/base/codecs.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { PerfRecord } from '../../../src/readers/perf/perf-record.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { ringBuffers, run } from '../../support/readers/ring-programs.ts'

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
