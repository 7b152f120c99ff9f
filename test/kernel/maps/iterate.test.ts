import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BPF_F_NO_PREALLOC } from '../../../src/abi/generated/flags.ts'
import type { Codec } from '../../../src/base/codec.ts'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { possibleCpus } from '../../../src/kernel/cpus.ts'
import { lpmKey } from '../../../src/maps/kinds/lpm-trie.ts'
import { perCpu } from '../../../src/maps/kinds/per-cpu.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const squares = {
  name: 'squares',
  type: 'hash',
  keySize: 4,
  valueSize: 8,
  maxEntries: 20_000,
} satisfies MapSpec

/** Keys 0 to `count - 1`, each with its square. */
function squaresOf(count: number): [number, bigint][] {
  return Array.from({ length: count }, (_, i) => [i, BigInt(i) * BigInt(i)])
}

const byKey = ([a]: [number, unknown], [b]: [number, unknown]): number => a - b

for (const count of [0, 1, 1000, 10_000]) {
  kernelTest(`a hash with ${count} elements is walked by batches`, [], t => {
    using map = BpfMap.create(squares).typed(u32, u64)
    for (const [key, value] of squaresOf(count)) map.set(key, value)
    t.deepEqual([...map].sort(byKey), squaresOf(count))
    t.deepEqual(
      [...map.keys()].sort((a, b) => a - b),
      squaresOf(count).map(([key]) => key),
    )
    t.is(
      [...map.values()].reduce((sum, value) => sum + value, 0n),
      squaresOf(count).reduce((sum, [, value]) => sum + value, 0n),
    )
  })

  kernelTest(`an LPM trie with ${count} elements is walked key by key`, [], t => {
    using map = BpfMap.create({ ...squares, type: 'lpm_trie', keySize: 8, flags: BPF_F_NO_PREALLOC })
    const key = (index: number): Uint8Array => lpmKey(32, Uint8Array.of(10, 0, index >> 8, index & 255))
    for (let i = 0; i < count; i++)
      map.set(
        key(i),
        Uint8Array.from({ length: 8 }, () => i & 255),
      )
    const seen = [...map].map(([at, value]) => {
      const index = (at[6]! << 8) | at[7]!
      t.is(value[0], index & 255)
      return index
    })
    t.deepEqual(
      seen.sort((a, b) => a - b),
      squaresOf(count).map(([index]) => index),
    )
  })

  kernelTest(`each of ${count} elements may be deleted when the loop is at it`, [], t => {
    using map = BpfMap.create(squares).typed(u32, u64)
    for (const [key, value] of squaresOf(count)) map.set(key, value)
    const seen: number[] = []
    for (const [key] of map) {
      seen.push(key)
      t.true(map.delete(key))
    }
    t.deepEqual(
      seen.sort((a, b) => a - b),
      squaresOf(count).map(([key]) => key),
    )
    t.deepEqual([...map], [])
  })
}

kernelTest('each element of an LPM trie may be deleted when the loop is at it', [], t => {
  using map = BpfMap.create({ ...squares, type: 'lpm_trie', keySize: 8, flags: BPF_F_NO_PREALLOC })
  for (let i = 0; i < 1000; i++) map.set(lpmKey(32, Uint8Array.of(1, 0, i >> 8, i & 255)), new Uint8Array(8))
  let seen = 0
  for (const key of map.keys()) {
    t.true(map.delete(key))
    seen++
  }
  t.is(seen, 1000)
  t.is(map.nextKey(), undefined)
})

kernelTest('an array is walked in the order of its indices', [], t => {
  using map = BpfMap.create({ ...squares, type: 'array', maxEntries: 300 }).typed(u32, u64)
  for (const [key, value] of squaresOf(300)) map.set(key, value)
  t.deepEqual([...map], squaresOf(300))
})

kernelTest('a walk goes through more than one chunk', [], t => {
  using map = BpfMap.create({ ...squares, valueSize: 4096, maxEntries: 300 })
  const key = (index: number): Uint8Array => Uint8Array.of(index & 255, index >> 8, 0, 0)
  for (let i = 0; i < 300; i++) map.set(key(i), new Uint8Array(4096).fill(i % 251))
  const seen = new Set<number>()
  for (const [at, value] of map) {
    const index = at[0]! | (at[1]! << 8)
    t.is(value[4095], index % 251)
    seen.add(index)
  }
  t.is(seen.size, 300)
})

kernelTest('an LRU hash is walked', [], t => {
  using map = BpfMap.create({ ...squares, type: 'lru_hash' }).typed(u32, u64)
  for (const [key, value] of squaresOf(10)) map.set(key, value)
  t.deepEqual([...map].sort(byKey), squaresOf(10))
})

for (const type of ['percpu_hash', 'percpu_array'] as const) {
  kernelTest(`a ${type} is walked with the values of all CPUs`, [], t => {
    using map = BpfMap.create({ ...squares, type, maxEntries: 3 }).typed(u32, perCpu(u64))
    const values = (key: number): bigint[] =>
      Array.from({ length: possibleCpus().length }, (_, cpu) => BigInt(key + cpu))
    for (let key = 0; key < 3; key++) map.set(key, values(key))
    t.deepEqual(
      [...map].sort(byKey),
      [0, 1, 2].map(key => [key, values(key)]),
    )
  })
}

kernelTest('a walk may be left early and started again', [], t => {
  using map = BpfMap.create(squares).typed(u32, u64)
  map.set(1, 1n).set(2, 4n)
  for (const [key] of map) {
    t.true(key === 1 || key === 2)
    break
  }
  t.deepEqual([...map].sort(byKey), [
    [1, 1n],
    [2, 4n],
  ])
})

for (const [type, flags] of [
  ['hash', 0],
  ['lpm_trie', 1],
] as const) {
  kernelTest(`a walk of a map of type ${type} that was ended stays at its end`, [], t => {
    using map = BpfMap.create({ name: 'squares', type, keySize: 8, valueSize: 8, maxEntries: 4, flags })
    for (const key of [1n, 2n, 3n]) map.typed(u64, u64).set((key << 32n) | 32n, key)
    const end = { value: undefined, done: true }
    const over = map.keys()
    for (let i = 0; i < 3; i++) t.false(over.next().done)
    for (let i = 0; i < 3; i++) t.deepEqual(over.next(), end)
    const left = map.keys()
    left.next()
    t.deepEqual(left.return?.(), end)
    t.deepEqual(left.next(), end)
    const never = map.keys()
    t.deepEqual(never.return?.(), end)
    t.deepEqual(never.next(), end)
  })
}

kernelTest('a walk is an iterator like those of JavaScript', [], t => {
  using map = BpfMap.create(squares)
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf(new Map().keys()))
  t.is(Object.getPrototypeOf(Object.getPrototypeOf(map.entries())), prototype)
  const walk = map.entries()
  t.is(walk[Symbol.iterator](), walk)
})

kernelTest('a walk that failed is over', [], t => {
  const map = BpfMap.create(squares)
  const walk = map.keys()
  map.close()
  t.throws(() => walk.next(), { code: 'ERR_CLOSED' })
  t.deepEqual(walk.next(), { value: undefined, done: true })
})

/** Cannot decode the second thing that it is given. */
function failing(): Codec<bigint> {
  let calls = 0
  return {
    size: 8,
    encode: (value, view, offset) => view.setBigUint64(offset, value, true),
    decode: (view, offset) => {
      if (++calls === 2) throw new Error('the second one')
      return view.getBigUint64(offset, true)
    },
  }
}

for (const [type, flags] of [
  ['hash', 0],
  ['lpm_trie', 1],
] as const) {
  kernelTest(
    `a walk of a map of type ${type} is over when its codec fails, and can be disposed of`,
    [],
    t => {
      using map = BpfMap.create({ name: 'squares', type, keySize: 8, valueSize: 8, maxEntries: 8, flags })
      for (let i = 0n; i < 4n; i++) map.typed(u64, u64).set((i << 32n) | 32n, i)
      using walk = map.typed(u64, failing()).values()
      t.false(walk.next().done)
      t.throws(() => walk.next(), { message: /the second one/ })
      t.deepEqual(walk.next(), { value: undefined, done: true })
      const other = map.keys()
      other.next()
      other[Symbol.dispose]()
      t.deepEqual(other.next(), { value: undefined, done: true })
    },
  )
}

kernelTest('a walk keeps no memory after its end', [], t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const bytes = (): number => {
    // What one leaves to be swept in the background, the next sweeps.
    for (let i = 0; i < 5; i++) collect()
    return process.memoryUsage().arrayBuffers
  }
  using map = BpfMap.create({ ...squares, valueSize: 60_000, maxEntries: 1 })
  map.set(new Uint8Array(4), new Uint8Array(60_000))
  const before = bytes()
  const ended = Array.from({ length: 200 }, (_, i) => {
    const walk = map.keys()
    walk.next()
    if (i % 2 === 0) walk.return()
    else t.true(walk.next().done)
    return walk
  })
  // Half of them would have 6 MB.
  t.true(bytes() - before < 2e6)
  t.is(ended.length, 200)
})

kernelTest('values that a walk gave stay as they were', [], t => {
  // More than a batch of 64 KiB.
  const count = 6000
  using map = BpfMap.create({ name: 'wide', type: 'array', keySize: 4, valueSize: 32, maxEntries: count })
  map.setBatch(
    Array.from({ length: count }, (_, i) => [
      new Uint8Array(Uint32Array.of(i).buffer),
      new Uint8Array(32).fill(i),
    ]),
  )
  const values = [...map.values()]
  t.is(values.length, count)
  t.true(values.every((value, i) => value.length === 32 && value.every(byte => byte === (i & 0xff))))
})

kernelTest('a map without keys has no walk', [], t => {
  using map = BpfMap.create({ name: 'queue', type: 'queue', keySize: 0, valueSize: 4, maxEntries: 4 })
  t.throws(() => map.keys(), { instanceOf: TypeError })
})

kernelTest('a walk ends with the map', [], t => {
  using map = BpfMap.create({ ...squares, valueSize: 100_000, maxEntries: 10 })
  for (let i = 0; i < 10; i++) map.set(Uint8Array.of(i, 0, 0, 0), new Uint8Array(100_000))
  const walk = map.keys()
  walk.next()
  map.close()
  t.throws(() => [...walk], { code: 'ERR_CLOSED', message: 'map squares is closed' })
})
