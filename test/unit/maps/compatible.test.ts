import test from 'ava'
import { incompatibilities } from '../../../src/maps/compatible.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'

const spec: MapSpec = { name: 'm', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 10, flags: 1 }
const info = { type: 'hash', keySize: 4, valueSize: 8, maxEntries: 10, flags: 1, mapExtra: 0n } as const

test('a map like its spec is compatible', t => {
  t.deepEqual(incompatibilities(spec, info), [])
  t.deepEqual(incompatibilities({ ...spec, type: 1 }, info), [])
})

test('every field that differs is named with both values', t => {
  const other = {
    type: 'array',
    keySize: 8,
    valueSize: 4,
    maxEntries: 9,
    flags: 0x400,
    mapExtra: 3n,
  } as const
  t.deepEqual(incompatibilities(spec, other), [
    'type array is not hash',
    'key size 8 is not 4',
    'value size 4 is not 8',
    'max entries 9 is not 10',
    'flags 0x400 is not 0x1',
    'map extra 3 is not 0',
  ])
})

test('the flag that the kernel adds to device maps does not matter', t => {
  t.deepEqual(incompatibilities({ ...spec, type: 'devmap' }, { ...info, type: 'devmap', flags: 0x81 }), [])
  t.deepEqual(incompatibilities(spec, { ...info, flags: 0x81 }), ['flags 0x81 is not 0x1'])
})
