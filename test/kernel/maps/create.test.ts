import { BPF_F_NO_PREALLOC, BPF_F_NUMA_NODE } from '../../../src/abi/generated/flags.ts'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { nrCpuIds } from '../../../src/kernel/cpus.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import type { CreateMapOptions } from '../../../src/maps/create/options.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const spec: MapSpec = { name: 'm', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 4 }
const inner: MapSpec = { ...spec, name: 'inner' }

/** What the kernel calls invalid, and what is wrong with it. */
const refused: readonly (readonly [change: Partial<MapSpec>, reason: string])[] = [
  [{ maxEntries: 0 }, 'maxEntries is 0'],
  [{ keySize: 0 }, 'the key size is 0'],
  [{ valueSize: 0 }, 'the value size is 0'],
  [{ type: 'array', keySize: 8 }, 'keys of a map of type array have 4 bytes, not 8'],
  [{ type: 'queue' }, 'a map of type queue has no keys, but the key size is 4'],
  [{ type: 'hash_of_maps', innerMap: inner }, 'values of a map of type hash_of_maps have 4 bytes, not 8'],
  [{ type: 'lpm_trie', keySize: 8 }, 'a map of type lpm_trie needs the flag BPF_F_NO_PREALLOC'],
  [{ type: 'task_storage', maxEntries: 0 }, 'a map of type task_storage needs the flag BPF_F_NO_PREALLOC'],
  [{ type: 'task_storage', flags: BPF_F_NO_PREALLOC }, 'a map of type task_storage has no maxEntries'],
  [
    { type: 'task_storage', maxEntries: 0, flags: BPF_F_NO_PREALLOC },
    'a map of type task_storage needs BTF of its key and value',
  ],
  [{ type: 'ringbuf', maxEntries: pageSize() }, 'a map of type ringbuf has no keys, but the key size is 4'],
  [
    { type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 2 ** 31 + 1 },
    'a ring buffer has at most 2147483648 bytes, not 2147483649',
  ],
  [{ type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 0 }, 'maxEntries is 0'],
  [{ flags: 0x80000000 }, 'this kernel does not take the flags 0x80000000 for a map of type hash'],
]
for (const [change, reason] of refused) {
  kernelTest(`${JSON.stringify({ type: 'hash', ...change })} is refused`, [], t => {
    t.throws(() => BpfMap.create({ ...spec, ...change }), {
      instanceOf: BpfError,
      code: 'EINVAL',
      message: `Cannot create map m: ${reason} (EINVAL)`,
    })
  })
}

kernelTest('a type-specific number that does not fit is named, by the kernel where it can', [], t => {
  const { message } = t.throws(() => BpfMap.create({ ...spec, mapExtra: 7n }), { code: 'EINVAL' })
  const logged = features.commonAttributes.probe() === 'yes'
  t.regex(
    message,
    logged ? /: the kernel says: .*map_extra/ : /: mapExtra 7 does not fit a map of type hash /,
  )
})

kernelTest('sizes that are too great are named', [], t => {
  t.throws(() => BpfMap.create({ ...spec, keySize: 2 ** 31 }), {
    code: 'E2BIG',
    message:
      /^Cannot create map m: keys of 2147483648 and values of \d+ bytes are larger than a map of type hash takes \(E2BIG\)$/,
  })
})

kernelTest('what is wrong in itself never reaches the kernel', [], t => {
  t.throws(() => BpfMap.create({ ...spec, type: 'hsah' as 'hash' }), {
    instanceOf: RangeError,
    message: /hsah/,
  })
  for (const value of [-1, 0.5, 2 ** 32]) {
    t.throws(() => BpfMap.create({ ...spec, keySize: value }), {
      instanceOf: RangeError,
      message: `Cannot create map m: keySize ${value} is not a 32-bit number`,
    })
  }
})

kernelTest('a spec is not changed by creating it', [], t => {
  const own: MapSpec = { name: 'cpus', type: 'perf_event_array' }
  using map = BpfMap.create(own)
  t.deepEqual(own, { name: 'cpus', type: 'perf_event_array' })
  t.is(map.spec?.maxEntries, nrCpuIds())
})

kernelTest('sizes that follow from the type are filled in', [], t => {
  const created = (own: MapSpec, options?: CreateMapOptions): number[] => {
    using map = BpfMap.create(own, options)
    const { keySize, valueSize, maxEntries } = map.info()
    return [keySize, valueSize, maxEntries]
  }
  const name = 'm'
  t.deepEqual(created({ name, type: 'perf_event_array', maxEntries: 100_000 }), [4, 4, nrCpuIds()])
  t.deepEqual(created({ name, type: 'prog_array', maxEntries: 3 }), [4, 4, 3])
  t.deepEqual(created({ name, type: 'array_of_maps', maxEntries: 3, innerMap: inner }), [4, 4, 3])
  t.deepEqual(created({ name, type: 'ringbuf', maxEntries: 1 }), [0, 0, pageSize()])
})

kernelTest('a NUMA node is a flag too', [], t => {
  using map = BpfMap.create({ ...spec, numaNode: 0 })
  t.is(map.info().flags, BPF_F_NUMA_NODE)
  t.is(map.flags, BPF_F_NUMA_NODE)
  t.throws(() => BpfMap.create({ ...spec, numaNode: 1023 }), {
    code: 'EINVAL',
    // Linux 7.2 says so itself.
    message: /: (?:NUMA node 1023 does not exist|the kernel says: Invalid numa_node\.) \(EINVAL\)$/,
  })
})

kernelTest('the kernel keeps 15 bytes of a name, the map all', [], t => {
  using map = BpfMap.create({ ...spec, name: 'counters_of_all_processes' })
  t.is(map.name, 'counters_of_all_processes')
  t.is(map.info().name, 'counters_of_all')
  using odd = BpfMap.create({ ...spec, name: 'a-b c/d' })
  t.is(odd.info().name, 'abcd')
})

kernelTest('a map is filled with its contents, and then frozen', [], t => {
  const contents = [1, 2].map(i => ({ key: Uint8Array.of(i, 0, 0, 0), value: new Uint8Array(8).fill(i) }))
  using map = BpfMap.create({ ...spec, contents, freeze: true }).typed(u32, u64)
  t.is(map.get(1), 0x0101010101010101n)
  t.is(map.get(2), 0x0202020202020202n)
  t.true(map.info().frozen)
})

kernelTest('a queue is filled too', [], t => {
  const contents = [{ key: new Uint8Array(), value: Uint8Array.of(7, 0, 0, 0) }]
  using map = BpfMap.create({ name: 'q', type: 'queue', valueSize: 4, maxEntries: 1, contents })
  t.deepEqual(map.pop(), Uint8Array.of(7, 0, 0, 0))
})

kernelTest('contents may name maps', [], t => {
  using named = BpfMap.create(inner)
  const outer: MapSpec = {
    name: 'outer',
    type: 'array_of_maps',
    maxEntries: 2,
    innerMap: inner,
    contents: [{ key: Uint8Array.of(1, 0, 0, 0), value: { map: 'inner' } }],
  }
  using map = BpfMap.create(outer as MapSpec & { type: 'array_of_maps' }, {
    resolve: reference => ('map' in reference && reference.map === 'inner' ? named : undefined),
  })
  using found = map.get(Uint8Array.of(1, 0, 0, 0))!
  t.is(found.id, named.id)
  t.throws(() => BpfMap.create(outer), {
    code: 'ERR_UNRESOLVED',
    message: 'Cannot fill map outer: its element {"map":"inner"} is not resolved',
  })
})

kernelTest('a map whose contents are wrong does not stay', [], t => {
  const contents = [{ key: new Uint8Array(3), value: new Uint8Array(8) }]
  t.throws(() => BpfMap.create({ ...spec, contents }), {
    instanceOf: RangeError,
    message: 'Cannot set in map m: key has 3 bytes, the map needs 4',
  })
})
