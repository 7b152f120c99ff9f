import { readFileSync } from 'node:fs'
import test from 'ava'
import { coreRelocationKinds } from '../../../src/abi/generated/enums.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { slotCount } from '../../../src/asm/instruction.ts'
import { type ObjectFile, parseObject } from '../../../src/elf/object/object.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'

function object(path: string): ObjectFile {
  return parseObject(readFileSync(path), path)
}

/** What each instruction with a reference refers to. */
function references(instructions: readonly Instruction[]): string[] {
  return instructions.flatMap(({ reference }) => {
    if (reference === undefined) return []
    const offset = reference.kind === 'map_value' ? `+${reference.offset}` : ''
    return [`${reference.kind} ${reference.name}${offset}`]
  })
}

/** A map without the ids of types, which other tests are about. */
function plain({ btf, keyTypeId, valueTypeId, innerMap, ...rest }: MapSpec): MapSpec {
  return innerMap === undefined ? rest : { ...rest, innerMap: plain(innerMap) }
}

const functions = object('test/bpf/functions.bpf.o')
const maps = object('test/bpf/maps.bpf.o')
const data = object('test/bpf/data.bpf.o')
const dataBig = object('test/bpf/data.bpfeb.o')
const core = object('test/bpf/core.bpf.o')
const sections = object('test/bpf/sections.bpf.o')

test('programs come in the order of the file, without functions of .text', t => {
  t.deepEqual([...functions.programs.keys()], ['first', 'second', 'third', 'tail', 'jump', 'optional'])
  t.deepEqual(
    [...functions.functions.keys()],
    [
      ...['times_two', 'add_three', 'minus_one', 'identity', 'uncalled'],
      ...['first', 'second', 'third', 'tail', 'jump', 'optional'],
    ],
  )
})

test('a program has what its section says', t => {
  const { btf, instructions, ...optional } = functions.programs.get('optional')!
  t.deepEqual(optional, {
    name: 'optional',
    type: 'socket_filter',
    license: 'Dual MIT/GPL',
    sectionName: '?socket',
    flags: 0,
    autoload: false,
    byteOrder: 'little',
  })
  t.is(btf, functions.btf)
  t.true(instructions === functions.functions.get('optional'))
})

test('programs of every kind of section', t => {
  const rows = [...sections.programs.values()].map(each =>
    [each.name, each.type, each.expectedAttachType ?? '-', each.attachTarget ?? '-', each.flags].join(' '),
  )
  t.deepEqual(rows, [
    'on_raw_tp raw_tracepoint - sched_switch 0',
    'on_raw_tracepoint raw_tracepoint - sched_switch 0',
    'on_tp tracepoint - sched/sched_switch 0',
    'on_tracepoint tracepoint - sched/sched_process_exec 0',
    'on_tp_btf tracing trace_raw_tp sched_switch 0',
    'on_kprobe kprobe - do_nanosleep 0',
    'on_kretprobe kprobe - do_nanosleep 0',
    'on_fentry tracing trace_fentry do_nanosleep 0',
    'on_fexit tracing trace_fexit do_nanosleep 0',
    'on_fmod_ret tracing modify_return security_file_open 0',
    'on_lsm lsm lsm_mac file_open 0',
    'on_iter tracing trace_iter task 0',
    'on_xdp xdp xdp - 0',
    'on_tc sched_cls - - 0',
    'on_tcx_ingress sched_cls tcx_ingress - 0',
    'on_tcx_egress sched_cls tcx_egress - 0',
    'on_cgroup_skb_ingress cgroup_skb cgroup_inet_ingress - 0',
    'on_cgroup_skb_egress cgroup_skb cgroup_inet_egress - 0',
    'on_cgroup_sock_create cgroup_sock cgroup_inet_sock_create - 0',
    'on_sk_lookup sk_lookup sk_lookup - 0',
    'on_netfilter netfilter netfilter - 0',
    'on_socket socket_filter - - 0',
    'on_perf_event perf_event - - 0',
    'on_syscall syscall - - 16',
  ])
  t.deepEqual(
    [...sections.programs.values()].flatMap(({ name, autoload }) => (autoload ? [name] : [])),
    ['on_raw_tp'],
  )
})

test('functions have the sizes of their symbols, and refer to what the source says', t => {
  // Sizes in slots of 8 bytes, as llvm-readelf shows them; 64-bit loads fill two.
  const golden: [name: string, slots: number, refers: string[]][] = [
    ['times_two', 7, ['map_value .bss+0', 'call add_three']],
    ['add_three', 7, ['map_value .bss+0']],
    ['minus_one', 7, ['map_value .bss+0', 'call times_two']],
    ['identity', 2, []],
    ['uncalled', 3, []],
    ['first', 2, []],
    ['second', 5, ['call identity', 'call minus_one']],
    ['third', 7, ['call add_three', 'call times_two']],
    ['tail', 2, []],
    ['jump', 8, ['map_value .bss+4', 'map programs']],
    ['optional', 3, ['call identity']],
  ]
  for (const [name, slots, refers] of golden) {
    const body = functions.functions.get(name)!
    t.is(
      body.reduce((sum, each) => sum + slotCount(each), 0),
      slots,
      name,
    )
    t.deepEqual(references(body), refers, name)
    t.is(body[0]!.symbol, name)
    t.deepEqual(functions.btf!.type(body[0]!.funcTypeId!).name, name)
  }
})

test('instructions have their bytes, and lines their file, number and text', t => {
  // llvm-objdump -d --line-numbers of times_two.
  const body = functions.functions.get('times_two')!
  t.deepEqual(
    body.map(({ opcode, dst, src, offset, imm }) => [opcode, dst, src, offset, imm]),
    [
      [0xb4, 2, 0, 0, 1],
      [0x18, 3, 0, 0, 0n],
      [0xc3, 3, 2, 0, 0],
      [0x85, 0, 1, 0, 2],
      [0x64, 0, 0, 0, 1],
      [0x95, 0, 0, 0, 0],
    ],
  )
  const lines = body.map(({ source }) => source?.line)
  t.deepEqual(lines.slice(0, 2), [18, 20])
  const { file, text } = body[1]!.source!
  t.regex(file, /functions\.bpf\.c$/)
  const source = readFileSync('test/bpf/functions.bpf.c', 'utf8').split('\n')
  for (const instructions of functions.functions.values()) {
    for (const { source: place } of instructions) {
      if (place !== undefined) t.is(place.text, source[place.line - 1] ?? '')
    }
  }
  t.is(text, '\t__sync_fetch_and_add(&calls, 1);')
})

test('hidden functions are static in the BTF, others keep their linkage', t => {
  const linkage = (name: string) => functions.btf!.findType('func', name)?.linkage
  t.is(linkage('minus_one'), 'static')
  t.is(linkage('add_three'), 'static')
  t.is(linkage('times_two'), 'global')
  t.is(linkage('identity'), 'global')
})

test('functions whose address is taken', t => {
  const callbacks = object('test/bpf/callbacks.bpf.o')
  t.deepEqual(references(callbacks.functions.get('sum_map')!), ['map numbers', 'function add_value'])
  t.deepEqual(references(callbacks.functions.get('sum_loop')!), ['function add_index'])
})

test('maps with every member of a definition', t => {
  const key = (index: number) => Uint8Array.of(index, 0, 0, 0)
  const golden: MapSpec[] = [
    { name: 'inner_a', type: 'array', maxEntries: 1, keySize: 4, valueSize: 4 },
    { name: 'inner_b', type: 'array', maxEntries: 1, keySize: 4, valueSize: 4 },
    {
      name: 'array_of_maps',
      type: 'array_of_maps',
      maxEntries: 4,
      keySize: 4,
      valueSize: 4,
      innerMap: { name: 'array_of_maps.inner', type: 'array', maxEntries: 1, keySize: 4, valueSize: 4 },
      contents: [
        { key: key(0), value: { map: 'inner_a' } },
        { key: key(2), value: { map: 'inner_b' } },
      ],
    },
    {
      name: 'jumps',
      type: 'prog_array',
      maxEntries: 3,
      keySize: 4,
      valueSize: 4,
      contents: [{ key: key(1), value: { program: 'jump_target' } }],
    },
    { name: 'by_port', type: 'hash', maxEntries: 128, flags: 1, keySize: 4, valueSize: 16 },
    { name: 'slots', type: 'array', maxEntries: 8, keySize: 4, valueSize: 8 },
    { name: 'per_cpu', type: 'percpu_array', maxEntries: 1, keySize: 4, valueSize: 16 },
    { name: 'queue', type: 'queue', maxEntries: 4, valueSize: 4 },
    { name: 'stack', type: 'stack', maxEntries: 4, valueSize: 4 },
    { name: 'by_size', type: 'hash', maxEntries: 16, keySize: 12, valueSize: 20 },
    {
      name: 'on_node',
      type: 'hash',
      maxEntries: 4,
      flags: 4,
      numaNode: 0,
      pinning: 'none',
      keySize: 4,
      valueSize: 4,
    },
    { name: 'routes', type: 'lpm_trie', maxEntries: 32, flags: 1, keySize: 8, valueSize: 16 },
    { name: 'ring', type: 'ringbuf', maxEntries: 4096, valueSize: 0 },
    { name: 'perf', type: 'perf_event_array', keySize: 4, valueSize: 4 },
    {
      name: 'hash_of_maps',
      type: 'hash_of_maps',
      maxEntries: 4,
      keySize: 4,
      valueSize: 4,
      innerMap: { name: 'hash_of_maps.inner', type: 'hash', maxEntries: 2, keySize: 8, valueSize: 8 },
    },
  ]
  t.deepEqual([...maps.maps.values()].slice(0, golden.length).map(plain), golden)
})

test('maps know the types of their keys and values', t => {
  const { btf } = maps
  const { keyTypeId, valueTypeId } = maps.maps.get('by_port')!
  t.deepEqual([btf!.kind(keyTypeId!), btf!.name(keyTypeId!)], ['typedef', 'port_t'])
  t.is(btf!.name(valueTypeId!), 'counters')
  const { keyTypeId: none } = maps.maps.get('by_size')!
  t.is(none, undefined)
})

test('members of other objects: pinning, map_extra of 32 and 64 bits, tags', t => {
  t.is(object('test/bpf/pinned.bpf.o').maps.get('pinned_counter')!.pinning, 'by_name')
  t.is(object('test/bpf/arena.bpf.o').maps.get('arena')!.mapExtra, 1n << 44n)
  const seen = object('test/bpf/recent.bpf.o').maps.get('seen')!
  t.is(seen.mapExtra, 3n)
  t.deepEqual(seen.tags, ['on_map'])
})

test('a ring buffer with a value has records of its type, but no values', t => {
  const pairs = object('test/bpf/ringbuf-value.bpf.o')
  const { valueSize, valueTypeId } = pairs.maps.get('pairs')!
  t.is(valueSize, 0)
  t.is(pairs.btf!.name(valueTypeId!), 'pair')
})

for (const [title, { maps: all, variables, btf, byteOrder }] of [
  ['little', data],
  ['big', dataBig],
] as const) {
  test(`data sections of a ${title}-endian object are maps`, t => {
    t.is(byteOrder, title)
    t.deepEqual(
      [...all.values()].map(each => [each.name, each.valueSize, each.flags, each.freeze]),
      [
        ['.rodata', 68, 0x480, true],
        ['.data', 144, 0x400, false],
        ['.rodata.config', 4, 0x480, true],
        ['.data.custom', 4, 0x400, false],
        ['.bss', 104, 0x400, false],
        // No variable of it is global.
        ['.rodata.cst16', 16, 0x80, true],
        ['.bss.custom', 4, 0x400, false],
      ],
    )
    for (const { type, keySize, maxEntries, contents } of all.values()) {
      t.deepEqual([type, keySize, maxEntries, contents!.length], ['array', 4, 1, 1])
    }
  })

  test(`variables of a ${title}-endian object have places, types and values`, t => {
    const golden: [name: string, section: string, offset: number, size: number, value?: bigint][] = [
      ['ro_u8', '.rodata', 0, 1, 200n],
      ['ro_s8', '.rodata', 1, 1, -100n],
      ['ro_u16', '.rodata', 2, 2, 60000n],
      ['ro_s16', '.rodata', 4, 2, -30000n],
      ['ro_u32', '.rodata', 8, 4, 4000000000n],
      ['ro_s32', '.rodata', 12, 4, -2000000000n],
      ['ro_u64', '.rodata', 16, 8, 18000000000000000000n],
      ['ro_s64', '.rodata', 24, 8, -9000000000000000000n],
      ['ro_bool', '.rodata', 32, 1, 1n],
      ['ro_text', '.rodata', 33, 16],
      ['ro_colour', '.rodata', 52, 4, 5n],
      ['ro_point', '.rodata', 56, 8],
      ['ro_static', '.rodata', 64, 4, 77n],
      ['rw_s64', '.data', 24, 8, -4n],
      ['rw_char', '.data', 33, 1, 99n],
      ['rw_colour', '.data', 52, 4, -1n],
      ['rw_shape', '.data', 56, 48],
      ['rw_flags', '.data', 132, 8],
      ['rw_static', '.data', 140, 4, 88n],
      ['config_limit', '.rodata.config', 0, 4, 10n],
      ['custom_data', '.data.custom', 0, 4, 11n],
      ['custom_zero', '.bss.custom', 0, 4, 0n],
      ['runs', '.bss', 96, 8, 0n],
    ]
    for (const [name, sectionName, offset, size, value] of golden) {
      const { typeId, ...place } = variables.find(each => each.name === name)!
      t.deepEqual(place, { name, sectionName, offset, size })
      t.is(btf!.sizeOf(typeId), size, name)
      if (value === undefined) continue
      const bytes = new Uint8Array(all.get(sectionName)!.contents![0]!.value as Uint8Array).subarray(
        offset,
        offset + size,
      )
      if (title === 'little') bytes.reverse()
      const read = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
      t.is(read, BigInt.asUintN(size * 8, value), name)
    }
  })

  test(`sections in the BTF of a ${title}-endian object are complete`, t => {
    const section = btf!.findType('datasec', '.data')!
    t.is(section.size, 144)
    t.is(section.variables.length, 17)
    const offsets = section.variables.map(each => each.offset)
    t.deepEqual(
      offsets,
      [...offsets].sort((a, b) => a - b),
    )
    const named = section.variables.map(each => btf!.name(each.type))
    t.is(offsets[named.indexOf('rw_points')], 104)
    t.is(btf!.byteOrder, title)
  })
}

test('both byte orders have the same programs', t => {
  for (const name of ['core', 'data', 'events']) {
    const little = object(`test/bpf/${name}.bpf.o`)
    const big = object(`test/bpf/${name}.bpfeb.o`)
    t.deepEqual([...little.programs.keys()], [...big.programs.keys()])
    t.deepEqual([...little.maps.keys()], [...big.maps.keys()])
    t.deepEqual(little.variables, big.variables)
    for (const { type, byteOrder } of big.programs.values()) {
      t.is(byteOrder, 'big')
      t.not(type, 'unspec')
    }
  }
})

test('each kind of CO-RE relocation is on the program that is named after it', t => {
  for (const [name, kind] of Object.entries(coreRelocationKinds)) {
    const relocations = core.programs.get(name)!.instructions.flatMap(each => each.relocation ?? [])
    t.true(relocations.length > 0, name)
    for (const relocation of relocations) {
      t.is(relocation.kind, kind, name)
      t.true(core.btf!.has(relocation.typeId))
    }
  }
  const [pid, comm, third] = core.programs
    .get('field_byte_offset')!
    .instructions.flatMap(each => each.relocation ?? [])
  t.deepEqual(
    [pid, comm, third].map(each => each?.access),
    ['0:3', '0:0', '0:0:3'],
  )
  t.is(core.btf!.name(pid!.typeId), 'task_struct')
})

test('licenses', t => {
  t.is(core.license, 'Dual MIT/GPL')
  t.is(object('test/bpf/proprietary.bpf.o').license, 'Proprietary')
  t.is(core.version, undefined)
})

test('the example', t => {
  const { programs, maps: all, variables } = object('examples/processes.bpf.o')
  t.deepEqual(
    [...programs.values()].map(each => [each.name, each.attachTarget]),
    [
      ['on_exec', 'sched_process_exec'],
      ['on_exit', 'sched_process_exit'],
    ],
  )
  t.deepEqual([...all.keys()], ['events', '.rodata', '.bss'])
  t.deepEqual(
    variables.map(each => each.name),
    ['min_lifetime_ns', 'dropped'],
  )
})
