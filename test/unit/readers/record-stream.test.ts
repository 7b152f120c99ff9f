import { getEventListeners } from 'node:events'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { RECORDS_PER_TURN } from '../../../src/readers/record-iterator.ts'
import { RecordStream } from '../../../src/readers/record-stream.ts'
import { FakeSource, type TextView } from '../../support/readers/fake-source.ts'

function streamOf(...sources: FakeSource[]): RecordStream<string, TextView> {
  const stream = new RecordStream<string, TextView>('queue')
  for (const source of sources) stream.add(source, source.watch)
  return stream
}

const states = ({ watchers }: FakeSource): string[] => watchers.map(({ state }) => state)

test('sources take turns', async t => {
  using stream = streamOf(
    new FakeSource('a', '1', '2', '3'),
    new FakeSource('b', 'x'),
    new FakeSource('c', 'y', 'z'),
  )
  const seen: string[] = []
  for await (const text of stream.records()) if (seen.push(text) === 6) break
  t.deepEqual(seen, ['1', 'x', 'y', '2', 'z', '3'])
})

test('an iteration waits for records, and watches only while it does', async t => {
  const source = new FakeSource('a')
  using stream = streamOf(source)
  t.deepEqual(states(source), ['stopped'])
  const iterator = stream.records()
  const next = iterator.next()
  t.deepEqual(states(source), ['started'])
  source.write('late')
  t.deepEqual(await next, { value: 'late', done: false })
  t.deepEqual(states(source), ['stopped'])
})

test('a wake-up without a record changes nothing', async t => {
  const source = new FakeSource('a')
  using stream = streamOf(source)
  const next = stream.records().next()
  source.wake()
  t.deepEqual(states(source), ['started'])
  source.write('1')
  t.is((await next).value, '1')
})

test('a source that is stalled is looked at again after a while, and its watcher rests', async t => {
  const [stalled, empty] = [new FakeSource('a', 'soon...', 'after it'), new FakeSource('b')]
  using stream = streamOf(stalled, empty)
  const iterator = stream.records()
  const next = iterator.next()
  t.deepEqual([states(stalled), states(empty)], [['stopped'], ['started']])
  await sleep(10)
  stalled.queue[0] = 'done'
  t.is((await next).value, 'done')
  t.is((await iterator.next()).value, 'after it')
})

test('calls of next that are pending are answered in order', async t => {
  const source = new FakeSource('a')
  using stream = streamOf(source)
  const iterator = stream.records()
  const asked = [iterator.next(), iterator.next(), iterator.next()]
  source.queue.push('1')
  source.write('2')
  t.deepEqual(await Promise.all(asked.slice(0, 2)), [
    { value: '1', done: false },
    { value: '2', done: false },
  ])
  await iterator.return?.()
  t.deepEqual(await asked[2], { value: undefined, done: true })
})

test('what is not asked for stays in its source, and space is given back when a loop ends', async t => {
  const source = new FakeSource('a', '1', '2', '3')
  using stream = streamOf(source)
  const iterator = stream.records()
  await iterator.next()
  t.is(source.unsettled, 1)
  await iterator.return?.()
  t.is(source.unsettled, 0)
  t.deepEqual(source.queue, ['2', '3'])
})

test('space is given back before a record is waited for', async t => {
  const source = new FakeSource('a', '1')
  using stream = streamOf(source)
  const iterator = stream.records()
  await iterator.next()
  t.is(source.unsettled, 1)
  const next = iterator.next()
  t.is(source.unsettled, 0)
  source.write('2')
  await next
})

test('several loops share the records', async t => {
  const source = new FakeSource('a')
  using stream = streamOf(source)
  const [first, second] = [stream.records(), stream.records()]
  const asked = Promise.all([first.next(), second.next()])
  source.queue.push('1')
  source.write('2')
  t.deepEqual((await asked).map(({ value }) => value).sort(), ['1', '2'])
})

test('a signal ends the iteration without an error', async t => {
  const source = new FakeSource('a')
  using stream = streamOf(source)
  const controller = new AbortController()
  const next = stream.records({ signal: controller.signal }).next()
  controller.abort()
  t.deepEqual(await next, { value: undefined, done: true })
  t.deepEqual(getEventListeners(controller.signal, 'abort'), [])
  t.deepEqual(states(source), ['stopped'])
  for await (const _ of stream.records({ signal: controller.signal })) t.fail()
  t.throws(() => stream.records({ signal: {} as AbortSignal }), {
    instanceOf: TypeError,
    message: 'Cannot read queue a: the signal is not an AbortSignal',
  })
})

test('a signal that is aborted while the source is asked ends the iteration', async t => {
  const controller = new AbortController()
  const source = new FakeSource('a')
  const take = source.take.bind(source)
  // As code of the caller in a source may do.
  source.take = () => {
    controller.abort()
    return take()
  }
  using stream = streamOf(source)
  t.deepEqual(await stream.records({ signal: controller.signal }).next(), { value: undefined, done: true })
  t.deepEqual(getEventListeners(controller.signal, 'abort'), [])
})

test('closing ends iterations, sources and watchers', async t => {
  const sources = [new FakeSource('a'), new FakeSource('b')]
  const stream = streamOf(...sources)
  const next = stream.records().next()
  stream.close()
  stream.close()
  t.deepEqual(await next, { value: undefined, done: true })
  t.deepEqual(sources.map(states), [['closed'], ['closed']])
  t.true(sources.every(({ closed }) => closed))
  const closed = { code: 'ERR_CLOSED', message: 'Queue a, b is closed' }
  t.throws(() => stream.records(), closed)
  t.throws(() => stream.drain(() => {}), closed)
})

test('an error of a source rejects the call that met it and ends the iteration', async t => {
  const source = new FakeSource('a')
  using stream = streamOf(source)
  const iterator = stream.records()
  const [first, second] = [iterator.next(), iterator.next()]
  source.failure = new Error('broken')
  source.write('1')
  await t.throwsAsync(first, { message: 'broken' })
  t.deepEqual(await second, { value: undefined, done: true })
  source.failure = new Error('broken again')
  await t.throwsAsync(stream.records().next(), { message: 'broken again' })
  t.deepEqual(source.queue, ['1'])
})

test('the event loop turns although records never end', async t => {
  const source = new FakeSource('a', ...Array.from({ length: 3 * RECORDS_PER_TURN }, (_, i) => `${i}`))
  using stream = streamOf(source)
  let turned = false
  const turning = turn().then(() => {
    turned = true
  })
  let before = 0
  for await (const _ of stream.records()) {
    if (turned) break
    before++
  }
  await turning
  t.is(before, RECORDS_PER_TURN)
})

test('a drain reads in place, with a limit over all sources, and goes on where it stopped', t => {
  using stream = streamOf(new FakeSource('a', '1', '2', '3'), new FakeSource('b', 'x', 'y'))
  const seen: string[] = []
  const read = ({ text }: TextView): number => seen.push(text)
  t.is(stream.drain(read, { limit: 2 }), 2)
  t.is(stream.drain(read, { limit: 1 }), 1)
  t.is(stream.drain(read), 2)
  t.deepEqual(seen, ['1', '2', 'x', '3', 'y'])
  t.is(stream.drain(read), 0)
})

test('a drain refuses wrong arguments, its own callback, and ends with an error of the callback', async t => {
  const source = new FakeSource('a', '1', '2', '3')
  using stream = streamOf(source)
  for (const limit of [0, -1, 1.5, Number.NaN]) {
    t.throws(() => stream.drain(() => {}, { limit }), {
      instanceOf: RangeError,
      message: `Cannot drain queue a: limit ${limit} is not a positive integer`,
    })
  }
  t.throws(() => stream.drain(undefined as never), {
    instanceOf: TypeError,
    message: 'Cannot drain queue a: the callback is not a function',
  })
  const busy = { code: 'ERR_BUSY', message: 'Cannot read queue a from the callback of its own drain' }
  t.throws(() => stream.drain(() => stream.drain(() => {})), busy)
  t.deepEqual(source.queue, ['2', '3'])
  t.is((await stream.records().next()).value, '2')
})

test('a callback may close the stream', t => {
  const sources = [new FakeSource('a', '1'), new FakeSource('b', 'x')]
  const stream = streamOf(...sources)
  t.is(
    stream.drain(() => stream.close()),
    1,
  )
  t.deepEqual(sources[1]?.queue, ['x'])
})

test('a source that cannot be watched is not added', t => {
  using stream = streamOf(new FakeSource('a'))
  const refused = new FakeSource('b', 'x')
  t.throws(
    () =>
      stream.add(refused, () => {
        throw new Error('no')
      }),
    { message: 'no' },
  )
  t.deepEqual(stream.names, ['a'])
  t.false(refused.closed)
})
