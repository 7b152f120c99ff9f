import test from 'ava'
import { copyMapSpec, type MapSpec } from '../../../src/maps/spec.ts'

const spec: MapSpec = {
  name: 'outer',
  type: 'array_of_maps',
  maxEntries: 2,
  innerMap: { name: 'inner', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 1 },
  contents: [
    { key: Uint8Array.of(0, 0, 0, 0), value: { map: 'first' } },
    { key: Uint8Array.of(1, 0, 0, 0), value: Uint8Array.of(1, 2, 3, 4) },
  ],
  tags: ['tag'],
}

test('a copy is equal', t => {
  t.deepEqual(copyMapSpec(spec), spec)
  t.deepEqual(copyMapSpec({ name: 'm', type: 'hash' }), { name: 'm', type: 'hash' })
})

test('a copy can be edited alone', t => {
  const before = structuredClone(spec)
  const copy = copyMapSpec(spec)
  copy.innerMap!.maxEntries = 9
  copy.contents![0]!.key[0] = 9
  copy.contents![1]!.value = { program: 'p' }
  copy.contents!.pop()
  copy.tags!.push('other')
  t.deepEqual(spec, before)
})
