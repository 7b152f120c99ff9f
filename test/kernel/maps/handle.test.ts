import { readdirSync } from 'node:fs'
import { mapTypes } from '../../../src/abi/generated/enums.ts'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { bpf } from '../../../src/syscalls/bpf.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const spec: MapSpec = { name: 'handles', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 4 }

const countFds = (): number => readdirSync('/proc/self/fd').length

kernelTest('a map knows what it is', [], t => {
  using map = BpfMap.create({ ...spec, flags: 1 })
  t.deepEqual(
    [map.name, map.type, map.keySize, map.valueSize, map.maxEntries, map.flags, map.closed],
    ['handles', 'hash', 4, 8, 4, 1, false],
  )
  const { memlock, ...info } = map.info()
  t.deepEqual(info, {
    id: map.id,
    type: 'hash',
    name: 'handles',
    keySize: 4,
    valueSize: 8,
    maxEntries: 4,
    flags: 1,
    ifindex: 0,
    btfId: 0,
    btfKeyTypeId: 0,
    btfValueTypeId: 0,
    btfVmlinuxValueTypeId: 0,
    mapExtra: 0n,
    frozen: false,
  })
  t.true(memlock! > 0)
})

kernelTest('closing twice is closing once', [], t => {
  const before = countFds()
  const map = BpfMap.create(spec)
  map.close()
  map.close()
  t.true(map.closed)
  t.is(countFds(), before)
})

kernelTest('a closed map refuses everything, and has no descriptor', [], t => {
  const map = BpfMap.create(spec).typed(u32, u64)
  const calls: Record<string, () => unknown> = {
    fd: () => map.fd,
    id: () => map.id,
    info: () => map.info(),
    get: () => map.get(1),
    has: () => map.has(1),
    set: () => map.set(1, 1n),
    delete: () => map.delete(1),
    getAndDelete: () => map.getAndDelete(1),
    nextKey: () => map.nextKey(),
    entries: () => [...map],
    keys: () => [...map.keys()],
    clear: () => map.clear(),
    getBatch: () => [...map.getBatch()],
    setBatch: () => map.setBatch([[1, 1n]]),
    deleteBatch: () => map.deleteBatch([1]),
    freeze: () => map.freeze(),
    pin: () => map.pin('/sys/fs/bpf/handles'),
    clone: () => map.clone(),
    decoded: () => map.decoded(),
  }
  map.close()
  for (const [name, call] of Object.entries(calls)) {
    t.throws(call, { instanceOf: BpfError, code: 'ERR_CLOSED', message: 'map handles is closed' }, name)
  }
})

kernelTest('a clone lives on its own', [], t => {
  const map = BpfMap.create(spec).typed(u32, u64)
  using copy = map.clone()
  map.set(1, 5n)
  map.close()
  t.false(copy.closed)
  t.is(copy.get(1), 5n)
})

kernelTest('a map is opened by id', [], t => {
  using map = BpfMap.create(spec)
  using found = BpfMap.fromId(map.id)
  t.is(found.id, map.id)
  t.is(found.spec, undefined)
  t.deepEqual([found.name, found.keySize, found.valueSize], ['handles', 4, 8])
})

kernelTest('a map is listed', [], t => {
  using map = BpfMap.create(spec)
  const before = countFds()
  let found = 0
  for (const each of BpfMap.list()) {
    if (each.id === map.id) found++
    each.close()
  }
  t.is(found, 1)
  t.is(countFds(), before)
})

kernelTest('a map takes over a descriptor', [], t => {
  const fields = { map_type: mapTypes.hash, key_size: 4, value_size: 8, max_entries: 4, map_name: 'foreign' }
  using map = BpfMap.fromFd(bpf('map_create', fields))
  t.is(map.name, 'foreign')
})
