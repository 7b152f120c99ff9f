import test from 'ava'
import { attr } from '../../../src/abi/generated/layouts.ts'
import type { Codec } from '../../../src/base/codec.ts'
import { u32 } from '../../../src/base/codecs.ts'
import { EINVAL, ENOENT } from '../../../src/base/errno.ts'
import { NotSupportedError } from '../../../src/base/errors.ts'
import { possibleCpus } from '../../../src/kernel/cpus.ts'
import { perCpu } from '../../../src/maps/kinds/per-cpu.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { type FakeCall, fakeKernel } from '../../support/syscalls/fake-kernel.ts'

/** A per-CPU array of `u32` in a kernel of 7.0, or of an older one, which refuses flags of lookups. */
const kernel = { knowsCpus: true, seen: [] as string[] }
const cpus = possibleCpus()
const elements: Uint32Array[] = [new Uint32Array(cpus.length), new Uint32Array(cpus.length)]

function flagsOf(flags: bigint): { cpu: number | undefined; all: boolean; lock: boolean } | undefined {
  const low = Number(flags & 0xffff_ffffn)
  const cpu = Number(flags >> 32n)
  if (!kernel.knowsCpus && low > 4) return undefined
  return { cpu: (low & 8) === 0 ? undefined : cpu, all: (low & 16) !== 0, lock: (low & 4) !== 0 }
}

function access(write: boolean): (call: FakeCall) => number {
  return ({ attr: fields, at }) => {
    const flags = fields.getBigUint64(attr.map_elem.flags, true)
    kernel.seen.push(`${write ? 'update' : 'lookup'} 0x${flags.toString(16)}`)
    const selected = flagsOf(flags)
    if (selected === undefined) return -EINVAL
    const key = at(fields.getBigUint64(attr.map_elem.key, true))[0]!
    const element = elements[key]
    if (element === undefined) return -ENOENT
    copy(element, at(fields.getBigUint64(attr.map_elem.value, true)), selected, write)
    return 0
  }
}

function copy(
  element: Uint32Array,
  bytes: Uint8Array,
  { cpu, all }: { cpu: number | undefined; all: boolean },
  write: boolean,
): void {
  const value = new DataView(bytes.buffer, bytes.byteOffset)
  element.forEach((number, i) => {
    if (cpu !== undefined && cpu !== cpus[i]) return
    const offset = cpu !== undefined || all ? 0 : 8 * i
    if (write) element[i] = value.getUint32(offset, true)
    else value.setUint32(offset, number, true)
  })
}

/** Values of one CPU lie 4 bytes apart, those of all in one of 8 bytes for each. */
function batch(write: boolean): (call: FakeCall) => number {
  return ({ attr: fields, at }) => {
    const selected = flagsOf(fields.getBigUint64(attr.batch.elem_flags, true))
    if (selected === undefined) return -EINVAL
    const keys = at(fields.getBigUint64(attr.batch.keys, true))
    const values = at(fields.getBigUint64(attr.batch.values, true))
    const stride = selected.cpu !== undefined || selected.all ? 4 : 8 * cpus.length
    const count = write ? fields.getUint32(attr.batch.count, true) : elements.length
    for (let i = 0; i < count; i++) {
      if (!write) keys[4 * i] = i
      copy(elements[keys[4 * i]!]!, values.subarray(i * stride), selected, write)
    }
    fields.setUint32(attr.batch.count, count, true)
    return write ? 0 : -ENOENT
  }
}

fakeKernel({
  map_create: () => 1000,
  map_lookup_elem: access(false),
  map_update_elem: access(true),
  map_lookup_batch: batch(false),
  map_update_batch: batch(true),
})

const map = BpfMap.create({ name: 'hits', type: 'percpu_array', keySize: 4, valueSize: 4, maxEntries: 2 })
const typed = map.typed(u32, perCpu(u32))
const last = cpus.at(-1)!

test.serial('one value is written and read where the kernel is given the CPU beside its flags', t => {
  typed.set(
    1,
    cpus.map(cpu => 10 + cpu),
  )
  kernel.seen = []
  typed.ofCpu(last).set(1, 7)
  t.is(typed.ofCpu(last).get(1), 7)
  t.deepEqual(kernel.seen, [
    `update 0x${((BigInt(last) << 32n) | 8n).toString(16)}`,
    `lookup 0x${((BigInt(last) << 32n) | 8n).toString(16)}`,
  ])
  // The next call has no CPU in its flags.
  t.deepEqual(
    typed.get(1),
    cpus.map(cpu => (cpu === last ? 7 : 10 + cpu)),
  )
  t.is(kernel.seen.at(-1), 'lookup 0x0')
  t.is(typed.ofCpu(0).get(5), undefined)
})

test.serial('one value is written for every CPU', t => {
  typed.ofAllCpus().set(0, 3, 'exist')
  t.is(kernel.seen.at(-1), 'update 0x12')
  t.deepEqual(
    typed.get(0),
    cpus.map(() => 3),
  )
})

test.serial('batches have the values of one CPU, without padding', t => {
  const one = typed.ofCpu(last)
  const entries: [number, number][] = [
    [0, 100],
    [1, 101],
  ]
  t.is(one.setBatch(entries), 2)
  t.deepEqual([...one.getBatch()], [entries])
  t.deepEqual(typed.get(1)?.at(-1), 101)
  t.is(typed.ofAllCpus().setBatch([[1, 8]]), 1)
  t.deepEqual(
    typed.get(1),
    cpus.map(() => 8),
  )
})

test.serial('bytes are those of one value', t => {
  const all = map.bytes()
  all.ofCpu(last).set(new Uint8Array(4), new Uint8Array([1, 2, 3, 4]))
  t.deepEqual(all.ofCpu(last).get(new Uint8Array(4)), new Uint8Array([1, 2, 3, 4]))
  t.throws(() => all.ofCpu(last).set(new Uint8Array(4), new Uint8Array(8)), { instanceOf: RangeError })
})

test.serial('a codec may use the map, or close it', t => {
  using map = BpfMap.create({ name: 'own', type: 'percpu_array', keySize: 4, valueSize: 4, maxEntries: 2 })
  let act = (): void => {}
  const hooked: Codec<number> = {
    ...u32,
    encode(value, view, offset) {
      u32.encode(value, view, offset)
      const once = act
      act = () => {}
      once()
    },
  }
  const one = map.typed(u32, perCpu(hooked)).ofCpu(last)
  act = () => one.set(0, 5)
  one.set(1, 6)
  t.deepEqual([one.get(0), one.get(1)], [5, 6])
  act = () => map.close()
  t.throws(() => one.set(1, 7), { code: 'ERR_CLOSED' })
  t.throws(() => one.get(1), { code: 'ERR_CLOSED' })
  t.is(elements[1]?.at(-1), 6)
})

test.serial('a kernel that does not know the flags is named as the reason, when it was asked', t => {
  kernel.knowsCpus = false
  const one = typed.ofCpu(0)
  for (const act of [
    () => one.get(0),
    () => one.set(0, 1),
    () => [...one.getBatch()],
    () => one.setBatch([[0, 1]]),
    () => typed.ofAllCpus().set(0, 1),
  ]) {
    const error = t.throws(act, { instanceOf: NotSupportedError })
    t.is(error?.since, '7.0')
    t.is(error?.code, 'ERR_NOT_SUPPORTED')
    t.is(error?.errno, EINVAL)
  }
})

test.serial('what cannot be is refused before the kernel is asked', t => {
  t.throws(() => typed.ofCpu(4096), {
    instanceOf: RangeError,
    message: /map hits: 4096 is not the number of/,
  })
  t.throws(() => typed.ofCpu(0.5), { instanceOf: RangeError })
  const own = { ...perCpu(u32), each: undefined } as unknown as ReturnType<typeof perCpu<number>>
  t.throws(() => map.typed(u32, own).ofCpu(0), { instanceOf: TypeError, message: /perCpu\(\)/ })
  using array = BpfMap.create({ name: 'a', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 })
  t.throws(() => array.ofCpu(0), { instanceOf: TypeError, message: /all CPUs share a value/ })
})
