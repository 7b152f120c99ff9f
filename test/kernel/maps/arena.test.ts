import { BPF_F_MMAPABLE } from '../../../src/abi/generated/flags.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, objectSpec } from '../../support/objects.ts'
import { arenas } from '../../support/programs/features.ts'

const spec: MapSpec = { name: 'arena', type: 'arena', maxEntries: 2, flags: BPF_F_MMAPABLE }

kernelTest('variables of an arena are shared with its programs', [arenas], t => {
  using collection = loadObject('arena-data')
  const { programs, variables } = collection
  t.is(variables.get('counter').get(), 41)
  t.is(programs.get('link_nodes').testRun().returnValue, 42)
  t.is(variables.get('counter').get(), 42)
  t.deepEqual(variables.get('table').get(), [1n, 2n, 3n, 9n])
  variables.get('counter').set(99)
  t.is(programs.get('link_nodes').testRun().returnValue, 100)
  t.throws(() => variables.get('counter').set('many'), { instanceOf: TypeError })
})

kernelTest('pointers into an arena are the same for programs and for the process', [arenas], t => {
  using collection = loadObject('arena-data')
  const { programs, variables, maps } = collection
  const arena = maps.get('arena').arena()
  t.is(programs.get('link_nodes').testRun().returnValue, 42)
  t.is(programs.get('sum_nodes').testRun().returnValue, 9)
  const head = variables.get('head').get() as bigint
  const first = new DataView(arena.read(Number(head - arena.address), 16).buffer)
  t.is(first.getBigUint64(8, true), 4n)
  // Whoever has the address can change the list.
  const second = Number(first.getBigUint64(0, true) - arena.address)
  arena.write(second + 8, Uint8Array.of(50))
  t.is(programs.get('sum_nodes').testRun().returnValue, 54)
})

kernelTest('initial values in an arena are set before it is loaded', [arenas], t => {
  const object = objectSpec('arena-data')
  object.variables.get('counter').set(7)
  using collection = Collection.load(object)
  t.is(collection.programs.get('link_nodes').testRun().returnValue, 8)
})

kernelTest('an arena lies at the address it was given', [arenas], t => {
  const address = 1n << 44n
  {
    using map = BpfMap.create({ ...spec, mapExtra: address })
    t.is(map.arena().address, address)
    t.is(map.arena().size, 2 * pageSize())
    // Two at one address cannot be.
    t.throws(() => BpfMap.create({ ...spec, mapExtra: address }), {
      code: 'EEXIST',
      message: /^Cannot create map arena: Cannot map \d+ bytes: /,
    })
  }
  // Closing it has left the address.
  using again = BpfMap.create({ ...spec, mapExtra: address })
  t.deepEqual(again.arena().read(0, 4), new Uint8Array(4))
})

kernelTest('the memory of an arena has ends, and an end', [arenas], t => {
  const map = BpfMap.create(spec)
  const arena = map.arena()
  arena.write(arena.size - 2, Uint8Array.of(1, 2))
  t.deepEqual(arena.read(arena.size - 2, 2), Uint8Array.of(1, 2))
  t.throws(() => arena.read(arena.size - 1, 2), {
    instanceOf: RangeError,
    message: `Cannot read memory: 2 bytes at ${arena.size - 1} are not within ${arena.size} bytes`,
  })
  t.throws(() => arena.write(-1, new Uint8Array(1)), { instanceOf: RangeError })
  const clone = map.clone()
  t.deepEqual(clone.arena().read(arena.size - 2, 2), Uint8Array.of(1, 2))
  using other = BpfMap.fromId(map.id)
  t.throws(() => other.arena(), { code: 'ERR_NOT_MAPPED' })
  map.close()
  t.throws(() => clone.arena().read(0, 1), { code: 'ERR_CLOSED' })
  clone.close()
})

kernelTest('more variables than an arena has room for are refused', [arenas], t => {
  const value = new Uint8Array(2 * pageSize() + 1)
  t.throws(() => BpfMap.create({ ...spec, contents: [{ key: new Uint8Array(0), value }] }), {
    instanceOf: RangeError,
    message: /its \d+ bytes of variables are more than its \d+$/,
  })
})

kernelTest('only an arena has such memory', [], t => {
  using map = BpfMap.create({ name: 'numbers', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 })
  t.throws(() => map.arena(), {
    instanceOf: TypeError,
    message: 'Cannot reach the memory of map numbers: it is of type array',
  })
})
