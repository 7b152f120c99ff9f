import test from 'ava'
import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { nameRecordTypes } from '../../../src/elf/object/record-types.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'

test('a global pointer names the type of the records, and nothing else does', t => {
  const builder = new BtfBuilder()
  const int = builder.add({ kind: 'int', name: 'int', size: 4, encoding: 'signed', bitOffset: 0, bits: 32 })
  const pointer = builder.add({ kind: 'ptr', name: '', type: int })
  const anything = builder.add({ kind: 'ptr', name: '', type: 0 })
  const constant = builder.add({ kind: 'const', name: '', type: pointer })
  for (const [name, type] of [
    ['events_record', constant],
    ['hash_record', pointer],
    ['typed_record', pointer],
    ['void_record', anything],
    ['number_record', int],
  ] as const)
    builder.add({ kind: 'var', name, type, linkage: 'global' })
  const btf = Btf.parse(builder.build('little'))
  const maps = new Map<string, MapSpec>([
    ['events', { name: 'events', type: 'perf_event_array' }],
    ['void', { name: 'void', type: 'perf_event_array' }],
    ['number', { name: 'number', type: 'ringbuf' }],
    ['none', { name: 'none', type: 'ringbuf' }],
    ['hash', { name: 'hash', type: 'hash' }],
    ['typed', { name: 'typed', type: 'ringbuf', btf, valueTypeId: int }],
  ])
  nameRecordTypes(maps, btf)
  t.deepEqual(
    [...maps].map(([name, { recordTypeId }]) => [name, recordTypeId]),
    [
      ['events', int],
      ['void', undefined],
      ['number', undefined],
      ['none', undefined],
      ['hash', undefined],
      ['typed', undefined],
    ],
  )
  t.is(maps.get('events')!.btf, btf)
  nameRecordTypes(maps, undefined)
})
