/**
 * Codecs of BTF integers, booleans and enums.
 *
 * @module
 */

import { type AlignedCodec, shown } from '../codec.ts'
import { bool, i8, i16, i32, i64, u8, u16, u32, u64 } from '../codecs.ts'
import { ObjectFileError } from '../errors.ts'
import { int128 } from './bitfield.ts'
import type { BtfEnum, BtfInt } from './types.ts'

/** Numbers or bigints: never both, but which depends on the size. */
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

/** Codec of an integer that fills its bytes. */
export function wholeInteger(size: number, signed: boolean): IntegerCodec {
  const codec = (signed ? signedBySize : unsignedBySize)[size]
  if (codec === undefined) throw new ObjectFileError(`BTF integer has ${size} bytes`)
  return codec
}

/** Codec of a BTF integer. */
export function integer({ size, encoding }: BtfInt): IntegerCodec | AlignedCodec<boolean> {
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

/**
 * Codec of an enum: names where there are, else numbers. Where several names have one value, the first is read and
 * all can be written.
 *
 * @param number codec of its bits
 * @param bits how many these are: above 32, numbers are bigints
 */
export function enumeration(
  type: BtfEnum,
  number: AlignedCodec<number | bigint>,
  bits: number,
): AlignedCodec<string | number | bigint> {
  const names = new Map<number | bigint, string>()
  const values = new Map<string, number | bigint>()
  for (const { name, value } of type.values) {
    const own = bits > 32 ? BigInt(value) : Number(value)
    values.set(name, own)
    if (!names.has(own)) names.set(own, name)
  }
  const title = type.name === '' ? 'the enum' : `enum ${type.name}`
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
