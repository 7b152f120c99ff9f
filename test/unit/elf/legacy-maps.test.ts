import { readFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { BPF_F_NUMA_NODE } from '../../../src/abi/generated/flags.ts'
import { loadImm64 } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r1 } from '../../../src/asm/registers.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import { sectionTypes } from '../../../src/elf/format.ts'
import type { LegacyMapDefinition, LegacyMapLayout } from '../../../src/elf/object/legacy-layouts.ts'
import { type ObjectFile, type ObjectOptions, parseObject } from '../../../src/elf/object/object.ts'
import { fillTailCalls } from '../../../src/elf/object/tail-calls.ts'
import { writeElf } from '../../../src/elf/write.ts'
import type { MapContent, MapSpec } from '../../../src/maps/spec.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { code, legacyDefinition as defined } from '../../support/elf/files.ts'
import { objectPath } from '../../support/objects.ts'

/** Byte offsets of the members of `struct bpf_elf_map`. */
const AT = { type: 0, sizeKey: 4, id: 20, pinning: 24, innerId: 28, innerIdx: 32 } as const
/** Byte offsets of the members of a symbol. */
const SYMBOL = { value: 8, size: 16, bytes: 24 } as const

/** A copy of an object whose numbers and symbols can be changed. */
class EditedObject {
  readonly bytes: Uint8Array
  readonly #elf: ElfFile
  readonly #view: DataView

  constructor(name: string) {
    this.bytes = new Uint8Array(readFileSync(objectPath(name)))
    this.#elf = ElfFile.parse(this.bytes)
    this.#view = new DataView(this.bytes.buffer)
  }

  /** Sets 32 bits of the definition of a map. */
  member(map: string, at: number, value: number): this {
    const symbol = this.#elf.symbols.find(each => each.name === map)!
    const section = this.#elf.sectionOf(symbol)!
    this.#view.setUint32(section.offset + symbol.value + at, value, this.#elf.byteOrder === 'little')
    return this
  }

  /** Sets 64 bits of the symbol of a map. */
  symbol(map: string, at: number, value: bigint): this {
    const table = this.#elf.sections.find(each => each.type === sectionTypes.symtab)!
    const index = this.#elf.symbols.findIndex(each => each.name === map)
    this.#view.setBigUint64(table.offset + index * SYMBOL.bytes + at, value, this.#elf.byteOrder === 'little')
    return this
  }

  parse(options?: ObjectOptions): ObjectFile {
    return parseObject(this.bytes, 'it.o', options)
  }
}

/** The maps of an object, without their BTF, by name. */
function mapsOf(name: string): Record<string, Omit<MapSpec, 'btf'>> {
  const { maps } = parseObject(readFileSync(objectPath(name)))
  return Object.fromEntries([...maps].map(([key, { btf: _, ...spec }]) => [key, spec]))
}

const index = (byteOrder: 'little' | 'big', value: number): Uint8Array =>
  byteOrder === 'little' ? Uint8Array.of(value, 0, 0, 0) : Uint8Array.of(0, 0, 0, value)

for (const [byteOrder, suffix] of [
  ['little', ''],
  ['big', '.bpfeb'],
] as const) {
  test(`20 bytes, ${byteOrder}-endian: type, sizes, flags; with modern maps in one object`, t => {
    const { slots, by_port, queue, modern } = mapsOf(`legacy-maps${suffix}`)
    t.deepEqual(slots, {
      name: 'slots',
      type: 'array',
      keySize: 4,
      valueSize: 8,
      maxEntries: 4,
      flags: 0,
    })
    t.like(by_port, { type: 'hash', keySize: 4, valueSize: 16, maxEntries: 128, flags: 1 })
    t.like(queue, { type: 'queue', keySize: 0, valueSize: 4, maxEntries: 8 })
    t.like(modern, { type: 'array', keySize: 4, valueSize: 8, maxEntries: 2 })
  })

  test(`20 bytes, ${byteOrder}-endian: an annotation gives the types of key and value`, t => {
    const { maps } = parseObject(readFileSync(objectPath(`legacy-maps${suffix}`)))
    const { btf, keyTypeId = 0, valueTypeId = 0 } = maps.get('by_port')!
    t.like(btf?.type(keyTypeId), { kind: 'typedef', name: '__u32' })
    t.like(btf?.type(valueTypeId), { kind: 'struct', name: 'counters' })
    t.is(maps.get('slots')!.btf, undefined)
  })

  test(`36 bytes, ${byteOrder}-endian: pins, and a map of maps by id`, t => {
    const { unpinned, of_object, of_all, inner, outer } = mapsOf(`legacy-iproute2${suffix}`)
    const array = { type: 'array', keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 } as const
    t.deepEqual(unpinned, { name: 'unpinned', ...array, pinning: 'none' })
    t.deepEqual(of_object, { name: 'of_object', ...array, pinning: 'by_name' })
    t.deepEqual(of_all, { name: 'of_all', ...array, pinPath: 'tc/globals/of_all' })
    t.deepEqual(inner, { name: 'inner', ...array, pinning: 'none' })
    t.deepEqual(outer, {
      name: 'outer',
      type: 'array_of_maps',
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
      flags: 0,
      pinning: 'none',
      innerMap: { name: 'outer.inner', ...array },
      contents: [{ key: index(byteOrder, 1), value: { map: 'inner' } }],
    })
  })
}

test('36 bytes: programs of sections ID/INDEX are elements of the program array with that id', t => {
  const { maps, programs } = parseObject(readFileSync(objectPath('legacy-tail-calls')))
  t.deepEqual(maps.get('jumps')!.contents, [
    { key: index('little', 1), value: { program: 'first' } },
    { key: index('little', 2), value: { program: 'second' } },
  ])
  t.is(maps.get('numbers')!.contents, undefined)
  const types = [...programs.values()].map(({ name, type }) => `${name} ${type}`)
  t.deepEqual(types, [
    'jump socket_filter',
    'first unspec',
    'second unspec',
    'nowhere unspec',
    'unknown unspec',
  ])
})

test('a section that does not hold two numbers of C names no element', t => {
  const jumps: MapSpec = { name: 'jumps', type: 'prog_array' }
  const maps = { byId: new Map([[0, jumps]]), indexKey: (at: number): Uint8Array => index('little', at) }
  const sections = ['089/0', '0/08', '0/', '0/1x', '0/017', '0/0x1F', '0/0', '0/12']
  const programs = sections.map(
    (sectionName): ProgramSpec => ({
      name: sectionName,
      sectionName,
      type: 'socket_filter',
      instructions: [],
    }),
  )
  fillTailCalls(programs, maps)
  t.deepEqual(
    jumps.contents,
    [
      ['0/017', 0o17],
      ['0/0x1F', 0x1f],
      ['0/0', 0],
      ['0/12', 12],
    ].map(([program, at]) => ({ key: index('little', at as number), value: { program } })) as MapContent[],
  )
})

test('28 bytes: a map of maps by position, and a NUMA node', t => {
  const { on_node, inner, outer } = mapsOf('legacy-sample')
  t.like(on_node, { type: 'hash', flags: 4, numaNode: 0 })
  t.is(inner!.numaNode, undefined)
  t.like(outer, { type: 'hash_of_maps', keySize: 8, contents: undefined })
  t.deepEqual(outer!.innerMap, { ...inner!, name: 'outer.inner' })
})

test('280 bytes: a pin in a namespace', t => {
  const { unpinned, shared } = mapsOf('legacy-gobpf')
  t.like(unpinned, { type: 'array', keySize: 4, valueSize: 8, maxEntries: 1, pinning: 'none' })
  t.like(shared, { pinning: undefined, pinPath: 'app/globals/shared' })
})

test('instructions refer to legacy and to modern maps by name', t => {
  const { programs } = parseObject(readFileSync(objectPath('legacy-maps')))
  const references = programs.get('count_runs')!.instructions.flatMap(({ reference }) => reference ?? [])
  t.deepEqual(
    references.map(each => `${each.kind} ${'name' in each ? each.name : ''}`),
    ['map slots', 'map modern', 'map queue', 'map by_port'],
  )
})

test('symbols without size share their section', t => {
  const edited = new EditedObject('legacy-iproute2')
  for (const name of ['unpinned', 'of_object', 'of_all', 'inner', 'outer'])
    edited.symbol(name, SYMBOL.size, 0n)
  t.deepEqual([...edited.parse().maps.keys()].slice(0, 5), [
    'unpinned',
    'of_object',
    'of_all',
    'inner',
    'outer',
  ])
  t.is(edited.parse().maps.get('outer')!.innerMap!.maxEntries, 1)
})

test('a shorter definition lacks the flags', t => {
  const edited = new EditedObject('legacy-maps').symbol('queue', SYMBOL.size, 16n)
  t.like(edited.parse().maps.get('queue'), { type: 'queue', valueSize: 4, flags: 0 })
})

test('a decoder reads what is behind the flags', t => {
  const seen: LegacyMapDefinition[] = []
  const spec = CollectionSpec.fromFile(objectPath('legacy-sample'), {
    legacyMap: definition => {
      seen.push(definition)
      return definition.name === 'inner' ? { pinPath: '/sys/fs/bpf/mine' } : undefined
    },
  })
  t.deepEqual(
    seen.map(({ name, position }) => [name, position]),
    [
      ['on_node', 0],
      ['inner', 1],
      ['outer', 2],
    ],
  )
  t.deepEqual(seen[2]!.numbers, [13, 8, 4, 8, 0, 1, 0])
  t.is(seen[2]!.bytes.length, 28)
  t.is(spec.maps.get('inner').pinPath, '/sys/fs/bpf/mine')
})

test('without a decoder, what is behind the flags must be known or zero', t => {
  const bytes = defined(1, 4, 8, 16, 0, 0, 1, 0)
  t.throws(() => parseObject(bytes, 'it.o'), {
    instanceOf: ObjectFileError,
    message:
      'Map it: the 12 bytes behind its flags are not zero, and their layout is not known: give legacyMap, one of libbpf, samples, aya, iproute2, gobpf or a decoder (it.o, section maps, offset 0x0)',
  })
  const { maps } = parseObject(bytes, 'it.o', {
    legacyMap: ({ numbers }) => (numbers[6] === 1 ? { id: 1, pinning: 'by_name' } : undefined),
  })
  t.is(maps.get('it')!.pinning, 'by_name')
})

test('a layout is named where its size does not show it', t => {
  const read = (legacyMap: LegacyMapLayout, ...numbers: number[]): MapSpec =>
    parseObject(defined(...numbers), 'it.o', { legacyMap }).maps.get('it')!
  const numbers = [1, 4, 8, 16, 4, 7, 1, 0]
  t.like(read('libbpf', ...numbers), { pinning: undefined, numaNode: undefined, flags: 4 })
  t.like(read('samples', ...numbers), { pinning: undefined, numaNode: 1 })
  t.like(read('aya', ...numbers), { pinning: 'by_name', numaNode: undefined })
  t.like(read('iproute2', ...numbers), { pinning: 'by_name' })
  t.like(read('gobpf', 1, 4, 8, 16, 0, 0), { pinning: 'none' })
  t.throws(() => read('cilium' as 'aya', ...numbers), {
    instanceOf: RangeError,
    message: 'Unknown layout of maps "cilium": expected one of libbpf, samples, aya, iproute2, gobpf',
  })
})

for (const [what, numbers, pinning, pinPath] of [
  ['28 bytes, pinned by name', [0, 1], 'by_name', undefined],
  ['28 bytes, with an id', [7, 0], undefined, undefined],
  ['28 bytes, pinned for all', [0, 2], undefined, 'tc/globals/it'],
  ['28 bytes, pinned as another loader does', [0, 16], 16, undefined],
  ['36 bytes, pinned as another loader does', [0, 100, 0, 0], 100, undefined],
  ['280 bytes, pinned as another loader does', [3, ...Array<number>(64).fill(0)], 3, undefined],
] as const) {
  test(`a definition of ${what}`, t => {
    const spec = parseObject(defined(1, 4, 8, 16, 0, ...numbers)).maps.get('it')!
    t.deepEqual([spec.pinning, spec.pinPath], [pinning, pinPath])
  })
}

test('a definition without a symbol, as linkers leave it of a weak map, is ignored', t => {
  const numbers = Uint32Array.from([1, 4, 8, 16, 0, 2, 4, 8, 1, 0])
  const linked = (size: number): Uint8Array =>
    writeElf({
      sections: [code('socket', [exit()]), { name: 'maps', data: new Uint8Array(numbers.buffer, 0, size) }],
      symbols: [
        { name: 'main', section: 1, size: 8 },
        { name: 'it', type: 'object', section: 2, size: 20 },
      ],
    })
  t.deepEqual([...parseObject(linked(40)).maps.keys()], ['it'])
  t.throws(() => parseObject(linked(32), 'it.o'), {
    message: 'Bytes that belong to no map (it.o, section maps, offset 0x14)',
  })
})

test('a definition of 28 bytes with a NUMA node, or of a map of maps, is one of the kernel', t => {
  t.is(parseObject(defined(1, 4, 8, 16, BPF_F_NUMA_NODE, 0, 1)).maps.get('it')!.numaNode, 1)
  const { maps } = new EditedObject('legacy-sample').member('inner', 24, 1).parse()
  t.is(maps.get('inner')!.pinning, 'by_name')
  t.is(maps.get('outer')!.innerMap!.pinning, undefined)
})

for (const [what, map, at, value, reason] of [
  ['no type', 'unpinned', AT.type, 0, 'Map unpinned: its definition has no type'],
  [
    'an inner map that is not there',
    'outer',
    AT.innerId,
    7,
    'Map outer: no map with id 7 exists for its inner maps',
  ],
  ['itself as inner map', 'outer', AT.id, 42, 'Map outer: its inner map outer is a map of maps itself'],
  [
    'inner maps but no indexes',
    'outer',
    AT.sizeKey,
    8,
    'Map outer: its keys have 8 bytes, but its inner maps have indexes',
  ],
] as const) {
  test(`a definition with ${what} is refused`, t => {
    const edited = new EditedObject('legacy-iproute2').member(map, at, value)
    // Of two maps with one id, the first is the template.
    if (at === AT.id) edited.member('inner', AT.id, 0)
    t.throws(() => edited.parse(), {
      instanceOf: ObjectFileError,
      message: new RegExp(`^${reason} \\(it\\.o, section maps, offset 0x`),
    })
  })
}

test('a position that no map has is refused', t => {
  t.throws(() => new EditedObject('legacy-sample').member('outer', 20, 3).parse(), {
    message: 'Map outer: no map at position 3 exists for its inner maps (it.o, section maps, offset 0x38)',
  })
})

test('maps of one program type are defined in a section of its own', t => {
  const definitions = new Uint8Array(2 * 28)
  new Uint32Array(definitions.buffer).set([2, 4, 4, 1024, 0, 0, 0, 1, 4, 136, 1])
  const bytes = writeElf({
    sections: [
      code('lirc_mode2/raw', [loadImm64(r1, 0), exit()], { relocations: [{ offset: 0, symbol: 2 }] }),
      {
        name: 'lirc_mode2/maps',
        data: definitions,
      },
    ],
    symbols: [
      { name: 'bpf_decoder', section: 1, size: 24 },
      { name: 'state', type: 'object', section: 2, value: 28, size: 28 },
      { name: 'raw_map', type: 'object', section: 2, size: 28 },
    ],
  })
  const { maps, programs } = parseObject(bytes)
  t.like(maps.get('raw_map'), { type: 'array', keySize: 4, valueSize: 4, maxEntries: 1024 })
  t.like(maps.get('state'), { type: 'hash', keySize: 4, valueSize: 136, maxEntries: 1 })
  t.deepEqual(programs.get('bpf_decoder')!.instructions[0]!.reference, { kind: 'map', name: 'state' })
})

test('a map that is not to be put anywhere is only a template', t => {
  const { maps } = new EditedObject('legacy-iproute2').member('inner', AT.innerIdx, 0xffff_ffff).parse()
  t.is(maps.get('outer')!.contents, undefined)
  t.is(maps.get('outer')!.innerMap!.name, 'outer.inner')
})

test('a map of maps without inner map is left to the caller', t => {
  const { maps } = new EditedObject('legacy-iproute2').member('outer', AT.innerId, 0).parse()
  t.is(maps.get('outer')!.innerMap, undefined)
})

for (const namespace of ['', '..', 'a/../b', '/a']) {
  test(`gobpf: a pin in namespace ${JSON.stringify(namespace)} is refused`, t => {
    const edited = new EditedObject('legacy-gobpf')
    const bytes = new TextEncoder().encode(namespace.padEnd(8, '\0'))
    for (let at = 0; at < 8; at += 4) {
      edited.member('shared', 24 + at, new DataView(bytes.buffer).getUint32(at, true))
    }
    t.throws(() => edited.parse(), {
      message: `Map shared: it cannot be pinned in namespace ${JSON.stringify(namespace)} (it.o, section maps/shared, offset 0x0)`,
    })
  })
}

for (const [what, map, at, value, message] of [
  [
    'too short',
    'queue',
    SYMBOL.size,
    12n,
    'Map queue is defined by 12 bytes only (it.o, section maps/queue, offset 0x0)',
  ],
  [
    'too long',
    'queue',
    SYMBOL.size,
    24n,
    'Map queue of 24 bytes has room for 20 (it.o, section maps/queue, offset 0x0)',
  ],
  [
    'behind its section',
    'queue',
    SYMBOL.value,
    1n << 40n,
    'Variable queue lies behind its section (it.o, section maps/queue, offset 0x10000000000)',
  ],
  [
    'over another',
    'by_port',
    SYMBOL.value,
    8n,
    'Map slots of 20 bytes has room for 8 (it.o, section maps, offset 0x0)',
  ],
  [
    'away from its bytes',
    'slots',
    SYMBOL.value,
    20n,
    'Map slots of 20 bytes has room for 0 (it.o, section maps, offset 0x14)',
  ],
] as const) {
  test(`a symbol that is ${what} is refused`, t => {
    t.throws(() => new EditedObject('legacy-maps').symbol(map, at, value).parse(), {
      instanceOf: ObjectFileError,
      message,
    })
  })
}

test('whatever the definitions say, the result is maps or an ObjectFileError', t => {
  const original = readFileSync(objectPath('legacy-iproute2'))
  const { offset, size } = ElfFile.parse(original).section('maps')!
  fc.assert(
    fc.property(fc.uint8Array({ minLength: size, maxLength: size }), noise => {
      const bytes = new Uint8Array(original)
      bytes.set(noise, offset)
      try {
        return parseObject(bytes).maps.size >= 5
      } catch (error) {
        return error instanceof ObjectFileError
      }
    }),
  )
  t.pass()
})
