import { setTimeout as sleep } from 'node:timers/promises'
import { u64 } from '../../../src/base/codecs.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { possibleCpus } from '../../../src/kernel/cpus.ts'
import { lpmKey } from '../../../src/maps/kinds/lpm-trie.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, objectPath, runOnce } from '../../support/objects.ts'

interface Counters {
  packets: bigint
  bytes: bigint
}

/** The shape of maps.bpf.o. */
interface Maps {
  maps: {
    by_port: { type: 'hash'; key: number; value: Counters }
    by_size: { type: 'hash'; key: Uint8Array; value: Uint8Array }
    slots: { type: 'array'; value: bigint }
    per_cpu: { type: 'percpu_array'; value: Counters }
    routes: { type: 'lpm_trie'; key: { prefix_length: number; octets: Uint8Array }; value: string }
    queue: { type: 'queue'; value: number }
    stack: { type: 'stack'; value: Uint8Array }
    ring: { type: 'ringbuf' }
    inner_a: { type: 'array'; value: number }
    inner_b: { type: 'array'; value: number }
    array_of_maps: { type: 'array_of_maps'; inner: { type: 'array'; value: number } }
    hash_of_maps: { type: 'hash_of_maps'; key: number; inner: { type: 'hash'; key: bigint; value: bigint } }
    jumps: { type: 'prog_array'; value: Uint8Array }
  }
  programs: { use_maps: { type: 'socket_filter' }; jump_target: { type: 'socket_filter' } }
}

interface Events {
  maps: {
    records: { type: 'ringbuf'; record: { index: bigint; colour: string | number; name: string } }
    tails: { type: 'ringbuf'; record: { length: number; bytes: Uint8Array } }
  }
  programs: Record<'emit' | 'emit_tails' | 'discard', { type: 'socket_filter' }>
  variables: { count: number; next_index: bigint; dropped: number }
}

const load = <S extends object>(name: string): Collection<S> =>
  Collection.load(CollectionSpec.fromFile<S>(objectPath(name)))

kernelTest('maps of a collection read and write what a shape says', [], t => {
  using collection = load<Maps>('maps')
  const { maps } = collection
  t.is(runOnce(collection.programs.get('use_maps')), 21)

  t.deepEqual(maps.get('by_port').get(80), { packets: 1n, bytes: 0n })
  t.deepEqual(maps.get('by_port').set(81, { bytes: 5 }).get(81), { packets: 0n, bytes: 5n })
  t.is(maps.get('slots').get(0), -1n)
  t.is(maps.get('slots').set(7, -5).get(7), -5n)
  const counted = maps.get('per_cpu').get(0)
  t.is(counted?.length, possibleCpus().length)
  t.is(
    counted?.reduce((sum, { packets }) => sum + packets, 0n),
    1n,
  )
  const octets = Uint8Array.of(10, 0, 0, 0)
  t.is(maps.get('routes').set({ prefix_length: 8, octets }, 'ten').get({ prefix_length: 32, octets }), 'ten')
  t.is(maps.get('routes').bytes().has(lpmKey(8, octets)), true)
  t.is(maps.get('queue').pop(), 80)
  t.deepEqual(maps.get('stack').pop(), Uint8Array.of(80, 0, 0, 0))
  t.deepEqual(
    maps.get('by_size').set(new Uint8Array(12), new Uint8Array(20)).get(new Uint8Array(12)),
    new Uint8Array(20),
  )

  using second = maps.get('array_of_maps').get(2)
  t.is(second?.get(0), 42)
  using outer = maps.get('hash_of_maps').get(1)
  t.is(outer, undefined)
  t.notThrows(() => maps.get('jumps').set(2, collection.programs.get('jump_target')))
})

kernelTest('records of a collection are values of their type', [], async t => {
  using collection = load<Events>('events')
  collection.variables.get('count').set(3)
  collection.variables.get('next_index').set(7)
  runOnce(collection.programs.get('emit'))
  runOnce(collection.programs.get('emit_tails'))
  const seen: unknown[] = []
  for await (const { value, source } of collection.records('records')) {
    seen.push([source, value.index, value.colour, value.name])
    if (seen.length === 3) break
  }
  t.deepEqual(seen, [
    ['records', 7n, 'GREEN', 'record-h'],
    ['records', 8n, 'BLUE', 'record-i'],
    ['records', 9n, 'RED', 'record-j'],
  ])
  const tails = collection.records('tails')
  t.deepEqual((await tails.next()).value?.value, { length: 0, bytes: new Uint8Array() })
  t.deepEqual((await tails.next()).value?.value, { length: 1, bytes: Uint8Array.of(1) })
})

kernelTest('loops over the records of a map share them, and go on where another was left', [], async t => {
  using collection = load<Events>('events')
  collection.variables.get('count').set(4)
  runOnce(collection.programs.get('emit'))
  const seen: bigint[] = []
  while (seen.length < 2) {
    for await (const { value } of collection.records('records')) {
      seen.push(value.index)
      break
    }
  }
  const [first, second] = [collection.records('records'), collection.records('records')]
  for (const each of [first, second]) seen.push((await each.next()).value!.value.index)
  t.deepEqual(seen, [0n, 1n, 2n, 3n])
})

kernelTest('iterating ends with the signal, and with the collection', [], async t => {
  const collection = load<Events>('events')
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 5)
  for await (const _ of collection.records('records', { signal: controller.signal })) t.fail()
  const next = collection.records('records').next()
  await sleep(5)
  collection.close()
  t.deepEqual(await next, { value: undefined, done: true })
  t.throws(() => collection.records('records'), { code: 'ERR_CLOSED' })
})

kernelTest('a codec takes the place of the type, in all calls for a map', [], async t => {
  using collection = load<Events>('events')
  runOnce(collection.programs.get('emit'))
  const { value } = await collection.records('records', { codec: u64 }).next()
  t.is(value?.value, 0n)
  t.notThrows(() => collection.records('records', { codec: u64 }))
  t.throws(() => collection.records('records'), {
    code: 'ERR_BUSY',
    message: 'Cannot read map records: it is being read with another codec',
  })
  t.notThrows(() => collection.records('tails'))
})

kernelTest('one reader reads several ring buffers', [], t => {
  using collection = load<Events>('events')
  runOnce(collection.programs.get('emit'))
  runOnce(collection.programs.get('emit_tails'))
  using ring = collection.ringBuffer(['records', 'tails'])
  const seen: string[] = []
  ring.drain(({ source, value }) => seen.push(`${source} ${'index' in value ? value.index : value.length}`))
  t.deepEqual(seen, ['records 0', 'tails 0'])
})

kernelTest('only ring buffers and perf buffers have records', [], t => {
  using collection = loadObject('maps')
  t.throws(() => collection.records('slots'), {
    instanceOf: TypeError,
    message:
      'Cannot read map slots: it is of type array; records are in maps of type ringbuf and perf_event_array',
  })
  t.throws(() => collection.records('none'), { code: 'ERR_NO_SUCH_NAME' })
  t.throws(() => collection.attachStructOps('slots'), {
    code: 'ERR_INVALID_SPEC',
    message: 'Cannot attach map slots: not a struct_ops map',
  })
})
