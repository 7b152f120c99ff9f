/**
 * BTF for tests: arbitrary types of every kind for property tests, and the ones that hand-made BTF needs most.
 *
 * @module
 */

import fc from 'fast-check'
import { type ByteOrder, hostByteOrder } from '../../../src/base/bytes.ts'
import { Btf, type BtfParseOptions } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import type { BtfInt, BtfMember, BtfStruct, BtfType } from '../../../src/btf/types.ts'

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const byte = fc.integer({ min: 0, max: 0xff })
const typeId = fc.integer({ min: 0, max: 300 })
/** Names of C, flavours, sections, text in other scripts, and names that plain objects already have. */
const name = fc.oneof(
  fc.stringMatching(/^[a-z_][a-z0-9_]{0,12}$/),
  fc.constantFrom('__proto__', 'constructor', 'task_struct___old', '.data.x', 'größe', '😀', ''),
)
const linkage = fc.constantFrom('static' as const, 'global' as const, 'extern' as const)

function list<T>(each: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(each, { maxLength: 6 })
}

/** Members of a struct; a struct with a bitfield has 24 bits for the offsets of all members. */
const members = fc.oneof(
  list(fc.record({ name, type: typeId, bitOffset: u32, bitSize: fc.constant(0) })),
  list(fc.record({ name, type: typeId, bitOffset: fc.integer({ min: 0, max: 0xff_ffff }), bitSize: byte })),
)

const value32 = (signed: boolean): fc.Arbitrary<number> =>
  signed ? fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) : u32
const value64 = (signed: boolean): fc.Arbitrary<bigint> =>
  signed ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) : fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

const enums = fc.boolean().chain(signed =>
  fc.oneof(
    fc.record({
      kind: fc.constant('enum' as const),
      name,
      size: u32,
      signed: fc.constant(signed),
      values: list(fc.record({ name, value: value32(signed) })),
    }),
    fc.record({
      kind: fc.constant('enum64' as const),
      name,
      size: u32,
      signed: fc.constant(signed),
      values: list(fc.record({ name, value: value64(signed) })),
    }),
  ),
)

/** A type of any kind but `void`, with everything that the format can hold. */
export const anyBtfType: fc.Arbitrary<BtfType> = fc.oneof(
  fc.record({
    kind: fc.constant('int' as const),
    name,
    size: u32,
    encoding: fc.constantFrom('unsigned' as const, 'signed' as const, 'char' as const, 'bool' as const),
    bitOffset: byte,
    bits: byte,
  }),
  fc.record({
    kind: fc.constantFrom('ptr' as const, 'volatile' as const, 'const' as const, 'restrict' as const),
    name: fc.constant('' as const),
    type: typeId,
  }),
  fc.record({
    kind: fc.constant('array' as const),
    name: fc.constant('' as const),
    type: typeId,
    indexType: typeId,
    count: u32,
  }),
  fc.record({ kind: fc.constantFrom('struct' as const, 'union' as const), name, size: u32, members }),
  enums,
  fc.record({
    kind: fc.constant('fwd' as const),
    name,
    of: fc.constantFrom('struct' as const, 'union' as const),
  }),
  fc.record({ kind: fc.constant('typedef' as const), name, type: typeId }),
  fc.record({ kind: fc.constant('type_tag' as const), name, type: typeId, attribute: fc.boolean() }),
  fc.record({ kind: fc.constant('func' as const), name, type: typeId, linkage }),
  fc.record({
    kind: fc.constant('func_proto' as const),
    name: fc.constant('' as const),
    type: typeId,
    params: list(fc.record({ name, type: typeId })),
  }),
  fc.record({ kind: fc.constant('var' as const), name, type: typeId, linkage }),
  fc.record({
    kind: fc.constant('datasec' as const),
    name,
    size: u32,
    variables: list(fc.record({ type: typeId, offset: u32, size: u32 })),
  }),
  fc.record({ kind: fc.constant('float' as const), name, size: u32 }),
  fc.record({
    kind: fc.constant('decl_tag' as const),
    name,
    type: typeId,
    component: fc.integer({ min: -1, max: 0xffff }),
    attribute: fc.boolean(),
  }),
)

/** Builds and parses types; the first has id 1, or the first id after the base. */
export function btfOf(
  types: readonly BtfType[],
  byteOrder: ByteOrder = hostByteOrder,
  options: BtfParseOptions = {},
): Btf {
  const builder = new BtfBuilder(options.base === undefined ? {} : { base: options.base })
  for (const type of types) builder.add(type)
  return Btf.parse(builder.build(byteOrder), options)
}

/** An ordinary integer type. */
export function int(name: string, size: number, encoding: BtfInt['encoding'] = 'unsigned'): BtfInt {
  return { kind: 'int', name, size, encoding, bitOffset: 0, bits: size * 8 }
}

/** A member; its offset is in bits. */
export function member(name: string, type: number, bitOffset: number, bitSize = 0): BtfMember {
  return { name, type, bitOffset, bitSize }
}

/** A struct. */
export function struct(name: string, size: number, ...members: BtfMember[]): BtfStruct {
  return { kind: 'struct', name, size, members }
}
