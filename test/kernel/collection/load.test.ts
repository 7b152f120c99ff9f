import { BPF_F_MMAPABLE } from '../../../src/abi/generated/flags.ts'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { BpfError } from '../../../src/base/errors.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { VariableSpec } from '../../../src/collection/variable-spec.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import type { Feature } from '../../../src/kernel/probes/probe.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { Program } from '../../../src/programs/program.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { bloomFilters } from '../../support/maps/features.ts'
import { loadObject, objectSpec, objectWith, runOnce } from '../../support/objects.ts'
import {
  arenas,
  bpfLoop,
  forEachMapElem,
  netfilterPrograms,
  syscallPrograms,
} from '../../support/programs/features.ts'

const needs: Readonly<Record<string, readonly Feature[]>> = {
  arena: [arenas],
  'arena-data': [arenas],
  callbacks: [forEachMapElem],
  recent: [bloomFilters],
}

for (const name of [
  'arena',
  'arena-data',
  'broken',
  'callbacks',
  'core',
  'data',
  'events',
  'functions',
  'maps',
  'proprietary',
  'recent',
  'ringbuf-value',
  'sections',
  'examples/processes',
]) {
  kernelTest(`${name} loads as a whole`, needs[name] ?? [], t => {
    const spec = objectSpec(name)
    using collection = Collection.load(spec)
    const wanted = [...spec.programs].filter(([, { autoload }]) => autoload !== false).map(([each]) => each)
    t.deepEqual([...collection.programs.keys()], wanted)
    t.true(wanted.length > 0)
    t.deepEqual([...collection.maps.keys()], [...spec.maps.keys()])
    for (const [each, program] of collection.programs) {
      t.is(program.info().name, each.slice(0, 15))
    }
  })
}

/** What it takes to load the optional programs of `sections`. */
const hookNeeds: Readonly<Record<string, readonly Feature[]>> = {
  on_raw_tracepoint: [],
  on_tp: [],
  on_tracepoint: [],
  on_tp_btf: [],
  on_kprobe: [],
  on_kretprobe: [],
  on_fentry: [features.trampoline],
  on_fexit: [features.trampoline],
  on_iter: [],
  on_xdp: [],
  on_tc: [],
  on_tcx_ingress: [features.tcx],
  on_tcx_egress: [features.tcx],
  on_cgroup_skb_ingress: [],
  on_cgroup_skb_egress: [],
  on_cgroup_sock_create: [],
  on_sk_lookup: [],
  on_netfilter: [netfilterPrograms],
  on_socket: [],
  on_perf_event: [],
  on_syscall: [syscallPrograms],
}

for (const [name, features] of Object.entries(hookNeeds)) {
  kernelTest(`an optional program loads when it is asked for: ${name}`, features, t => {
    using collection = loadObject('sections', [name])
    t.deepEqual([...collection.programs.keys()], [name])
    t.is(collection.programs.get(name).info().type, collection.spec.programs.get(name).type)
  })
}

kernelTest('a program that is left out by autoload is not there', [], t => {
  const spec = objectSpec('functions')
  spec.programs.get('first').autoload = false
  using collection = Collection.load(spec)
  t.false(collection.programs.has('first'))
  t.false(collection.programs.has('optional'))
  t.throws(() => collection.programs.get('first'), {
    instanceOf: BpfError,
    code: 'ERR_NO_SUCH_NAME',
    message: 'No such program "first"; known: second, third, tail, jump',
  })
})

kernelTest('functions are joined with the programs that call them', [], t => {
  using collection = loadObject('functions', ['first', 'second', 'third', 'optional'])
  const calls = collection.variables.get('calls')
  const run = (name: string): [returned: number, calls: unknown] => {
    calls.set(0)
    return [runOnce(collection.programs.get(name)), calls.get()]
  }
  t.deepEqual(run('first'), [1, 0])
  t.deepEqual(run('second'), [13, 3])
  t.deepEqual(run('third'), [14, 3])
  t.deepEqual(run('optional'), [99, 0])
})

kernelTest('callbacks are joined with the programs that name them', [forEachMapElem], t => {
  using collection = loadObject('callbacks', ['sum_map'])
  const numbers = collection.maps.get('numbers').typed(u32, u64)
  for (const index of [0, 1, 2, 3]) numbers.set(index, 10n ** BigInt(index))
  t.is(runOnce(collection.programs.get('sum_map')), 1111)
})

kernelTest('a callback of bpf_loop runs', [bpfLoop], t => {
  using collection = loadObject('callbacks', ['sum_loop'])
  t.is(runOnce(collection.programs.get('sum_loop')), 45)
})

kernelTest('a program array holds what its definition names', [], t => {
  using collection = loadObject('functions', ['tail', 'jump'])
  const jump = collection.programs.get('jump')
  t.is(runOnce(jump), 55)
  collection.variables.get('slot').set(1)
  t.is(runOnce(jump), 56)
})

kernelTest('a program array has no element for a program that was not loaded', [], t => {
  using collection = loadObject('functions', ['jump'])
  t.is(runOnce(collection.programs.get('jump')), 56)
})

kernelTest('maps of maps hold the maps that their definition names', [], t => {
  using collection = loadObject('maps')
  t.is(runOnce(collection.programs.get('use_maps')), 21)
  const { maps } = collection
  const inner = [0, 1, 2, 3].map(at => {
    using map = maps.get('array_of_maps').get(at) as BpfMap<unknown, unknown> | undefined
    return map?.id
  })
  t.deepEqual(inner, [maps.get('inner_a').id, undefined, maps.get('inner_b').id, undefined])
  t.is(maps.get('inner_a').typed(u32, u32).get(0), 0)
  t.is(maps.get('inner_b').typed(u32, u32).get(0), 42)
  t.deepEqual(maps.get('by_port').get(80), { packets: 1n, bytes: 0n })
  t.is(maps.get('queue').typedValues(u32).pop(), 80)
  t.is(maps.get('stack').typedValues(u32).pop(), 80)
  t.is(maps.get('slots').get(0), -1n)
})

kernelTest('a hash of maps is filled as an array of maps is, with its indexes as keys', [], t => {
  const spec = objectSpec('maps')
  const { innerMap, contents } = spec.maps.get('array_of_maps')
  Object.assign(spec.maps.get('hash_of_maps'), { innerMap, contents })
  using collection = Collection.load(spec)
  const { maps } = collection
  const inner = [0, 1, 2, 3].map(at => {
    using map = maps.get('hash_of_maps').get(at) as BpfMap<unknown, unknown> | undefined
    return map?.id
  })
  t.deepEqual(inner, [maps.get('inner_a').id, undefined, maps.get('inner_b').id, undefined])
})

kernelTest('programs see the constants that were set before the load', [], t => {
  const spec = objectSpec('data')
  const values = {
    u8: 255,
    s8: -128,
    u16: 65535,
    s16: -32768,
    u32: 0xffff_ffff,
    s32: -0x8000_0000,
    u64: 0xffff_ffff_ffff_ffffn,
    s64: -0x8000_0000_0000_0000n,
    bool: false,
    text: 'set before load',
    colour: 'BLUE',
    point: { x: 123, y: -456 },
    static: 78,
  }
  for (const [name, value] of Object.entries(values)) spec.variables.get(`ro_${name}`).set(value)
  spec.variables.get('config_limit').set(1000)
  spec.variables.get('rw_u64').set(41n)

  using collection = Collection.load(spec)
  t.is(runOnce(collection.programs.get('touch')), 1)
  const { variables } = collection
  for (const [name, value] of Object.entries(values)) {
    t.deepEqual(variables.get(`ro_${name}`).get(), value, name)
    t.deepEqual(variables.get(`seen_${name}`).get(), value, name)
  }
  t.is(variables.get('custom_data').get(), 1011)
  t.is(variables.get('rw_u64').get(), 42n)
})

kernelTest('variables are read and written in place', [], t => {
  using collection = loadObject('data')
  const { variables } = collection
  const touch = collection.programs.get('touch')
  t.is(runOnce(touch), 1)
  t.like(variables.get('rw_shape').get(), {
    name: 'square',
    colour: 'GREEN',
    corners: [
      { x: 1, y: 2 },
      { x: 3, y: 4 },
      { x: -5, y: -5 },
    ],
  })
  t.deepEqual(variables.get('rw_points').get(), [
    { x: 10, y: 20 },
    { x: 31, y: 40 },
  ])
  t.deepEqual(variables.get('rw_grid').get(), [
    [1, 2, 3],
    [4, 5, 7],
  ])
  t.deepEqual(variables.get('rw_flags').get(), {
    low: 5,
    middle: 0xabd,
    high: 0x1f00d,
    negative: -6,
    set: true,
  })
  t.is(variables.get('rw_text').get(), 'Read and write')
  t.is(variables.get('rw_colour').get(), 'RED')
  t.is(variables.get('rw_bool').get(), false)
  t.is(variables.get('rw_s64').get(), -3n)
  t.deepEqual(variables.get('seen_literal').get(), [
    { x: 100, y: 200 },
    { x: 300, y: 400 },
  ])
  t.is(variables.get('custom_zero').get(), 1)

  variables.get('rw_points').set([
    { x: 1, y: 2 },
    { x: 3, y: 4 },
  ])
  variables.get('runs').set(99n)
  t.is(runOnce(touch), 100)
  t.is(variables.get('runs').get(), 100n)
  t.deepEqual(variables.get('rw_points').get(), [
    { x: 1, y: 2 },
    { x: 4, y: 4 },
  ])
})

kernelTest('a variable takes only what fits its type', [], t => {
  using collection = loadObject('data')
  const { variables } = collection
  t.throws(() => variables.get('rw_u8').set(256), { instanceOf: RangeError })
  t.throws(() => variables.get('rw_u8').set('1'), { instanceOf: TypeError })
  t.throws(() => variables.get('rw_points').set([{ x: 7, y: 8 }, { x: '1' }]), { instanceOf: TypeError })
  t.is(variables.get('rw_u8').get(), 1)
  t.deepEqual(
    variables.get('rw_points').get(),
    [
      { x: 10, y: 20 },
      { x: 30, y: 40 },
    ],
    'what does not fit changes nothing',
  )
})

/** A loaded collection of one variable, whose type is a struct, at the start of a section with the bytes 1 to 8. */
function loadStruct(size: number, ...members: Parameters<typeof member>[]): Collection {
  const array: BtfType = { kind: 'array', name: '', type: 1, indexType: 1, count: 0 }
  const btf = btfOf([int('int', 4), struct('s', size, ...members.map(each => member(...each))), array])
  const value = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  const map: MapSpec = {
    name: '.data',
    type: 'array',
    keySize: 4,
    valueSize: value.length,
    maxEntries: 1,
    flags: BPF_F_MMAPABLE,
    btf,
    contents: [{ key: new Uint8Array(4), value }],
  }
  const variable = { name: 'v', sectionName: '.data', offset: 0, size: value.length, typeId: 2 }
  return Collection.load(new CollectionSpec({ maps: [['.data', map]], variables: [variable], btf }))
}

kernelTest('a small struct is written whole or not at all', [], t => {
  using collection = loadStruct(8, ['a', 1, 0], ['b', 1, 32])
  const variable = collection.variables.get('v')
  t.throws(() => variable.set({ a: 9, b: 'nine' }), {
    instanceOf: TypeError,
    message: /^Cannot set variable v: b: /,
  })
  t.deepEqual([...variable.bytes], [1, 2, 3, 4, 5, 6, 7, 8])
  variable.set({ a: 9, b: 0xffff_ffff })
  t.deepEqual([...variable.bytes], [9, 0, 0, 0, 255, 255, 255, 255])
})

kernelTest('a flexible array behind a struct stays when the struct is written', [], t => {
  using collection = loadStruct(4, ['n', 1, 0], ['items', 3, 32])
  const variable = collection.variables.get('v')
  variable.set({ n: 9 })
  t.deepEqual([...variable.bytes], [9, 0, 0, 0, 5, 6, 7, 8])
})

kernelTest('a constant cannot be set once it is loaded', [], t => {
  using collection = loadObject('data')
  const constant = collection.variables.get('ro_u32')
  t.true(constant.constant)
  t.throws(() => constant.set(1), {
    instanceOf: BpfError,
    code: 'ERR_READ_ONLY',
    message: 'Cannot set variable ro_u32: it is constant once the collection is loaded',
  })
  constant.bytes.fill(0)
  t.is(runOnce(collection.programs.get('touch')), 1)
  t.is(collection.variables.get('seen_u32').get(), 4_000_000_000, 'the memory of a constant is a copy')
})

kernelTest('a spec can be loaded again, and each load has variables of its own', [], t => {
  const spec = objectSpec('data')
  using first = Collection.load(spec)
  using second = Collection.load(spec)
  t.is(runOnce(first.programs.get('touch')), 1)
  t.is(runOnce(first.programs.get('touch')), 2)
  t.is(runOnce(second.programs.get('touch')), 1)
  t.is(first.variables.get('rw_u8').get(), 3)
  t.is(second.variables.get('rw_u8').get(), 2)
  t.is(spec.variables.get('rw_u8').get(), 1)
  t.is(first.programs.get('touch').info().tag, second.programs.get('touch').info().tag)
})

kernelTest('a copy of a spec is edited alone', [], t => {
  const spec = objectSpec('data')
  const copy = spec.copy()
  copy.variables.get('ro_u8').set(9)
  copy.programs.get('touch').autoload = false
  t.true(copy.variables.get('ro_u8') instanceof VariableSpec)
  t.is(spec.variables.get('ro_u8').get(), 200)
  using collection = Collection.load(spec)
  runOnce(collection.programs.get('touch'))
  t.is(collection.variables.get('seen_u8').get(), 200)
})

kernelTest('maps that the caller gives are used, and stay the caller’s', [], t => {
  using first = loadObject('data')
  using second = loadObject('data', undefined, { maps: { '.bss': first.maps.get('.bss') } })
  runOnce(first.programs.get('touch'))
  t.is(runOnce(second.programs.get('touch')), 2)
  t.is(second.maps.get('.bss').id, first.maps.get('.bss').id)
  second.close()
  t.is(first.variables.get('runs').get(), 2n)
})

kernelTest('a map that does not fit is not taken', [], t => {
  using map = BpfMap.create({ name: 'small', type: 'hash', keySize: 4, valueSize: 16, maxEntries: 1 })
  t.throws(() => loadObject('maps', undefined, { maps: { slots: map } }), {
    instanceOf: BpfError,
    code: 'ERR_MAP_INCOMPATIBLE',
    message:
      'Cannot use map small as map slots: type hash is not array, value size 16 is not 8, max entries 1 is not 8',
  })
  t.throws(() => loadObject('maps', undefined, { maps: { no_such: map } }), {
    code: 'ERR_NO_SUCH_NAME',
    message: /^No such map "no_such"; known: inner_a, /,
  })
  t.false(map.closed)
})

kernelTest('a map that is pinned by its name is found by the next load', [], t => {
  using bpffs = temporaryBpffs()
  const options = { pinPath: bpffs.path }
  const count = (): number => {
    using collection = loadObject('pinned', undefined, options)
    return runOnce(collection.programs.get('count_runs'))
  }
  t.is(count(), 1)
  t.is(count(), 2)
  BpfMap.loadPinned(`${bpffs.path}/pinned_counter`).close()
})

kernelTest('loadAsync does what load does, and the event loop goes on', [], async t => {
  const spec = objectSpec('events')
  let ticks = 0
  const timer = setInterval(() => ticks++, 0)
  using collection = await Collection.loadAsync(spec)
  clearInterval(timer)
  using again = Collection.load(spec)
  t.true(ticks > 0)
  for (const [name, program] of again.programs) {
    t.is(collection.programs.get(name).info().tag, program.info().tag)
  }
  t.is(runOnce(collection.programs.get('emit')), 1)
})

kernelTest('a ring buffer of a collection decodes its records by their type', [], t => {
  using collection = loadObject('events')
  collection.variables.get('next_index').set(7n)
  runOnce(collection.programs.get('emit'))
  using ring = collection.ringBuffer('records')
  const seen: unknown[] = []
  ring.drain(record => seen.push(record.value))
  t.like(seen[0], { index: 7n, negative: -7n, colour: 'GREEN', odd: true, name: 'record-h' })
  t.is(seen.length, 1)
})

kernelTest('a collection without an object file loads too', [], t => {
  const instructions = [mov(r0, 5), exit()]
  const spec = new CollectionSpec({
    programs: [['five', { name: 'five', type: 'socket_filter', instructions }]],
  })
  using collection = Collection.load(spec)
  t.is(runOnce(collection.programs.get('five')), 5)
})

kernelTest('a closed collection is closed for good', [], t => {
  const collection = loadObject('data')
  const runs = collection.variables.get('runs')
  runOnce(collection.programs.get('touch'))
  t.is(runs.get(), 1n)
  collection.close()
  collection.close()
  t.throws(() => collection.attach(), {
    instanceOf: BpfError,
    code: 'ERR_CLOSED',
    message: 'The collection is closed',
  })
  t.throws(() => collection.ringBuffer('records'), { code: 'ERR_CLOSED' })
  t.throws(() => collection.programs.get('touch').testRun(), { code: 'ERR_CLOSED' })
  t.throws(() => collection.maps.get('.bss').info(), { code: 'ERR_CLOSED' })
  t.is(runs.get(), 0n, 'memory of a closed map reads zeros')
})

kernelTest('the objects of a collection live on through other handles', [], t => {
  const collection = objectWith('functions', ['first'])
  const loaded = Collection.load(collection)
  using program = Program.fromId(loaded.programs.get('first').info().id)
  loaded.close()
  t.is(runOnce(program), 1)
})
