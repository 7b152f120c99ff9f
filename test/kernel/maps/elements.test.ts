import { BPF_F_NO_PREALLOC } from '../../../src/abi/generated/flags.ts'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { possibleCpus } from '../../../src/kernel/cpus.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { lpmKey } from '../../../src/maps/kinds/lpm-trie.ts'
import { perCpu } from '../../../src/maps/kinds/per-cpu.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { hashLookupAndDelete, resizableHashes, socketMaps } from '../../support/maps/features.ts'

const counters = { name: 'counters', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 4 } satisfies MapSpec

for (const type of ['hash', 'lru_hash'] as const) {
  kernelTest(`elements of a ${type} are set, found and deleted`, [], t => {
    using map = BpfMap.create({ ...counters, type }).typed(u32, u64)
    t.is(map.get(7), undefined)
    t.false(map.has(7))
    t.false(map.delete(7))

    t.is(map.set(7, 0xfedcba9876543210n).set(8, 1n), map)
    t.is(map.get(7), 0xfedcba9876543210n)
    t.true(map.has(8))

    t.true(map.delete(7))
    t.is(map.get(7), undefined)
    t.is(map.get(8), 1n)
  })
}

kernelTest('a map without codecs takes and gives bytes', [], t => {
  using map = BpfMap.create(counters)
  map.set(Uint8Array.of(1, 2, 3, 4), Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1))
  const value = map.get(Uint8Array.of(1, 2, 3, 4))
  t.deepEqual(value, Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1))

  map.set(Uint8Array.of(1, 2, 3, 4), new Uint8Array(8))
  t.is(value![0], 8, 'a value is a copy')
})

kernelTest('a large value passes unharmed', [], t => {
  using map = BpfMap.create({ ...counters, valueSize: 20_000 })
  const value = Uint8Array.from({ length: 20_000 }, (_, i) => i % 251)
  map.set(new Uint8Array(4), value)
  t.deepEqual(map.get(new Uint8Array(4)), value)
})

kernelTest('every element of an array exists from the start, and stays', [], t => {
  using map = BpfMap.create({ ...counters, type: 'array' }).typed(u32, u64)
  t.is(map.get(3), 0n)
  map.set(3, 5n)
  t.is(map.get(3), 5n)
  t.is(map.get(4), undefined)
  t.throws(() => map.set(4, 1n), {
    instanceOf: BpfError,
    code: 'E2BIG',
    message: 'Cannot set in map counters: the index is not below 4 (E2BIG)',
  })
  t.throws(() => map.delete(3), {
    instanceOf: BpfError,
    code: 'EINVAL',
    message: 'Cannot delete from map counters: elements of a map of type array cannot be deleted (EINVAL)',
  })
})

for (const type of ['percpu_hash', 'percpu_array', 'lru_percpu_hash'] as const) {
  kernelTest(`a value of a ${type} is one value per possible CPU`, [], t => {
    using raw = BpfMap.create({ ...counters, type, valueSize: 4 })
    const map = raw.typed(u32, perCpu(u32))
    const values = Array.from({ length: possibleCpus().length }, (_, cpu) => cpu + 100)
    map.set(2, values)
    t.deepEqual(map.get(2), values)
    t.deepEqual(
      raw.get(Uint8Array.of(2, 0, 0, 0)),
      values.map(value => Uint8Array.of(value, 0, 0, 0)),
    )
    t.throws(() => map.set(2, [...values, 1]), {
      instanceOf: RangeError,
      message: `Cannot set in map counters: ${values.length + 1} values are not ${values.length}, one per possible CPU`,
    })
  })
}

kernelTest('an LPM trie finds the longest prefix', [], t => {
  using map = BpfMap.create({
    ...counters,
    name: 'routes',
    type: 'lpm_trie',
    keySize: 8,
    flags: BPF_F_NO_PREALLOC,
  })
  const route = (id: number): Uint8Array => Uint8Array.of(id, 0, 0, 0, 0, 0, 0, 0)
  map.set(lpmKey(8, Uint8Array.of(10, 0, 0, 0)), route(8))
  map.set(lpmKey(16, Uint8Array.of(10, 1, 0, 0)), route(16))

  t.deepEqual(map.get(lpmKey(32, Uint8Array.of(10, 1, 2, 3))), route(16))
  t.deepEqual(map.get(lpmKey(32, Uint8Array.of(10, 2, 2, 3))), route(8))
  t.is(map.get(lpmKey(32, Uint8Array.of(11, 0, 0, 1))), undefined)

  t.true(map.delete(lpmKey(16, Uint8Array.of(10, 1, 0, 0))))
  t.deepEqual(map.get(lpmKey(32, Uint8Array.of(10, 1, 2, 3))), route(8))
})

kernelTest('an element is read and deleted at once', [hashLookupAndDelete], t => {
  using map = BpfMap.create(counters).typed(u32, u64)
  map.set(1, 11n)
  t.is(map.getAndDelete(1), 11n)
  t.is(map.getAndDelete(1), undefined)
  t.false(map.has(1))
})

kernelTest('a type without lookup and delete says so', [], t => {
  using map = BpfMap.create({ ...counters, type: 'array' }).typed(u32, u64)
  t.throws(() => map.getAndDelete(1), {
    instanceOf: NotSupportedError,
    code: 'ERR_NOT_SUPPORTED',
    message: 'Lookup and delete in a map of type array is not supported by this kernel',
  })
})

kernelTest('a mode decides whether an element may or must exist', [], t => {
  using map = BpfMap.create(counters).typed(u32, u64)
  t.throws(() => map.set(1, 1n, 'exist'), {
    code: 'ENOENT',
    message: 'Cannot set in map counters: no such key (ENOENT)',
  })
  map.set(1, 1n, 'no_exist')
  t.throws(() => map.set(1, 2n, { mode: 'no_exist' }), {
    code: 'EEXIST',
    message: 'Cannot set in map counters: the key exists already (EEXIST)',
  })
  map.set(1, 3n, 'exist')
  map.set(1, 4n, 'any')
  t.is(map.get(1), 4n)
  t.throws(() => map.set(1, 5n, 'noexist' as 'no_exist'), {
    instanceOf: TypeError,
    message: 'Unknown update mode "noexist": expected any, no_exist or exist',
  })
})

kernelTest('a full hash refuses another key, and takes the ones that it has', [], t => {
  using map = BpfMap.create(counters).typed(u32, u64)
  for (let key = 0; key < 4; key++) map.set(key, 0n)
  t.throws(() => map.set(4, 0n), {
    instanceOf: BpfError,
    code: 'E2BIG',
    message: 'Cannot set in map counters: the map is full with 4 elements (E2BIG)',
  })
  map.set(3, 9n)
  t.is(map.get(3), 9n)
})

kernelTest('nextKey walks the keys', [], t => {
  using map = BpfMap.create(counters).typed(u32, u64)
  t.is(map.nextKey(), undefined)
  map.set(5, 0n).set(6, 0n)
  const first = map.nextKey()
  const second = map.nextKey(first)
  t.deepEqual([first, second].sort(), [5, 6])
  t.is(map.nextKey(second), undefined)
})

kernelTest('clear deletes all elements, and zeroes those of an array', [], t => {
  using hash = BpfMap.create(counters).typed(u32, u64)
  hash.set(1, 1n).set(2, 2n)
  hash.clear()
  t.deepEqual([...hash], [])

  using array = BpfMap.create({ ...counters, type: 'array' }).typed(u32, u64)
  array.set(1, 1n).set(2, 2n)
  array.clear()
  t.deepEqual([...array.values()], [0n, 0n, 0n, 0n])
})

kernelTest('bytes of the wrong size are refused, with both sizes', [], t => {
  using map = BpfMap.create(counters)
  const [key, value] = [new Uint8Array(4), new Uint8Array(8)]
  const refused = (call: () => unknown, message: string): void => {
    t.throws(call, { instanceOf: RangeError, message })
  }
  const long = new Uint8Array(5)
  refused(() => map.get(long), 'Cannot look up in map counters: key has 5 bytes, the map needs 4')
  refused(() => map.has(long), 'Cannot look up in map counters: key has 5 bytes, the map needs 4')
  refused(() => map.set(long, value), 'Cannot set in map counters: key has 5 bytes, the map needs 4')
  refused(() => map.set(key, long), 'Cannot set in map counters: value has 5 bytes, the map needs 8')
  refused(() => map.delete(long), 'Cannot delete from map counters: key has 5 bytes, the map needs 4')
  refused(
    () => map.nextKey(long),
    'Cannot find the next key of map counters: key has 5 bytes, the map needs 4',
  )
  t.deepEqual([...map], [])
})

kernelTest('a value of the wrong type is refused', [], t => {
  using map = BpfMap.create(counters)
  t.throws(() => map.get('1' as never), {
    instanceOf: TypeError,
    message: 'Cannot look up in map counters: the key must be a Uint8Array',
  })
  t.throws(() => map.set(new Uint8Array(4), 5n as never), {
    instanceOf: TypeError,
    message: 'Cannot set in map counters: the value must be a Uint8Array',
  })
  t.throws(() => map.typed(u32, u64).set(1.5, 1n), {
    instanceOf: RangeError,
    message: 'Cannot set in map counters: 1.5 is not an integer from 0 to 4294967295 (u32)',
  })
})

kernelTest('a hash has no queue operations', [], t => {
  using map = BpfMap.create(counters)
  for (const [verb, call] of [
    ['push to', () => map.push(new Uint8Array(8))],
    ['pop from', () => map.pop()],
    ['peek into', () => map.peek()],
  ] as const) {
    t.throws(call, {
      instanceOf: TypeError,
      message: `Cannot ${verb} map counters: a map of type hash has no such operation`,
    })
  }
})

kernelTest('a descriptor fills a value of 8 bytes', [socketMaps], t => {
  using map = BpfMap.create({ name: 'sockets', type: 'sockmap', keySize: 4, valueSize: 8, maxEntries: 1 })
  const key = new Uint8Array(4)
  t.throws(() => map.set(key, new Uint8Array(8).fill(255)), { code: 'EINVAL' })
  // The kernel sees the descriptor, and not what was in the memory before.
  t.throws(() => map.set(key, map), { code: 'ENOTSOCK' })
})

for (const type of ['percpu_array', 'percpu_hash', 'lru_percpu_hash'] as const) {
  kernelTest(`the value of one CPU in a ${type} is used alone, or refused with the reason`, [], t => {
    using map = BpfMap.create({ ...counters, type, valueSize: 4 }).typed(u32, perCpu(u32))
    const cpus = possibleCpus()
    const last = cpus.at(-1)!
    map.set(
      1,
      cpus.map(() => 1),
    )
    const one = map.ofCpu(last)
    if (features.oneCpuValues.probe() === 'no') {
      for (const act of [() => one.get(1), () => one.set(1, 2)])
        t.throws(act, { instanceOf: NotSupportedError, message: /7\.0/ })
      t.throws(() => one.setBatch([[1, 2]]), { instanceOf: NotSupportedError })
      t.throws(() => [...one.getBatch()], { instanceOf: NotSupportedError })
    } else {
      one.set(1, 2)
      t.is(one.get(1), 2)
      t.is(map.ofCpu(last).setBatch([[1, 3]]), 1)
      t.deepEqual(
        [...one.getBatch()].flat().filter(([key]) => key === 1),
        [[1, 3]],
      )
      t.deepEqual(
        map.get(1),
        cpus.map(cpu => (cpu === last ? 3 : 1)),
      )
      map.ofAllCpus().set(1, 9)
    }
    const left = features.oneCpuValues.probe() === 'no' ? 1 : 9
    t.deepEqual(
      map.get(1),
      cpus.map(() => left),
    )
  })
}

kernelTest(
  'elements of a resizable hash are read and deleted at once, walked over and cleared',
  [resizableHashes],
  t => {
    const spec: MapSpec = {
      ...counters,
      type: 'rhash',
      flags: BPF_F_NO_PREALLOC,
      maxEntries: 64,
      mapExtra: 64n,
    }
    using map = BpfMap.create(spec).typed(u32, u64)
    for (let key = 0; key < 40; key++) map.set(key, BigInt(key) * 3n)
    t.is(map.getAndDelete(7), 21n)
    t.is(map.getAndDelete(7), undefined)
    t.false(map.has(7))
    const keys = [...map.keys()]
    t.deepEqual(
      keys.sort((a, b) => a - b),
      Array.from({ length: 40 }, (_, key) => key).filter(key => key !== 7),
    )
    map.clear()
    t.is(map.nextKey(), undefined)

    for (let key = 0; key < 40; key++) map.set(key, 1n)
    let taken = 0
    for (let round = 0; round < 40 && map.nextKey() !== undefined; round++)
      for (const batch of map.getAndDeleteBatch(8)) taken += batch.length
    t.is(taken, 40)
  },
)
