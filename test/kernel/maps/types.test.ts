import { cString, struct, u16, u32, u64 } from '../../../src/base/codecs.ts'
import { Btf } from '../../../src/btf/btf.ts'
import { possibleCpus } from '../../../src/kernel/cpus.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { perCpu } from '../../../src/maps/kinds/per-cpu.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { BtfObject } from '../../../src/objects/btf-object.ts'
import { BtfMaker } from '../../support/btf/maker.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { bloomFilters } from '../../support/maps/features.ts'

const flows = { name: 'flows', type: 'hash', keySize: 8, valueSize: 24, maxEntries: 4 } satisfies MapSpec
const flow = struct({ address: u32, port: u16 })
const usage = struct({ bytes: u64, comm: cString(16) })

/** BTF of `struct flow { u32 address; u16 port; }` and `struct usage { u64 bytes; char comm[16]; }`. */
function flowBtf(): { btf: Btf; raw: Uint8Array; keyTypeId: number; valueTypeId: number } {
  const maker = new BtfMaker()
  const keyTypeId = maker.struct(
    'flow',
    8,
    ['address', maker.int('u32', 4), 0],
    ['port', maker.int('u16', 2), 4],
  )
  const comm = maker.array(maker.int('char', 1), 16)
  const valueTypeId = maker.struct('usage', 24, ['bytes', maker.int('u64', 8), 0], ['comm', comm, 8])
  const raw = maker.builder.build()
  return { btf: Btf.parse(raw), raw, keyTypeId, valueTypeId }
}

kernelTest('a typed view writes what it reads', [], t => {
  using map = BpfMap.create(flows).typed(flow, usage)
  const key = { address: 0x0a000001, port: 443 }
  const value = { bytes: 2n ** 40n, comm: 'curl' }
  map.set(key, value)
  t.deepEqual(map.get(key), value)
  t.deepEqual([...map], [[key, value]])
  t.throws(() => map.set({ address: 1, port: 70_000 }, value), {
    instanceOf: RangeError,
    message: 'Cannot set in map flows: port: 70000 is not an integer from 0 to 65535 (u16)',
  })
})

kernelTest('views of one map share it, and its end', [], t => {
  using map = BpfMap.create(flows)
  const typed = map.typed(flow, usage)
  typed.set({ address: 1, port: 2 }, { bytes: 3n, comm: '' })
  t.is(map.get(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0))![0], 3)
  t.is(typed.fd, map.fd)
  typed.close()
  t.true(map.closed)
})

kernelTest('a codec has the size of what it is for', [], t => {
  using map = BpfMap.create(flows)
  t.throws(() => map.typed(u32, usage), {
    instanceOf: RangeError,
    message: 'Cannot type map flows: the key codec has 4 bytes, the map needs 8',
  })
  t.throws(() => map.typed(flow, u32), {
    instanceOf: RangeError,
    message: 'Cannot type map flows: the value codec has 4 bytes, the map needs 24',
  })
})

kernelTest('a codec of one CPU is not that of a per-CPU value', [], t => {
  using map = BpfMap.create({ ...flows, type: 'percpu_hash' })
  t.throws(() => map.typed(flow, usage), {
    instanceOf: RangeError,
    message: `Cannot type map flows: the value codec has 24 bytes, the map needs ${24 * possibleCpus().length}; wrap it in perCpu()`,
  })
  t.notThrows(() => map.typed(flow, perCpu(usage)))
})

kernelTest('a map is seen through the BTF of its spec', [], t => {
  const { btf, keyTypeId, valueTypeId } = flowBtf()
  using map = BpfMap.create({ ...flows, btf, keyTypeId, valueTypeId })
  const decoded = map.decoded()
  decoded.set({ address: 1, port: 2 }, { bytes: 3n, comm: 'node' })
  t.deepEqual(
    [...decoded],
    [
      [
        { address: 1, port: 2 },
        { bytes: 3n, comm: 'node' },
      ],
    ],
  )
  t.deepEqual(
    [...map.typed(flow, usage)],
    [
      [
        { address: 1, port: 2 },
        { bytes: 3n, comm: 'node' },
      ],
    ],
  )
})

kernelTest('a map is seen through the BTF that it was loaded with', [features.btf], t => {
  const { btf, raw, keyTypeId, valueTypeId } = flowBtf()
  using object = BtfObject.load(raw)
  const spec = { ...flows, btf, keyTypeId, valueTypeId }
  using map = BpfMap.create(spec, { btfFd: object.fd })
  t.is(map.info().btfKeyTypeId, keyTypeId)
  t.is(map.info().btfValueTypeId, valueTypeId)

  using other = BpfMap.fromId(map.id)
  t.is(other.spec, undefined)
  map.typed(flow, usage).set({ address: 1, port: 2 }, { bytes: 3n, comm: 'node' })
  t.deepEqual(
    [...other.decoded()],
    [
      [
        { address: 1, port: 2 },
        { bytes: 3n, comm: 'node' },
      ],
    ],
  )
})

kernelTest('values of all CPUs are decoded', [], t => {
  const { btf, keyTypeId, valueTypeId } = flowBtf()
  using map = BpfMap.create({ ...flows, type: 'percpu_hash', btf, keyTypeId, valueTypeId })
  const values = Array.from({ length: possibleCpus().length }, (_, cpu) => ({
    bytes: BigInt(cpu),
    comm: `cpu${cpu}`,
  }))
  const decoded = map.decoded()
  decoded.set({ address: 1, port: 2 }, values)
  t.deepEqual(decoded.get({ address: 1, port: 2 }), values)
})

kernelTest('elements without keys are decoded', [bloomFilters], t => {
  const { btf, valueTypeId } = flowBtf()
  using queue = BpfMap.create({ name: 'jobs', type: 'queue', valueSize: 24, maxEntries: 2, btf, valueTypeId })
  t.deepEqual(queue.decoded().push({ bytes: 1n, comm: 'a' }).pop(), { bytes: 1n, comm: 'a' })

  const spec: MapSpec = { name: 'seen', type: 'bloom_filter', valueSize: 24, maxEntries: 2, btf, valueTypeId }
  using filter = BpfMap.create(spec)
  t.true(filter.decoded().push({ bytes: 1n, comm: 'a' }).has({ bytes: 1n, comm: 'a' }))
})

kernelTest('a map without types is not decoded', [], t => {
  using map = BpfMap.create(flows)
  t.throws(() => map.decoded(), {
    code: 'ERR_NO_BTF',
    message: 'Cannot decode map flows: it was created without BTF',
  })
  const { btf, valueTypeId } = flowBtf()
  using half = BpfMap.create({ ...flows, btf, valueTypeId })
  t.throws(() => half.decoded(), {
    code: 'ERR_NO_BTF',
    message: 'Cannot decode map flows: the type of its keys is not known',
  })
})

kernelTest('what has no type is bytes where that is wanted', [], t => {
  using map = BpfMap.create(flows)
  const untyped = map.decoded({ untyped: 'bytes' })
  t.deepEqual(
    untyped.set(new Uint8Array(8), new Uint8Array(24).fill(1)).get(new Uint8Array(8)),
    new Uint8Array(24).fill(1),
  )

  const { btf, valueTypeId } = flowBtf()
  using half = BpfMap.create({ ...flows, btf, valueTypeId })
  const decoded = half.decoded({ untyped: 'bytes' })
  decoded.set(new Uint8Array(8), { bytes: 1, comm: 'a' })
  t.deepEqual([...decoded], [[new Uint8Array(8), { bytes: 1n, comm: 'a' }]])
})

kernelTest('the index of an array is a number, whatever its definition says', [], t => {
  const { btf, valueTypeId } = flowBtf()
  using map = BpfMap.create({ ...flows, type: 'array', keySize: 4, btf, valueTypeId })
  t.deepEqual(map.decoded().set(2, { bytes: 1n }).get(2), { bytes: 1n, comm: '' })
  using untyped = BpfMap.create({ ...flows, type: 'array', keySize: 4 })
  t.deepEqual([...untyped.decoded({ untyped: 'bytes' }).keys()], [0, 1, 2, 3])
})

kernelTest('a type of another size than the map is refused when it is used', [], t => {
  const { btf, keyTypeId, valueTypeId } = flowBtf()
  using map = BpfMap.create({ ...flows, valueSize: 32, btf, keyTypeId, valueTypeId })
  const expected = { instanceOf: RangeError, message: /^Cannot type map flows: the value codec has 24 bytes/ }
  t.throws(() => map.decoded(), expected)
  const decoded = map.decoded({ untyped: 'bytes' })
  t.throws(() => decoded.get({ address: 1, port: 2 }), expected)
  t.deepEqual(
    decoded.bytes().set(new Uint8Array(8), new Uint8Array(32)).get(new Uint8Array(8)),
    new Uint8Array(32),
  )
})

kernelTest('bytes are what system calls pass, whatever the map', [], t => {
  using single = BpfMap.create(flows)
  t.deepEqual(
    single.bytes().set(new Uint8Array(8), new Uint8Array(24)).get(new Uint8Array(8)),
    new Uint8Array(24),
  )

  using perCpus = BpfMap.create({
    name: 'hits',
    type: 'percpu_array',
    keySize: 4,
    valueSize: 4,
    maxEntries: 1,
  })
  const values = Array.from({ length: possibleCpus().length }, (_, cpu) => Uint8Array.of(cpu, 0, 0, 0))
  perCpus.set(new Uint8Array(4), values)
  const row = new Uint8Array(8 * possibleCpus().length)
  for (const [cpu, value] of values.entries()) row.set(value, 8 * cpu)
  t.deepEqual(perCpus.bytes().get(new Uint8Array(4)), row)

  const inner: MapSpec = { name: 'inner', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 }
  using outer = BpfMap.create({ name: 'outer', type: 'array_of_maps', maxEntries: 1, innerMap: inner })
  using first = BpfMap.create(inner)
  outer.set(new Uint8Array(4), first)
  const id = outer.bytes().get(new Uint8Array(4))!
  t.is(new DataView(id.buffer).getUint32(0, true), first.id)
})

kernelTest('maps in a map are decoded through the types of their template', [], t => {
  const { btf, keyTypeId, valueTypeId } = flowBtf()
  const template: MapSpec = { ...flows, btf, keyTypeId, valueTypeId }
  using outer = BpfMap.create({ name: 'outer', type: 'array_of_maps', maxEntries: 2, innerMap: template })
  using first = BpfMap.create(template)
  const decoded = outer.decoded({ untyped: 'bytes' })
  decoded.set(1, first)
  first.decoded().set({ address: 1 }, { comm: 'a' })
  for (let round = 0; round < 2; round++) {
    using found = decoded.get(1) as BpfMap<unknown, unknown>
    t.deepEqual(
      [...found],
      [
        [
          { address: 1, port: 0 },
          { bytes: 0n, comm: 'a' },
        ],
      ],
    )
  }
})

kernelTest('a map is created without the types that the kernel refuses', [features.btf], t => {
  const { raw, btf, keyTypeId } = flowBtf()
  using object = BtfObject.load(raw)
  // The value's type has another size than the value.
  const spec = { ...flows, btf, keyTypeId, valueTypeId: keyTypeId }
  using map = BpfMap.create(spec, { btfFd: object.fd })
  t.is(map.info().btfId, 0)
})
