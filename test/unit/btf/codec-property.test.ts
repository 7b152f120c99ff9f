/**
 * Round trips through codecs of types that are made up at random.
 *
 * @module
 */

import test from 'ava'
import fc from 'fast-check'
import type { AlignedCodec } from '../../../src/base/codec.ts'
import { btfCodec } from '../../../src/btf/codec/codec.ts'
import { BtfMaker, type MemberOf } from '../../support/btf/maker.ts'

/** A type to be made. */
type Shape =
  | { kind: 'int'; size: 1 | 2 | 4 | 8 | 16; signed: boolean }
  | { kind: 'bool' | 'pointer' | 'enum' | 'enum64' }
  | { kind: 'float'; size: 4 | 8 | 16 }
  | { kind: 'text' | 'bytes'; count: number }
  | { kind: 'array'; of: Shape; count: number }
  | { kind: 'struct' | 'union'; members: { shape: Shape; anonymous: boolean; gap: number }[] }

const { shape } = fc.letrec<{ shape: Shape; leaf: Shape; array: Shape; aggregate: Shape }>(tie => ({
  shape: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('array'), tie('aggregate')),
  leaf: fc.oneof(
    fc.record({
      kind: fc.constant('int' as const),
      size: fc.constantFrom(1, 2, 4, 8, 16),
      signed: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom('bool', 'pointer', 'enum', 'enum64') }),
    fc.record({ kind: fc.constant('float' as const), size: fc.constantFrom(4, 8, 16) }),
    fc.record({ kind: fc.constantFrom('text', 'bytes'), count: fc.integer({ min: 1, max: 20 }) }),
  ),
  array: fc.record({
    kind: fc.constant('array' as const),
    of: tie('shape'),
    count: fc.integer({ min: 1, max: 3 }),
  }),
  aggregate: fc.record({
    kind: fc.constantFrom('struct', 'union'),
    members: fc.array(fc.record({ shape: tie('shape'), anonymous: fc.boolean(), gap: fc.nat(3) }), {
      maxLength: 4,
    }),
  }),
}))

/** Adds the type of a shape to a BTF. No two members have one name, so any may be anonymous. */
function make(btf: BtfMaker, each: Shape, anonymous = false): { id: number; size: number } {
  const name = `n${btf.builder.typeCount}`
  switch (each.kind) {
    case 'int':
      return { id: btf.int('number', each.size, each.signed ? 'signed' : 'unsigned'), size: each.size }
    case 'bool':
      return { id: btf.int('_Bool', 1, 'bool'), size: 1 }
    case 'pointer':
      return { id: btf.pointer(), size: 8 }
    case 'enum':
      return { id: btf.enum(name, { ZERO: 0, ONE: 1, MANY: 0x7f7f7f7f }), size: 4 }
    case 'enum64':
      return { id: btf.enum(name, { ZERO: 0n, ONE: 1n }), size: 8 }
    case 'float':
      return { id: btf.float('real', each.size), size: each.size }
    case 'text':
      return { id: btf.array(btf.int('char', 1, 'signed'), each.count), size: each.count }
    case 'bytes':
      return { id: btf.array(btf.int('unsigned char', 1), each.count), size: each.count }
    case 'array': {
      const { id, size } = make(btf, each.of)
      return { id: btf.array(id, each.count), size: size * each.count }
    }
    default: {
      let size = 0
      const members = each.members.map(({ shape: inner, anonymous: hoisted, gap }): MemberOf => {
        const aggregate = inner.kind === 'struct' || inner.kind === 'union'
        const made = make(btf, inner, aggregate && hoisted)
        const offset = each.kind === 'union' ? 0 : size + gap
        size = Math.max(size, offset + made.size)
        return [aggregate && hoisted ? '' : `m${made.id}`, made.id, offset]
      })
      const id = each.kind === 'union' ? btf.union : btf.struct
      return { id: id.call(btf, anonymous ? '' : name, size, ...members), size }
    }
  }
}

function codecOf(each: Shape): AlignedCodec<unknown> {
  const maker = new BtfMaker()
  const { id } = make(maker, each)
  const codec: AlignedCodec<unknown> = btfCodec(maker.parse(), id)
  return codec
}

/**
 * Bytes that say the same in every type that may lie over them: ASCII, since what is not UTF-8 is read as U+FFFD; and
 * zero or odd, since a `bool` that is true is written as 1.
 */
const plain = fc.infiniteStream(fc.nat(64).map(value => (value === 0 ? 0 : value * 2 - 1)))

test('what was read can be written, and reads the same', t => {
  fc.assert(
    fc.property(shape, plain, (each, stream) => {
      const codec = codecOf(each)
      const memory = Uint8Array.from(stream.take(codec.size))
      const value = codec.decode(new DataView(memory.buffer), 0)
      const target = new Uint8Array(codec.size + 2).fill(0xaa)
      const view = new DataView(target.buffer)
      codec.encode(value, view, 1)
      t.deepEqual(codec.decode(view, 1), value)
      t.deepEqual([target[0], target.at(-1)], [0xaa, 0xaa])
    }),
    { numRuns: 300 },
  )
})

test('writing twice gives the same bytes, whatever was there before', t => {
  fc.assert(
    fc.property(shape, plain, fc.nat(255), (each, stream, before) => {
      const codec = codecOf(each)
      const value = codec.decode(new DataView(Uint8Array.from(stream.take(codec.size)).buffer), 0)
      const [first, second] = [new Uint8Array(codec.size), new Uint8Array(codec.size).fill(before)]
      codec.encode(value, new DataView(first.buffer), 0)
      codec.encode(value, new DataView(second.buffer), 0)
      t.deepEqual(second, first)
    }),
  )
})

test('bitfields round-trip next to each other, wherever they lie', t => {
  const width = fc.record({ bits: fc.integer({ min: 1, max: 64 }), gap: fc.nat(9), signed: fc.boolean() })
  fc.assert(
    fc.property(
      fc.array(width, { minLength: 1, maxLength: 8 }),
      fc.infiniteStream(fc.nat(255)),
      (widths, stream) => {
        const maker = new BtfMaker()
        const types = { true: maker.int('long', 8, 'signed'), false: maker.int('unsigned long', 8) }
        let bit = 0
        const members = widths.map(({ bits, gap, signed }, i): MemberOf => {
          const at = bit + gap
          bit = at + bits
          return [`f${i}`, types[`${signed}`], at, bits]
        })
        const size = Math.ceil(bit / 8)
        const id = maker.struct('s', size, ...members)
        const codec = btfCodec(maker.parse(), id)
        const memory = Uint8Array.from(stream.take(size))
        const value = codec.decode(new DataView(memory.buffer), 0)
        const target = new DataView(new ArrayBuffer(size))
        codec.encode(value, target, 0)
        t.deepEqual(codec.decode(target, 0), value)
        // The bits of the members are those of the memory, all others zero.
        for (const [name, , at, bits] of members) {
          for (let i = at; i < at + (bits ?? 0); i++) {
            t.is(
              (target.getUint8(i >> 3) >> (i & 7)) & 1,
              (memory[i >> 3]! >> (i & 7)) & 1,
              `${name} bit ${i - at}`,
            )
          }
        }
      },
    ),
  )
})
