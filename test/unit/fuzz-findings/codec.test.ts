import test from 'ava'
import { btfCodec } from '../../../src/btf/codec/codec.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'

function roundTrip(types: readonly BtfType[], bytes: readonly number[]): { value: unknown; bytes: number[] } {
  const codec = btfCodec(btfOf(types), types.length)
  const view = new DataView(Uint8Array.from(bytes).buffer)
  const value = codec.decode(view, 0)
  const encoded = new Uint8Array(bytes.length)
  codec.encode(value, new DataView(encoded.buffer), 0)
  return { value, bytes: [...encoded] }
}

test('a boolean of more than 32 bits is written as it is read', t => {
  const wide: BtfType = { ...int('wide', 8), encoding: 'bool', bits: 40 }
  const ofEight = [1, 0, 0, 0, 0, 0, 0, 0]
  t.deepEqual(roundTrip([wide, struct('s', 8, member('set', 1, 0))], ofEight), {
    value: { set: true },
    bytes: ofEight,
  })
})

test('padding behind a flexible array is not an element', t => {
  const types: BtfType[] = [
    int('unsigned short', 2),
    { kind: 'array', name: '', type: 1, indexType: 1, count: 0 },
    struct('s', 8, member('length', 1, 0), member('items', 2, 16)),
  ]
  const bytes = [3, 0, 0, 0, 0, 0, 0, 0]
  t.deepEqual(roundTrip(types, bytes), { value: { length: 3, items: [] }, bytes })
})

test('a flexible array has the name of something that objects inherit', t => {
  const types: BtfType[] = [
    int('unsigned short', 2),
    { kind: 'array', name: '', type: 1, indexType: 1, count: 0 },
    struct('s', 2, member('length', 1, 0), member('constructor', 2, 16)),
  ]
  const view = new DataView(new ArrayBuffer(2))
  t.notThrows(() => btfCodec(btfOf(types), 3).encode({ length: 1 }, view, 0))
})
