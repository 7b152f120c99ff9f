/**
 * Codecs of BTF integers, booleans and enums.
 *
 * @module
 */

import { type AlignedCodec, shown } from '../../base/codec.ts'
import { bool, i8, i16, i32, i64, u8, u16, u32, u64 } from '../../base/codecs.ts'
import type { BtfEnum, BtfInt } from '../types.ts'
import { int128 } from './bitfield.ts'

/** Reads numbers or bigints; which of them depends on the size. */
type IntegerCodec = AlignedCodec<number | bigint>

const unsignedBySize: Readonly<Record<number, IntegerCodec>> = {
  1: u8,
  2: u16,
  4: u32,
  8: u64,
  16: int128(false),
}
const signedBySize: Readonly<Record<number, IntegerCodec>> = {
  1: i8,
  2: i16,
  4: i32,
  8: i64,
  16: int128(true),
}

/** Codec of an integer that fills its bytes; `undefined` when no integer has so many. */
export function wholeInteger(size: number, signed: boolean): IntegerCodec | undefined {
  return (signed ? signedBySize : unsignedBySize)[size]
}

/** Codec of a BTF integer; `undefined` as for `wholeInteger`. */
export function integer({ size, encoding }: BtfInt): IntegerCodec | AlignedCodec<boolean> | undefined {
  return encoding === 'bool' && size === 1 ? bool : wholeInteger(size, encoding === 'signed')
}

/** Codec of a boolean that is a bitfield. */
export function booleanBits(bits: AlignedCodec<number | bigint>): AlignedCodec<boolean> {
  return {
    size: bits.size,
    align: bits.align,
    decode: (view, offset) => Boolean(bits.decode(view, offset)),
    encode(value, view, offset) {
      if (typeof value !== 'boolean') throw new TypeError(`${shown(value)} is not a boolean`)
      bits.encode(Number(value), view, offset)
    },
  }
}

/** Names and numbers of an enum: `bigint`s when more than 32 bits are read. */
export interface EnumNames {
  readonly title: string
  readonly names: ReadonlyMap<number | bigint, string>
  readonly values: ReadonlyMap<string, number | bigint>
}

/** Looks up the names of an enum, once for all members that are of it. */
export function enumNames(type: BtfEnum, wide: boolean): EnumNames {
  const names = new Map<number | bigint, string>()
  const values = new Map<string, number | bigint>()
  for (const { name, value } of type.values) {
    const own = wide ? BigInt(value) : Number(value)
    values.set(name, own)
    if (!names.has(own)) names.set(own, name)
  }
  return { title: type.name === '' ? 'the enum' : `enum ${type.name}`, names, values }
}

/**
 * Codec of an enum: names where there are, else numbers. Where several names have one value, the first is read and
 * all can be written.
 *
 * @param number codec of its bits
 */
export function enumeration(
  { title, names, values }: EnumNames,
  number: AlignedCodec<number | bigint>,
): AlignedCodec<string | number | bigint> {
  return {
    size: number.size,
    align: number.align,
    decode(view, offset) {
      const value = number.decode(view, offset)
      return names.get(value) ?? value
    },
    encode(value, view, offset) {
      const known = typeof value === 'string' ? values.get(value) : value
      if (known === undefined) throw new RangeError(`${shown(value)} is not a name of ${title}`)
      number.encode(known, view, offset)
    },
  }
}
