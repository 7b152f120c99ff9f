import test from 'ava'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { SampleGroups } from '../../../src/profile/sample.ts'

/** A record as the programs write it. */
function record(options: {
  pid?: number
  comm?: string
  value?: bigint
  user?: bigint[]
  kernel?: bigint[]
  error?: number
}): Uint8Array {
  const { pid = 7, comm = 'node', value = 1n, user = [], kernel = [], error } = options
  const bytes = new Uint8Array(56 + 8 * (user.length + kernel.length))
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, 123n, true)
  view.setBigUint64(8, value, true)
  view.setUint32(16, pid, true)
  view.setUint32(20, pid + 1, true)
  view.setInt32(28, error ?? 8 * user.length, true)
  view.setInt32(32, 8 * kernel.length, true)
  bytes.set(new TextEncoder().encode(comm), 40)
  for (const [i, address] of [...user, ...kernel].entries()) view.setBigUint64(56 + 8 * i, address, true)
  return bytes
}

function groupsOf(...records: readonly Uint8Array[]): SampleGroups {
  const groups = new SampleGroups()
  for (const each of records) groups.add(each)
  return groups
}

test('the record is laid out as the programs have it', t => {
  const spec = CollectionSpec.fromFile('src/profile/profile.bpf.o')
  const type = spec.btf!.findType('struct', 'sample')!
  const offsets = Object.fromEntries(type.members.map(({ name, bitOffset }) => [name, bitOffset / 8]))
  t.like(offsets, {
    time: 0,
    value: 8,
    pid: 16,
    tid: 20,
    user_size: 28,
    kernel_size: 32,
    comm: 40,
    addresses: 56,
  })
})

test('equal samples are counted as one', t => {
  const groups = groupsOf(
    record({ user: [1n, 2n], kernel: [0xffffffff00000000n] }),
    record({ user: [1n, 2n], kernel: [0xffffffff00000000n], value: 5n }),
    record({ user: [1n], kernel: [2n, 0xffffffff00000000n] }),
    record({ pid: 8, user: [1n, 2n], kernel: [0xffffffff00000000n] }),
    record({ comm: 'worker', user: [1n, 2n], kernel: [0xffffffff00000000n] }),
  )
  t.is(groups.samples, 5)
  t.deepEqual(
    [...groups.groups].map(({ pid, comm, user, kernel, samples, value }) => [
      pid,
      comm,
      user.length,
      kernel.length,
      samples,
      value,
    ]),
    [
      [7, 'node', 2, 1, 2, 6],
      [7, 'node', 1, 2, 1, 1],
      [8, 'node', 2, 1, 1, 1],
      [7, 'worker', 2, 1, 1, 1],
    ],
  )
})

test('a stack that could not be taken, one that is cut off, and a name of full length', t => {
  const [failed] = [...groupsOf(record({ error: -14, kernel: [3n] })).groups]
  t.deepEqual([failed?.user, failed?.kernel, failed?.truncated], [[], [3n], false])
  const [full] = [...groupsOf(record({ user: Array.from({ length: 127 }, () => 1n) })).groups]
  t.true(full?.truncated)
  const [named] = [...groupsOf(record({ comm: 'sixteen bytes ab' })).groups]
  t.is(named?.comm, 'sixteen bytes ab')
})

test('a record that is too short is an error, and sizes beyond its end are cut', t => {
  t.throws(() => groupsOf(new Uint8Array(55)), { instanceOf: RangeError })
  const bytes = record({ user: [1n] })
  new DataView(bytes.buffer).setInt32(28, 4096, true)
  new DataView(bytes.buffer).setInt32(32, 4096, true)
  t.deepEqual([...groupsOf(bytes).groups][0]?.user, [1n])
})
