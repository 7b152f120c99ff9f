import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import test from 'ava'
import { u8 } from '../../../src/base/codecs.ts'
import { nrCpuIds, onlineCpus, parseCpuList, possibleCpus } from '../../../src/kernel/cpus.ts'
import { createdSpec } from '../../../src/maps/create/created-spec.ts'
import { perCpu } from '../../../src/maps/kinds/per-cpu.ts'

/** A machine with three CPU numbers, of which the second can never be used. */
const lists: Readonly<Record<string, string>> = {
  '/sys/devices/system/cpu/possible': '0,2\n',
  '/sys/devices/system/cpu/online': '2\n',
}
const { readFileSync } = fs
fs.readFileSync = ((path: string, options: never) =>
  lists[path] ?? readFileSync(path, options)) as typeof readFileSync
syncBuiltinESMExports()

test('lists of CPUs', t => {
  t.deepEqual(parseCpuList('0-3,8\n'), [0, 1, 2, 3, 8])
  t.deepEqual(parseCpuList('0,2'), [0, 2])
  t.deepEqual(parseCpuList('\n'), [])
  for (const text of ['a', '3-1', '0-', '0-99999999', '1,,2']) {
    t.throws(() => parseCpuList(text), { instanceOf: RangeError })
  }
})

test('possible CPUs with holes are counted for values, and numbered for keys', t => {
  t.deepEqual(possibleCpus(), [0, 2])
  t.is(nrCpuIds(), 3)
  t.deepEqual(onlineCpus(), [2])
})

test('a per-CPU value has the values of possible CPUs only, the last one that of CPU 2', t => {
  const codec = perCpu(u8)
  t.is(codec.size, 16)
  const view = new DataView(new ArrayBuffer(16))
  codec.encode([7, 9], view, 0)
  t.is(view.getUint8(8), 9)
  t.deepEqual(codec.decode(view, 0), [7, 9])
  t.throws(() => codec.encode([1, 2, 3], view, 0), {
    instanceOf: RangeError,
    message: '3 values are not 2, one per possible CPU',
  })
})

test('maps whose keys are numbers of CPUs have room for the highest one', t => {
  for (const type of ['perf_event_array', 'cpumap'] as const) {
    const name = 'm'
    t.is(createdSpec({ name, type }).maxEntries, 3)
    t.is(createdSpec({ name, type, maxEntries: 100 }).maxEntries, 3)
    t.is(createdSpec({ name, type, maxEntries: 2 }).maxEntries, 2)
  }
})
