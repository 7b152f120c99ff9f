import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../../../src/abi/generated/flags.ts'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const slots: MapSpec = {
  name: 'slots',
  type: 'array',
  keySize: 4,
  valueSize: 8,
  maxEntries: 3,
  flags: BPF_F_MMAPABLE,
}

kernelTest('memory is the values themselves, both ways', [], t => {
  using map = BpfMap.create(slots).typed(u32, u64)
  const memory = map.memory()!
  t.deepEqual([memory.size, memory.stride, memory.readOnly], [24, 8, false])
  t.is(memory.buffer.byteLength, pageSize())

  map.set(1, 0x1122n)
  t.is(memory.view.getBigUint64(8, true), 0x1122n)
  memory.view.setBigUint64(16, 0x3344n, true)
  t.is(map.get(2), 0x3344n)
})

kernelTest('memory is the same at every call and for every view', [], t => {
  using map = BpfMap.create(slots)
  t.is(map.memory(), map.memory())
  t.is(map.typed(u32, u64).memory(), map.memory())
})

kernelTest('elements of memory lie at multiples of 8 bytes', [], t => {
  using map = BpfMap.create({ ...slots, valueSize: 5 })
  map.set(Uint8Array.of(2, 0, 0, 0), Uint8Array.of(1, 2, 3, 4, 5))
  const memory = map.memory()!
  t.deepEqual([memory.size, memory.stride], [24, 8])
  t.deepEqual([...memory.element(2)], [1, 2, 3, 4, 5, 0, 0, 0])
  for (const index of [-1, 3, 0.5]) {
    t.throws(() => memory.element(index), {
      instanceOf: RangeError,
      message: `Cannot view element ${index}: there are 3`,
    })
  }
})

kernelTest('a map without BPF_F_MMAPABLE has no memory', [], t => {
  using array = BpfMap.create({ ...slots, flags: 0 })
  t.is(array.memory(), undefined)
  using hash = BpfMap.create({ ...slots, type: 'hash', flags: 0 })
  t.is(hash.memory(), undefined)
})

kernelTest('memory of a closed map reads zeros', [], t => {
  const map = BpfMap.create(slots).typed(u32, u64)
  const memory = map.memory()!
  map.set(0, 1n)
  t.is(memory.bytes[0], 1)
  map.close()
  t.deepEqual([...memory.bytes], new Array(24).fill(0))
  memory.bytes[0] = 7
  t.is(memory.bytes[0], 7)
})

kernelTest('a map that was closed before its memory was asked for has none', [], t => {
  const map = BpfMap.create(slots)
  map.close()
  t.throws(() => map.memory(), { code: 'ERR_CLOSED', message: 'map slots is closed' })
})

kernelTest('memory of a frozen map is a copy', [], t => {
  using map = BpfMap.create(slots).typed(u32, u64)
  map.set(1, 42n)
  map.freeze()
  const memory = map.memory()!
  t.true(memory.readOnly)
  t.is(memory.view.getBigUint64(8, true), 42n)
  // In the mapping itself, this would end the process.
  memory.view.setBigUint64(8, 7n, true)
  t.is(map.get(1), 42n)
  t.is(map.memory(), memory)
  t.is(memory.view.getBigUint64(8, true), 42n, 'each call of memory() copies again')
  map.close()
  t.deepEqual([...memory.bytes], new Array(24).fill(0))
})

kernelTest('memory of a map that programs only read is a copy', [], t => {
  using map = BpfMap.create({ ...slots, flags: BPF_F_MMAPABLE | BPF_F_RDONLY_PROG }).typed(u32, u64)
  const memory = map.memory()!
  t.true(memory.readOnly)
  map.set(0, 5n)
  t.is(memory.bytes[0], 0)
  map.memory()
  t.is(memory.bytes[0], 5)
})

kernelTest('a frozen map is read but not written', [], t => {
  using map = BpfMap.create({ ...slots, type: 'hash', flags: 0 }).typed(u32, u64)
  map.set(1, 1n)
  t.false(map.info().frozen)
  map.freeze()
  t.true(map.info().frozen)
  t.is(map.get(1), 1n)
  for (const [verb, call] of [
    ['set in', () => map.set(1, 2n)],
    ['delete from', () => map.delete(1)],
  ] as const) {
    t.throws(call, {
      instanceOf: BpfError,
      code: 'EPERM',
      message: `Cannot ${verb} map slots: it is frozen, or its descriptor is not for writing (EPERM)`,
    })
  }
  // The errno is EBUSY on older kernels.
  t.throws(() => map.freeze(), {
    instanceOf: BpfError,
    message: /^Cannot freeze map slots: it is frozen already \(E/,
  })
})

kernelTest('a map is not frozen while its memory can be written', [], t => {
  using map = BpfMap.create(slots)
  t.false(map.memory()!.readOnly)
  t.throws(() => map.freeze(), {
    code: 'EBUSY',
    message: 'Cannot freeze map slots: its memory is mapped for writing (EBUSY)',
  })
})
