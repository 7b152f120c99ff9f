import { u32 } from '../../../src/base/codecs.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { bloomFilters } from '../../support/maps/features.ts'

const jobs: MapSpec = { name: 'jobs', type: 'queue', valueSize: 4, maxEntries: 3 }

for (const [type, expected] of [
  ['queue', [1, 2, 3]],
  ['stack', [3, 2, 1]],
] as const) {
  kernelTest(`a ${type} gives its elements in order`, [], t => {
    using map = BpfMap.create({ ...jobs, type }).typedValues(u32)
    t.is(map.peek(), undefined)
    t.is(map.pop(), undefined)
    map.push(1).push(2).push(3)
    t.is(map.peek(), expected[0])
    t.deepEqual([map.pop(), map.pop(), map.pop(), map.pop()], [...expected, undefined])
  })

  kernelTest(`a full ${type} refuses an element, or loses its oldest`, [], t => {
    using map = BpfMap.create({ ...jobs, type }).typedValues(u32)
    map.push(1).push(2).push(3)
    t.throws(() => map.push(4), {
      instanceOf: BpfError,
      code: 'E2BIG',
      message: 'Cannot push to map jobs: the map is full with 3 elements (E2BIG)',
    })
    map.push(4, 'exist')
    t.deepEqual([map.pop(), map.pop(), map.pop()].sort(), [2, 3, 4])
  })

  kernelTest(`a ${type} has no keys`, [], t => {
    using map = BpfMap.create({ ...jobs, type })
    const reason = `a ${type} has no keys; use push, peek and pop`
    const none = new Uint8Array()
    for (const [verb, call] of [
      ['look up in', () => map.get(none)],
      ['delete from', () => map.delete(none)],
      ['find the next key of', () => map.nextKey()],
      ['iterate', () => map.entries().next()],
    ] as const) {
      t.throws(call, { instanceOf: TypeError, message: `Cannot ${verb} map jobs: ${reason}` })
    }
  })

  kernelTest(`clear empties a ${type}`, [], t => {
    using map = BpfMap.create({ ...jobs, type }).typedValues(u32)
    map.push(1).push(2)
    map.clear()
    t.is(map.pop(), undefined)
  })
}

kernelTest('a ring buffer has no keys', [], t => {
  using map = BpfMap.create({ name: 'ring', type: 'ringbuf', maxEntries: 1 })
  const none = new Uint8Array()
  for (const [verb, call] of [
    ['look up in', () => map.get(none)],
    ['look up in', () => map.has(none)],
    ['set in', () => map.set(none, none)],
    ['delete from', () => map.delete(none)],
    ['find the next key of', () => map.nextKey()],
    ['iterate', () => map.entries().next()],
  ] as const) {
    t.throws(call, {
      instanceOf: TypeError,
      message: `Cannot ${verb} map ring: a ring buffer has records, which RingBuffer reads`,
    })
  }
})

kernelTest('a value of the wrong size is not pushed', [], t => {
  using map = BpfMap.create(jobs)
  t.throws(() => map.push(new Uint8Array(3)), {
    instanceOf: RangeError,
    message: 'Cannot push to map jobs: value has 3 bytes, the map needs 4',
  })
  t.is(map.peek(), undefined)
})

const seen: MapSpec = { name: 'seen', type: 'bloom_filter', valueSize: 4, maxEntries: 100, mapExtra: 3n }

kernelTest('a Bloom filter has what was pushed', [bloomFilters], t => {
  using map = BpfMap.create(seen).typed(u32, u32)
  t.is(map.info().mapExtra, 3n)
  for (let i = 0; i < 50; i++) map.push(i * 1000)
  for (let i = 0; i < 50; i++) t.true(map.has(i * 1000))
  let falsePositives = 0
  for (let i = 0; i < 1000; i++) if (map.has(1_000_000 + i)) falsePositives++
  t.true(falsePositives < 500, `${falsePositives} of 1000`)
})

kernelTest('a Bloom filter has bytes of the size of its values', [bloomFilters], t => {
  using map = BpfMap.create(seen)
  map.push(Uint8Array.of(1, 2, 3, 4))
  t.true(map.has(Uint8Array.of(1, 2, 3, 4)))
  t.throws(() => map.has(new Uint8Array(5)), {
    instanceOf: RangeError,
    message: 'Cannot look up in map seen: value has 5 bytes, the map needs 4',
  })
})

kernelTest('a Bloom filter neither gives nor forgets', [bloomFilters], t => {
  using map = BpfMap.create(seen)
  const reason = 'a Bloom filter has no keys; use push and has'
  t.throws(() => map.peek(), { instanceOf: TypeError, message: `Cannot peek into map seen: ${reason}` })
  t.throws(() => map.pop(), { instanceOf: TypeError, message: `Cannot pop from map seen: ${reason}` })
  t.throws(() => map.keys().next(), { instanceOf: TypeError, message: `Cannot iterate map seen: ${reason}` })
  t.throws(() => map.clear(), {
    instanceOf: TypeError,
    message: 'Cannot clear map seen: a Bloom filter does not forget',
  })
})
