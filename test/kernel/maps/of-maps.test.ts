import { u32, u64 } from '../../../src/base/codecs.ts'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const inner: MapSpec = { name: 'inner', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 4 }
const key = (index: number): Uint8Array => Uint8Array.of(index, 0, 0, 0)

for (const type of ['hash_of_maps', 'array_of_maps'] as const) {
  const outer = { name: 'outer', type, keySize: 4, maxEntries: 3, innerMap: inner }

  kernelTest(`a ${type} takes maps and gives new handles of them`, [], t => {
    using map = BpfMap.create(outer)
    using first = BpfMap.create(inner)
    map.set(key(1), first)
    first.typed(u32, u64).set(5, 50n)

    using found = map.get(key(1))!
    t.is(found.id, first.id)
    t.not(found.fd, first.fd)
    t.is(found.typed(u32, u64).get(5), 50n)
    t.is(map.get(key(2)), undefined)
  })

  kernelTest(`a batch for a ${type} holds the maps that it was given, not their numbers`, [], t => {
    using map = BpfMap.create(outer)
    const made: BpfMap<Uint8Array, unknown>[] = []
    t.teardown(() => {
      for (const each of made) each.close()
    })
    const add = (): BpfMap<Uint8Array, unknown> => {
      const added = BpfMap.create(inner)
      made.push(added)
      return added
    }
    const ids: number[] = []
    function* entries(): Generator<[Uint8Array, BpfMap<Uint8Array, unknown>]> {
      for (const index of [0, 1]) {
        const given = add()
        ids.push(given.id)
        yield [key(index), given]
        const { fd } = given
        given.close()
        // Has the number from now on.
        t.is(add().fd, fd)
      }
    }
    try {
      t.is((map as BpfMap<Uint8Array, unknown>).setBatch(entries()), 2)
    } catch (error) {
      // Before 5.14 there are no batches for these maps.
      t.true(error instanceof NotSupportedError)
      return
    }
    for (const index of [0, 1]) {
      using found = map.get(key(index))!
      t.is(found.id, ids[index]!)
    }
  })

  kernelTest(`the elements of a ${type} are walked and deleted`, [], t => {
    using map = BpfMap.create(outer)
    using first = BpfMap.create(inner)
    using second = BpfMap.create(inner)
    map.set(key(0), first).set(key(2), second)

    const found: [number, number][] = []
    for (const [at, value] of map) {
      found.push([at[0]!, value.id])
      value.close()
    }
    t.deepEqual(
      found.sort((a, b) => a[0] - b[0]),
      [
        [0, first.id],
        [2, second.id],
      ],
    )
    t.true(map.delete(key(0)))
    t.is(map.get(key(0)), undefined)
  })

  kernelTest(`a ${type} refuses what is not like its template`, [], t => {
    using map = BpfMap.create(outer)
    using other = BpfMap.create({ ...inner, keySize: 8 })
    t.throws(() => map.set(key(0), other), { code: 'EINVAL', message: /^Cannot set in map outer: / })
    t.throws(() => map.set(key(0), 5 as never), {
      instanceOf: TypeError,
      message: 'Cannot set in map outer: the value must be a BpfMap',
    })
    t.is(map.get(key(0)), undefined)
  })
}

kernelTest('an inner map that is closed elsewhere stays in its map of maps', [], t => {
  using map = BpfMap.create({
    name: 'outer',
    type: 'hash_of_maps',
    keySize: 4,
    maxEntries: 1,
    innerMap: inner,
  })
  const first = BpfMap.create(inner)
  const { id } = first
  map.set(key(0), first)
  first.close()
  using found = map.get(key(0))!
  t.is(found.id, id)
})

kernelTest('the template may be a map that exists', [], t => {
  using template = BpfMap.create(inner)
  using map = BpfMap.create(
    { name: 'outer', type: 'array_of_maps', maxEntries: 2 },
    { innerMapFd: template.fd },
  )
  map.set(key(0), template)
  using found = map.get(key(0))!
  t.is(found.id, template.id)
})

kernelTest('a map of maps needs a template', [], t => {
  t.throws(() => BpfMap.create({ name: 'outer', type: 'hash_of_maps', keySize: 4, maxEntries: 1 }), {
    instanceOf: BpfError,
    code: 'ERR_INVALID_SPEC',
    message: /^Cannot create map outer: nothing says what its inner maps are\. /,
  })
})
