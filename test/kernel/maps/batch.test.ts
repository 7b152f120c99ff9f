import { u32, u64 } from '../../../src/base/codecs.ts'
import { NotSupportedError } from '../../../src/base/errors.ts'
import { possibleCpus } from '../../../src/kernel/cpus.ts'
import { perCpu } from '../../../src/maps/kinds/per-cpu.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { perCpuArrayBatch } from '../../support/maps/features.ts'

const table: MapSpec = { name: 'table', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 50_000 }

function entries(count: number, first = 0): [number, bigint][] {
  return Array.from({ length: count }, (_, i) => [first + i, BigInt(first + i) * 3n])
}

const byKey = ([a]: [number, unknown], [b]: [number, unknown]): number => a - b

for (const count of [0, 1, 1000, 40_000]) {
  kernelTest(`${count} elements are set, read and deleted in batches`, [], t => {
    using map = BpfMap.create(table).typed(u32, u64)
    t.is(map.setBatch(entries(count)), count)
    t.deepEqual([...map.getBatch()].flat().sort(byKey), entries(count))
    t.is(map.deleteBatch(entries(count).map(([key]) => key)), count)
    t.deepEqual([...map], [])
  })
}

kernelTest('a batch is not larger than asked for', [], t => {
  using map = BpfMap.create({ ...table, type: 'array', maxEntries: 25 }).typed(u32, u64)
  map.setBatch(entries(25))
  const batches = [...map.getBatch(10)]
  t.deepEqual(
    batches.map(batch => batch.length),
    [10, 10, 5],
  )
  t.deepEqual(batches.flat(), entries(25))
  for (const size of [0, -1, 1.5]) {
    t.throws(() => map.getBatch(size).next(), {
      instanceOf: RangeError,
      message: `Cannot read batches of map table: ${size} is not a number of elements`,
    })
  }
})

kernelTest('a batch grows where a bucket has more elements', [], t => {
  using map = BpfMap.create({ ...table, maxEntries: 1000 }).typed(u32, u64)
  map.setBatch(entries(1000))
  const batches = [...map.getBatch(1)]
  t.deepEqual(batches.flat().sort(byKey), entries(1000))
})

kernelTest('elements are read and deleted in batches', [], t => {
  using map = BpfMap.create(table).typed(u32, u64)
  map.setBatch(entries(500))
  t.deepEqual([...map.getAndDeleteBatch(100)].flat().sort(byKey), entries(500))
  t.deepEqual([...map], [])
})

kernelTest('elements come from any iterable', [], t => {
  using map = BpfMap.create(table).typed(u32, u64)
  t.is(map.setBatch(new Map(entries(3))), 3)
  t.is(map.deleteBatch(new Set([0, 2])), 2)
  t.deepEqual([...map], [[1, 3n]])
})

kernelTest('deleting passes over keys that are not there', [], t => {
  using map = BpfMap.create(table).typed(u32, u64)
  map.setBatch(entries(10))
  t.is(map.deleteBatch([100, 0, 101, 102, 5, 9, 103]), 3)
  t.deepEqual(
    [...map.keys()].sort((a, b) => a - b),
    [1, 2, 3, 4, 6, 7, 8],
  )
})

kernelTest('a batch stops at the element that is refused', [], t => {
  using map = BpfMap.create({ ...table, maxEntries: 5 }).typed(u32, u64)
  map.set(3, 0n)
  t.throws(() => map.setBatch(entries(10)), {
    code: 'E2BIG',
    message: 'Cannot set more than 5 elements in map table: the map is full with 5 elements (E2BIG)',
  })
  t.deepEqual([...map].sort(byKey), entries(5))
})

kernelTest('a value that does not fit is refused before the kernel sees it', [], t => {
  using map = BpfMap.create(table).typed(u32, u64)
  t.throws(() => map.setBatch([[1, -1n]]), {
    instanceOf: RangeError,
    message: 'Cannot set in map table: -1 does not fit 64 bits (u64)',
  })
  t.throws(() => map.setBatch([[-1, 1n]]), {
    instanceOf: RangeError,
    message: 'Cannot set in map table: -1 is not an integer from 0 to 4294967295 (u32)',
  })
  t.throws(() => map.deleteBatch(['1' as never]), {
    instanceOf: TypeError,
    message: 'Cannot delete from map table: "1" is not a number',
  })
  t.deepEqual([...map], [])
})

kernelTest('batches of a per-CPU hash have the values of all CPUs', [], t => {
  using map = BpfMap.create({ ...table, type: 'percpu_hash', maxEntries: 10 }).typed(u32, perCpu(u64))
  const value = Array.from({ length: possibleCpus().length }, (_, cpu) => BigInt(cpu))
  t.is(
    map.setBatch([
      [1, value],
      [2, value],
    ]),
    2,
  )
  t.deepEqual([...map.getBatch()].flat().sort(byKey), [
    [1, value],
    [2, value],
  ])
})

kernelTest('batches of a per-CPU array have the values of all CPUs', [perCpuArrayBatch], t => {
  using map = BpfMap.create({ ...table, type: 'percpu_array', maxEntries: 2 }).typed(u32, perCpu(u64))
  const value = Array.from({ length: possibleCpus().length }, (_, cpu) => BigInt(cpu))
  t.is(map.setBatch([[0, value]]), 1)
  t.deepEqual([...map.getBatch()].flat(), [
    [0, value],
    [1, value.map(() => 0n)],
  ])
})

kernelTest('a type without batches says so', [], t => {
  using map = BpfMap.create({ name: 'jobs', type: 'stack_trace', keySize: 4, valueSize: 80, maxEntries: 1 })
  const refused = (call: () => unknown, what: string): void => {
    t.throws(call, {
      instanceOf: NotSupportedError,
      message: `${what} in a map of type stack_trace is not supported by this kernel`,
    })
  }
  refused(() => map.getBatch().next(), 'Batch lookup')
  refused(() => map.getAndDeleteBatch().next(), 'Batch lookup and delete')
  refused(() => map.setBatch([[new Uint8Array(4), new Uint8Array(80)]]), 'Batch update')
  refused(() => map.deleteBatch([new Uint8Array(4)]), 'Batch delete')
})
