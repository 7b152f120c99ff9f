import { u32, u64 } from '../../../src/base/codecs.ts'
import { possibleCpus } from '../../../src/kernel/cpus.ts'
import { perCpu } from '../../../src/maps/kinds/per-cpu.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftool } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const spec: MapSpec = { name: 'witnessed', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 4 }

/** Bytes as bpftool prints them. */
const hex = (...bytes: number[]): string[] => bytes.map(byte => `0x${byte.toString(16).padStart(2, '0')}`)

kernelTest('bpftool shows what was created', ['bpftool'], t => {
  using map = BpfMap.create({ ...spec, flags: 1 })
  t.like(bpftool('map', 'show', 'id', map.id), {
    id: map.id,
    type: 'hash',
    name: 'witnessed',
    flags: 1,
    bytes_key: 4,
    bytes_value: 8,
    max_entries: 4,
    frozen: 0,
  })
  map.freeze()
  t.like(bpftool('map', 'show', 'id', map.id), { frozen: 1 })
})

kernelTest('bpftool dumps what was written', ['bpftool'], t => {
  using map = BpfMap.create(spec).typed(u32, u64)
  map.set(0x01020304, 0x1122334455667788n)
  t.deepEqual(bpftool('map', 'dump', 'id', map.id), [
    { key: hex(4, 3, 2, 1), value: hex(0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11) },
  ])
})

kernelTest('bpftool dumps the values of each CPU', ['bpftool'], t => {
  using map = BpfMap.create({ ...spec, type: 'percpu_array', maxEntries: 1 }).typed(u32, perCpu(u64))
  const cpus = [...possibleCpus().keys()]
  map.set(
    0,
    cpus.map(cpu => BigInt(cpu + 1)),
  )
  t.deepEqual(bpftool('map', 'dump', 'id', map.id), [
    {
      key: hex(0, 0, 0, 0),
      values: cpus.map(cpu => ({ cpu, value: hex(cpu + 1, 0, 0, 0, 0, 0, 0, 0) })),
    },
  ])
})

kernelTest('what bpftool writes is read', ['bpftool'], t => {
  using map = BpfMap.create(spec).typed(u32, u64)
  const key = ['key', 'hex', 1, '00', '00', '00']
  bpftool('map', 'update', 'id', map.id, ...key, 'value', 'hex', 2, 1, '00', '00', '00', '00', '00', '00')
  t.deepEqual([...map], [[1, 0x102n]])
  bpftool('map', 'delete', 'id', map.id, ...key)
  t.is(map.get(1), undefined)
})

kernelTest('what bpftool pinned is opened', ['bpftool'], t => {
  using bpffs = temporaryBpffs()
  using map = BpfMap.create(spec)
  bpftool('map', 'pin', 'id', map.id, `${bpffs.path}/witnessed`)
  using found = BpfMap.loadPinned(`${bpffs.path}/witnessed`)
  t.is(found.id, map.id)
})

kernelTest('what bpftool created is opened, filled and seen by it', ['bpftool'], t => {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/theirs`
  const sizes = ['key', 4, 'value', 8, 'entries', 2, 'name', 'theirs']
  bpftool('map', 'create', path, 'type', 'array', ...sizes)
  using map = BpfMap.loadPinned(path).typed(u32, u64)
  t.deepEqual([map.name, map.type, map.maxEntries], ['theirs', 'array', 2])
  map.set(1, 5n)
  t.deepEqual(bpftool('map', 'lookup', 'pinned', path, 'key', 1, 0, 0, 0), {
    key: hex(1, 0, 0, 0),
    value: hex(5, 0, 0, 0, 0, 0, 0, 0),
  })
})

kernelTest('bpftool finds our pin', ['bpftool'], t => {
  using bpffs = temporaryBpffs()
  using map = BpfMap.create(spec)
  map.pin(`${bpffs.path}/witnessed`)
  t.like(bpftool('map', 'show', 'pinned', `${bpffs.path}/witnessed`), { id: map.id })
})
