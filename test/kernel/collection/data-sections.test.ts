import { readFileSync } from 'node:fs'
import { BPF_F_MMAPABLE } from '../../../src/abi/generated/flags.ts'
import { mov } from '../../../src/asm/alu.ts'
import { loadMapValue } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { bpftool } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { objectPath, objectSpec, objectWith, PACKET } from '../../support/objects.ts'
import { since } from '../../support/programs/features.ts'

/** Locks in global variables. */
const globalLocks = since('6.2', 'A lock in a global variable')

/** Inner maps with a lock in their values, which kernels before refuse. */
const innerLocks = since('6.2', 'A lock in the values of inner maps')

/** The object without its map of maps. */
function sections(): CollectionSpec {
  return withoutInner(objectSpec('data-sections'))
}

function withoutInner(spec: CollectionSpec): CollectionSpec {
  spec.maps.get('outer').autocreate = false
  return spec
}

function run(collection: Collection, name = 'count'): number {
  return collection.programs.get(name).testRun({ data: PACKET }).returnValue
}

kernelTest('variables of a section that user space cannot map are looked up', [], t => {
  using collection = Collection.load(sections())
  const { variables, maps } = collection
  run(collection)
  run(collection)
  t.is(variables.get('locked').get(), 7n)
  t.is(new DataView(variables.get('locked').bytes.slice().buffer).getBigUint64(0, true), 7n)
  t.is(variables.get('own').get(), 9n)
  t.is(maps.get('.data.own').memory(), undefined)
  t.throws(() => variables.get('own').set(1n), {
    code: 'ERR_NOT_MAPPED',
    message:
      'Cannot set variable own: section .data.own is not in memory, and writing all of it would undo what programs write meanwhile; set it before loading',
  })
})

kernelTest('a section with a lock cannot be mapped, and is read all the same', [globalLocks], t => {
  using collection = Collection.load(sections())
  t.not(collection.maps.get('.data.locked').flags & BPF_F_MMAPABLE, 0)
  t.is(collection.maps.get('.data.locked').memory(), undefined)
  run(collection)
  t.is(collection.variables.get('locked').get(), 6n)
  t.throws(() => collection.variables.get('locked').set(1n), { code: 'ERR_NOT_MAPPED' })
})

kernelTest('static variables are mapped when the flag is set before loading', [], t => {
  const spec = sections()
  spec.maps.get('.data.own').flags! |= BPF_F_MMAPABLE
  using collection = Collection.load(spec)
  collection.variables.get('own').set(20n)
  run(collection)
  t.is(collection.variables.get('own').get(), 21n)
})

kernelTest('an array too long for a codec does not keep its object from being loaded', [], t => {
  using collection = Collection.load(sections())
  const { variables } = collection
  run(collection)
  const huge = variables.get('huge')
  t.is(huge.size, 2 * (2 ** 20 + 1))
  t.is(huge.bytes[0], 1)
  t.throws(() => huge.get(), {
    message: /^Variable huge has bytes, but no decoded value: .*more than 1048576 values/,
  })
  t.is(variables.get('beside_huge').get(), 1)
})

/** The object with another size of `.data.large`, in bytes. */
function enlarged(valueSize: number): CollectionSpec {
  const spec = sections()
  spec.maps.get('.data.large').valueSize = valueSize
  return spec
}

kernelTest('a section that is made larger has a longer array at its end', ['bpftool'], t => {
  const spec = enlarged(4 + 4 * 100)
  const described = spec.variables.get('large')
  t.is(described.size, 400)
  t.deepEqual((described.get() as number[]).slice(0, 6), [10, 20, 30, 40, 0, 0])
  described.set(Array.from({ length: 100 }, (_, i) => i))
  for (const each of [spec, spec.copy()]) {
    using collection = Collection.load(each)
    t.is(run(collection), 3)
    const { variables, maps } = collection
    const large = variables.get('large')
    t.is((large.get() as number[])[99], 99)
    large.set(Array.from({ length: 100 }, (_, i) => i * 2))
    t.is(run(collection), 6)
    t.is(variables.get('before').get(), 3)
    t.deepEqual(Object.keys(maps.get('.data.large').decoded().get(0) as object), ['before', 'large'])
    // The kernel has its types: bpftool shows them.
    const { formatted } = (
      bpftool('map', 'dump', 'id', maps.get('.data.large').id) as {
        formatted: { value: { '.data.large': object[] } }
      }[]
    )[0]!
    t.is((formatted.value['.data.large'][1] as { large: number[] }).large.length, 100)
  }
})

kernelTest(
  'a section of a size that its array does not fit loses its types, and one too small is refused',
  [],
  t => {
    {
      using collection = Collection.load(enlarged(4 + 4 * 100 + 1))
      t.is(run(collection), 40)
      t.deepEqual(collection.variables.get('large').get(), [10, 20, 30, 40])
      t.is(collection.maps.get('.data.large').info().btfValueTypeId, 0)
    }
    t.throws(() => Collection.load(enlarged(16)), {
      code: 'ERR_INVALID_SPEC',
      message: 'Cannot create map .data.large: valueSize is 16, and its variables have 20 bytes',
    })
  },
)

kernelTest('inner maps with a lock in their values are created, and filled in', [innerLocks], t => {
  using collection = Collection.load(objectWith('data-sections', ['set_guarded']))
  const one = collection.maps.get('one').decoded<number, { value: number }>()
  one.set(0, { value: 4 })
  t.is(run(collection, 'set_guarded'), 0)
  t.is(one.get(0)?.value, 9)
})

kernelTest('the kernel has the name of the object before that of its sections', [], t => {
  const bytes = readFileSync(objectPath('data-sections'))
  const nameOf = (file: string, map: string): string => {
    using collection = Collection.load(withoutInner(CollectionSpec.parse(bytes, file)))
    const found = collection.maps.get(map)
    t.is(found.name, map)
    return found.info().name
  }
  t.is(nameOf('agent.bpf.o', '.bss'), 'agent.bss')
  t.is(nameOf('agent-with-a-long-name.o', '.rodata'), 'agent_wi.rodata')
  t.is(nameOf('agent.bpf.o', '.data.large'), '.data.large')
})

kernelTest('constants are bound to programs, and bpftool shows their metadata', ['bpftool'], t => {
  using collection = Collection.load(sections())
  const { metadata, map_ids } = bpftool('prog', 'show', 'id', collection.programs.get('count').id) as {
    metadata?: object
    map_ids: number[]
  }
  t.true(map_ids.includes(collection.maps.get('.rodata').id))
  t.deepEqual(metadata, { owner: 'ebpf-ts' })
})

for (const how of ['load', 'loadAsync'] as const) {
  kernelTest(
    `${how}: a program has the constants that it uses and those that it does not, once`,
    [],
    async t => {
      const constants = (name: string): [string, MapSpec] => [
        name,
        { name, type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 },
      ]
      const program = (name: string, ...used: string[]): [string, ProgramSpec] => {
        const loads = used.map(each => loadMapValue(r1, each))
        return [name, { name, type: 'socket_filter', instructions: [...loads, mov(r0, 0), exit()] }]
      }
      using collection = await Collection[how](
        new CollectionSpec({
          maps: [constants('.rodata'), constants('.rodata.other'), constants('.data')],
          programs: [program('none'), program('one', '.rodata'), program('both', '.rodata.other', '.rodata')],
        }),
      )
      const { maps, programs } = collection
      const expected = [maps.get('.rodata').id, maps.get('.rodata.other').id].sort((a, b) => a - b)
      for (const each of programs.values())
        t.deepEqual(
          each.info().mapIds.sort((a, b) => a - b),
          expected,
          each.name,
        )
    },
  )
}
