import { statSync } from 'node:fs'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, objectSpec, runOnce } from '../../support/objects.ts'

kernelTest('legacy and modern maps of one object are created and used', [], t => {
  using collection = loadObject('legacy-maps')
  const { maps, programs } = collection
  const program = programs.get('count_runs')
  t.deepEqual([runOnce(program), runOnce(program)], [2, 4])
  t.is(maps.get('slots').typed(u32, u64).get(1), 2n)
  t.is(maps.get('modern').typed(u32, u64).get(1), 4n)
  t.deepEqual(maps.get('queue').pop(), Uint8Array.of(1, 0, 0, 0))
  t.deepEqual(maps.get('by_port').decoded().get(2), { packets: 2n, bytes: 64n })
})

kernelTest('a legacy map of maps has a template, and is filled by hand', [], t => {
  using collection = loadObject('legacy-sample')
  const { maps, programs } = collection
  t.is(runOnce(programs.get('read_inner')), 0)
  maps.get('inner').typed(u32, u64).set(1, 123n)
  maps.get('outer').set(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0), maps.get('inner'))
  t.is(runOnce(programs.get('read_inner')), 123)
  t.is(maps.get('on_node').typed(u32, u32).get(1), 1)
})

kernelTest('the caller gives a map that inner maps are like', [], t => {
  const spec = objectSpec('legacy-sample')
  const outer = spec.maps.get('outer')
  delete outer.innerMap
  t.throws(() => Collection.load(spec), {
    code: 'ERR_INVALID_SPEC',
    message: /^Cannot create map outer: nothing says what its inner maps are\. /,
  })
  using like = BpfMap.create(spec.maps.get('inner'))
  using collection = Collection.load(spec, { innerMaps: { outer: like } })
  const { maps, programs } = collection
  maps.get('inner').typed(u32, u64).set(1, 123n)
  maps.get('outer').set(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0), maps.get('inner'))
  t.is(runOnce(programs.get('read_inner')), 123)
  t.throws(() => Collection.load(spec, { innerMaps: { outre: like } }), { code: 'ERR_NO_SUCH_NAME' })
})

kernelTest('maps of iproute2 are pinned where they say, and found there by the next load', [], t => {
  using bpffs = temporaryBpffs()
  const load = (): Collection => loadObject('legacy-iproute2', undefined, { pinPath: bpffs.path })
  {
    using first = load()
    t.is(runOnce(first.programs.get('count_runs')), 1)
    t.is(first.maps.get('inner').typed(u32, u64).get(0), 1n, 'it is element 1 of outer')
  }
  using second = load()
  t.is(runOnce(second.programs.get('count_runs')), 2)
  t.is(second.maps.get('of_object').typed(u32, u64).get(0), 2n)
  t.is(second.maps.get('unpinned').typed(u32, u64).get(0), 1n)

  using pinned = BpfMap.loadPinned(`${bpffs.path}/tc/globals/of_all`)
  t.is(pinned.id, second.maps.get('of_all').id)
  t.is(statSync(`${bpffs.path}/tc/globals`).mode & 0o777, 0o700)
  second.maps.get('of_object').unpin(`${bpffs.path}/of_object`)
  t.throws(() => BpfMap.loadPinned(`${bpffs.path}/unpinned`), { code: 'ENOENT' })
})

kernelTest('tail calls of iproute2 work once the types of their programs are set', [], t => {
  const spec = objectSpec('legacy-tail-calls')
  t.throws(() => Collection.load(spec), {
    code: 'ERR_INVALID_SPEC',
    message:
      'Cannot load program first (7/1): the section name "7/1" gives no program type; set `type` of its spec, or rename the section',
  })
  for (const program of spec.programs.values()) program.type = 'socket_filter'
  using collection = Collection.load(spec)
  t.is(runOnce(collection.programs.get('jump')), 2)
})

kernelTest('maps of gobpf are pinned in their namespace', [], t => {
  using bpffs = temporaryBpffs()
  using collection = loadObject('legacy-gobpf', undefined, { pinPath: bpffs.path })
  t.is(runOnce(collection.programs.get('count_runs')), 1)
  using pinned = BpfMap.loadPinned(`${bpffs.path}/app/globals/shared`)
  t.is(pinned.typed(u32, u64).get(0), 1n)
})

const sums: MapSpec = { name: 'sums', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 4 }

kernelTest('a pin path that is absolute is not below that of all pins', [], t => {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/elsewhere/mine`
  using map = BpfMap.create({ ...sums, pinPath: path }, { pinPath: '/nowhere' })
  using pinned = BpfMap.loadPinned(path)
  t.is(pinned.id, map.id)
})

kernelTest('a pin path in a file system that makes no directories is refused', [], t => {
  t.throws(() => BpfMap.create({ ...sums, pinPath: '/sys/kernel/none/sums' }), {
    code: 'ERR_NOT_BPFFS',
    message: /^Cannot pin map sums at \/sys\/kernel\/none\/sums: \/sys\/kernel is not on a BPF file system /,
  })
})

kernelTest('a pin path comes before the name, and no pinning before both', [], t => {
  using bpffs = temporaryBpffs()
  const options = { pinPath: bpffs.path }
  using byPath = BpfMap.create({ ...sums, pinning: 'by_name', pinPath: 'there' }, options)
  using pinned = BpfMap.loadPinned(`${bpffs.path}/there`)
  t.is(pinned.id, byPath.id)
  using _unpinned = BpfMap.create({ ...sums, pinning: 'none', pinPath: 'here' }, options)
  for (const name of ['sums', 'here']) {
    t.throws(() => BpfMap.loadPinned(`${bpffs.path}/${name}`), { code: 'ENOENT' })
  }
})

kernelTest('a program of a section without type loads once it has one', [], t => {
  using bpffs = temporaryBpffs()
  const spec = objectSpec('legacy-prog')
  const program = spec.programs.get('count_calls')
  t.deepEqual([program.type, program.sectionName], ['unspec', 'prog'])
  program.type = 'raw_tracepoint'
  using collection = Collection.load(spec, { pinPath: bpffs.path })
  t.is(runOnce(collection.programs.get('count_calls')), 0)
  t.is(collection.maps.get('legacy_last').typed(u32, u32).get(0), process.pid)
  using calls = BpfMap.loadPinned(`${bpffs.path}/tc/globals/legacy_calls`).typed(u32, u64)
  t.is(calls.get(process.pid), 1n)
})
