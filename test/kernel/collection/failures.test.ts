import { tmpdir } from 'node:os'
import { mov } from '../../../src/asm/alu.ts'
import { exit, jne } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { objectSpec, objectWith, runOnce } from '../../support/objects.ts'

// kernelTest counts what stays in the kernel and the descriptors of this process: that is what these tests are about.

kernelTest('a program that is refused last leaves nothing behind', [], async t => {
  const spec = objectWith('broken', ['valid', 'uninitialised_register'])
  t.is([...spec.programs.keys()].at(-1), 'uninitialised_register')
  t.throws(() => Collection.load(spec), { instanceOf: VerifierError })
  await t.throwsAsync(Collection.loadAsync(spec), { instanceOf: VerifierError })
})

kernelTest('a map that cannot be created leaves nothing behind', [], async t => {
  const spec = objectSpec('maps')
  spec.maps.get('perf').keySize = 3
  const expected = { instanceOf: BpfError, code: 'EINVAL', message: /^Cannot create .*\bperf\b/ }
  t.throws(() => Collection.load(spec), expected)
  await t.throwsAsync(Collection.loadAsync(spec), expected)
})

kernelTest('contents that a map does not take leave nothing behind', [], t => {
  const spec = objectSpec('maps')
  const { key } = spec.maps.get('array_of_maps').contents![0]!
  spec.maps.get('array_of_maps').contents = [{ key, value: { map: 'no_such' } }]
  t.throws(() => Collection.load(spec), { instanceOf: BpfError, message: /array_of_maps.*no_such/ })
})

kernelTest('an element beyond the end of a program array leaves nothing behind', [], t => {
  const spec = objectSpec('functions')
  spec.maps.get('programs').contents = [{ key: Uint8Array.of(9, 0, 0, 0), value: { program: 'tail' } }]
  t.throws(() => Collection.load(spec), {
    instanceOf: BpfError,
    code: 'E2BIG',
    message: /^Cannot set in map programs: /,
  })
})

kernelTest('a pin path that is not on a bpffs leaves nothing behind', [], t => {
  t.throws(() => Collection.load(objectSpec('pinned'), { pinPath: tmpdir() }), {
    instanceOf: BpfError,
    code: 'ERR_NOT_BPFFS',
    message: /^Cannot pin map pinned_counter at /,
  })
})

kernelTest('a pinned map of another shape is refused', [], t => {
  using bpffs = temporaryBpffs()
  const options = { pinPath: bpffs.path }
  Collection.load(objectSpec('pinned'), options).close()
  const spec = objectSpec('pinned')
  spec.maps.get('pinned_counter').maxEntries = 2
  t.throws(() => Collection.load(spec, options), {
    code: 'ERR_MAP_INCOMPATIBLE',
    message: `Cannot use the map pinned at ${bpffs.path}/pinned_counter as map pinned_counter: max entries 1 is not 2`,
  })
})

kernelTest('a function that does not exist is named', [], t => {
  const spec = objectSpec('functions')
  spec.functions.delete('identity')
  t.throws(() => Collection.load(spec), {
    instanceOf: BpfError,
    code: 'ERR_UNRESOLVED',
    message: 'Cannot load program second (socket): it uses function "identity", which does not exist',
  })
})

kernelTest('a map that does not exist is named', [], t => {
  const spec = objectSpec('callbacks')
  spec.maps.delete('numbers')
  t.throws(() => Collection.load(spec), {
    instanceOf: BpfError,
    code: 'ERR_UNRESOLVED',
    message: /^Cannot load program sum_map.*it refers to map "numbers", which does not exist$/,
  })
})

kernelTest('a map that is not created is named where the verifier reaches it', [], t => {
  const spec = objectSpec('maps')
  spec.maps.get('slots').autocreate = false
  t.throws(() => Collection.load(spec), {
    instanceOf: VerifierError,
    message:
      /^Cannot load program use_maps \(socket\): \w+: it needs map slots, but that is not created \(autocreate\)/,
  })
})

kernelTest('a map that is not created does no harm where no program reaches it', [], t => {
  const spec = objectSpec('maps')
  spec.maps.get('slots').autocreate = false
  // The verifier sees that the program ends here.
  spec.programs.get('use_maps').instructions.unshift(mov(r0, 5), jne(r0, 5, 1), exit())
  using collection = Collection.load(spec)
  t.false(collection.maps.has('slots'))
  t.is(runOnce(collection.programs.get('use_maps')), 5)
})

kernelTest('an object for the other byte order is read but not loaded', [], t => {
  const spec = objectSpec('data.bpfeb')
  t.is(spec.byteOrder, 'big')
  // What is in its maps is of no use either.
  for (const program of spec.programs.values()) program.autoload = false
  t.throws(() => Collection.load(spec), {
    instanceOf: BpfError,
    code: 'ERR_INVALID_SPEC',
    message: 'Cannot load the object: it was compiled for big-endian machines, this one is little-endian',
  })
})

kernelTest('a tracepoint that does not exist is named', [], t => {
  const spec = objectWith('sections', ['on_tp_btf'])
  spec.programs.get('on_tp_btf').attachTarget = 'no_such_tracepoint'
  t.throws(() => Collection.load(spec), {
    code: 'ENOENT',
    message:
      "Cannot load program on_tp_btf (?tp_btf/sched_switch): the kernel has no tracepoint no_such_tracepoint: the kernel's BTF has no typedef btf_trace_no_such_tracepoint",
  })
})

kernelTest('attaching is all or nothing', [], t => {
  const spec = objectWith('sections', ['on_raw_tp', 'on_raw_tracepoint'])
  spec.programs.get('on_raw_tracepoint').attachTarget = 'no_such_tracepoint'
  using collection = Collection.load(spec)
  t.throws(() => collection.attach(), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message: /^Cannot attach program on_raw_tracepoint to raw tracepoint no_such_tracepoint: /,
  })
  using attached = collection.attach({ onError: 'collect' })
  t.deepEqual(
    attached.programs.map(({ program, target }) => [program.name, target]),
    [['on_raw_tp', 'raw tracepoint sched_switch']],
  )
  t.deepEqual(
    attached.skipped.map(({ program, reason }) => [program.name, reason.code]),
    [['on_raw_tracepoint', 'ENOENT']],
  )
})

kernelTest('what needs more than a section name is skipped with a reason', [], t => {
  using collection = Collection.load(objectWith('sections', ['on_raw_tp', 'on_xdp', 'on_socket']))
  using attached = collection.attach()
  t.is([...attached].length, 1)
  t.deepEqual(
    attached.skipped.map(({ program, reason }) => [program.name, reason.code, reason.message]),
    [
      [
        'on_xdp',
        'ERR_NO_TARGET',
        "Cannot attach program on_xdp by its section name: it needs a network device: give attach() the option device, or call xdp(program, 'eth0')",
      ],
      [
        'on_socket',
        'ERR_NOT_IMPLEMENTED',
        'Cannot attach program on_socket by its section name: this version has no function that attaches to a socket',
      ],
    ],
  )
  attached.close()
  attached.close()
  t.true(attached.programs[0]!.link.closed)
})

kernelTest('a section name that its hook does not take is a typed error, and collected', [], t => {
  const instructions = [mov(r0, 0), exit()]
  const load = (sectionName: string): Collection =>
    Collection.load(
      new CollectionSpec({
        programs: [['p', { name: 'p', type: 'socket_filter', sectionName, instructions }]],
      }),
    )
  for (const [sectionName, reason] of [
    ['kprobe/not a name', /"not a name" is not the name of a function$/],
    ['kprobe/vfs_read+0x1ffffffff', /offset 8589934591 is not a 32-bit number$/],
    ['kretprobe/vfs_read+8', /"vfs_read\+8" is not the name of a function$/],
    ['ksyscall/NOT', /"NOT" is not a name$/],
  ] as const) {
    using collection = load(sectionName)
    t.throws(() => collection.attach(), { instanceOf: BpfError, code: 'ERR_INVALID_SPEC', message: reason })
    using attached = collection.attach({ onError: 'collect' })
    t.deepEqual(
      attached.skipped.map(each => each.reason.code),
      ['ERR_INVALID_SPEC'],
      sectionName,
    )
  }
})
