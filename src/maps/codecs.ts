/**
 * Built-in codecs for the keys and values of maps. All are in host byte order.
 *
 * @module
 */

import { hostByteOrder, cString as readCString } from '../bytes.ts'
import type { Codec, CodecValue } from '../codec.ts'

const LITTLE = hostByteOrder === 'little'
/** Up to here a loop over bytes costs less than making a view to copy from. */
const SHORT = 32
const utf8 = new TextEncoder()

/** A codec that knows how C aligns its type, as `struct` needs it. */
export interface AlignedCodec<T> extends Codec<T> {
  /** Alignment in bytes. */
  readonly align: number
}

function integer(
  name: string,
  size: number,
  min: number,
  max: number,
  read: (view: DataView, offset: number) => number,
  write: (view: DataView, offset: number, value: number) => void,
): AlignedCodec<number> {
  return {
    size,
    align: size,
    decode: read,
    encode(value, view, offset) {
      if (typeof value !== 'number') throw new TypeError(`${String(value)} is not a number`)
      if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(`${value} is not a ${name}`)
      write(view, offset, value)
    },
  }
}

function wide(
  name: string,
  min: bigint,
  max: bigint,
  read: (view: DataView, offset: number) => bigint,
  write: (view: DataView, offset: number, value: bigint) => void,
): AlignedCodec<bigint> {
  return {
    size: 8,
    align: 8,
    decode: read,
    encode(value, view, offset) {
      if (typeof value !== 'bigint') throw new TypeError(`${String(value)} is not a bigint`)
      if (value < min || value > max) throw new RangeError(`${value} is not a ${name}`)
      write(view, offset, value)
    },
  }
}

/** `__u8`: a number from 0 to 255. */
export const u8: AlignedCodec<number> = integer(
  'u8',
  1,
  0,
  0xff,
  (view, offset) => view.getUint8(offset),
  (view, offset, value) => view.setUint8(offset, value),
)

/** `__u16`: a number from 0 to 65,535. */
export const u16: AlignedCodec<number> = integer(
  'u16',
  2,
  0,
  0xffff,
  (view, offset) => view.getUint16(offset, LITTLE),
  (view, offset, value) => view.setUint16(offset, value, LITTLE),
)

/** `__u32`: a number from 0 to 2^32 - 1. */
export const u32: AlignedCodec<number> = integer(
  'u32',
  4,
  0,
  0xffffffff,
  (view, offset) => view.getUint32(offset, LITTLE),
  (view, offset, value) => view.setUint32(offset, value, LITTLE),
)

/** `__u64`: a bigint from 0 to 2^64 - 1. */
export const u64: AlignedCodec<bigint> = wide(
  'u64',
  0n,
  0xffffffffffffffffn,
  (view, offset) => view.getBigUint64(offset, LITTLE),
  (view, offset, value) => view.setBigUint64(offset, value, LITTLE),
)

/** `__s8`: a number from -128 to 127. */
export const s8: AlignedCodec<number> = integer(
  's8',
  1,
  -0x80,
  0x7f,
  (view, offset) => view.getInt8(offset),
  (view, offset, value) => view.setInt8(offset, value),
)

/** `__s16`: a number from -32,768 to 32,767. */
export const s16: AlignedCodec<number> = integer(
  's16',
  2,
  -0x8000,
  0x7fff,
  (view, offset) => view.getInt16(offset, LITTLE),
  (view, offset, value) => view.setInt16(offset, value, LITTLE),
)

/** `__s32`: a number from -2^31 to 2^31 - 1. */
export const s32: AlignedCodec<number> = integer(
  's32',
  4,
  -0x80000000,
  0x7fffffff,
  (view, offset) => view.getInt32(offset, LITTLE),
  (view, offset, value) => view.setInt32(offset, value, LITTLE),
)

/** `__s64`: a bigint from -2^63 to 2^63 - 1. */
export const s64: AlignedCodec<bigint> = wide(
  's64',
  -0x8000000000000000n,
  0x7fffffffffffffffn,
  (view, offset) => view.getBigInt64(offset, LITTLE),
  (view, offset, value) => view.setBigInt64(offset, value, LITTLE),
)

/** `bool`: one byte; any but zero is true. */
export const bool: AlignedCodec<boolean> = {
  size: 1,
  align: 1,
  decode: (view, offset) => view.getUint8(offset) !== 0,
  encode(value, view, offset) {
    if (typeof value !== 'boolean') throw new TypeError(`${String(value)} is not a boolean`)
    view.setUint8(offset, value ? 1 : 0)
  },
}

/**
 * Raw bytes: decodes to a copy, encodes exactly `size` bytes.
 *
 * @param size number of bytes
 */
export function bytes(size: number): AlignedCodec<Uint8Array> {
  return {
    size,
    align: 1,
    decode(view, offset) {
      const copy = new Uint8Array(size)
      if (size <= SHORT) for (let i = 0; i < size; i++) copy[i] = view.getUint8(offset + i)
      else copy.set(new Uint8Array(view.buffer, view.byteOffset + offset, size))
      return copy
    },
    encode(value, view, offset) {
      if (!(value instanceof Uint8Array)) throw new TypeError('bytes must be a Uint8Array')
      if (value.length !== size) throw new RangeError(`${value.length} bytes are not ${size} bytes`)
      if (size <= SHORT) for (let i = 0; i < size; i++) view.setUint8(offset + i, value[i]!)
      else new Uint8Array(view.buffer, view.byteOffset + offset, size).set(value)
    },
  }
}

/**
 * `char[size]`: UTF-8 text, ended by a NUL or by the end of the array. What follows the NUL is zero.
 *
 * @param size number of bytes
 */
export function cString(size: number): AlignedCodec<string> {
  return {
    size,
    align: 1,
    decode: (view, offset) => readCString(new Uint8Array(view.buffer, view.byteOffset + offset, size)),
    encode(value, view, offset) {
      if (typeof value !== 'string') throw new TypeError(`${String(value)} is not a string`)
      const encoded = utf8.encode(value)
      if (encoded.length > size) throw new RangeError(`${JSON.stringify(value)} has more than ${size} bytes`)
      if (encoded.includes(0)) throw new RangeError(`${JSON.stringify(value)} contains a NUL`)
      const target = new Uint8Array(view.buffer, view.byteOffset + offset, size)
      target.fill(0)
      target.set(encoded)
    },
  }
}

/**
 * A C array of `length` elements.
 *
 * @param element codec of the elements
 * @param length number of elements
 */
export function array<T>(element: AlignedCodec<T>, length: number): AlignedCodec<T[]> {
  return {
    size: element.size * length,
    align: element.align,
    decode(view, offset) {
      const values: T[] = []
      for (let i = 0; i < length; i++) values.push(element.decode(view, offset + i * element.size))
      return values
    },
    encode(value, view, offset) {
      if (!Array.isArray(value)) throw new TypeError(`${String(value)} is not an array`)
      if (value.length !== length) throw new RangeError(`${value.length} elements are not ${length} elements`)
      for (let i = 0; i < length; i++) element.encode(value[i]!, view, offset + i * element.size)
    },
  }
}

/** Codecs of the members of a struct, by name. */
export type StructMembers = Readonly<Record<string, AlignedCodec<unknown>>>

/** The JavaScript value of a struct. */
export type StructValue<M extends StructMembers> = { [K in keyof M]: CodecValue<M[K]> }

/**
 * A C struct, laid out as compilers do on 64-bit machines: every member at a multiple of its alignment, the size a
 * multiple of the largest. Padding is written as zeros, as the keys of hash maps need it.
 *
 * @param members codecs in the order of the C declaration
 */
export function struct<M extends StructMembers>(members: M): AlignedCodec<StructValue<M>> {
  const fields: { name: string; codec: AlignedCodec<unknown>; offset: number }[] = []
  let end = 0
  let align = 1
  for (const [name, codec] of Object.entries(members)) {
    const offset = roundUp(end, codec.align)
    fields.push({ name, codec, offset })
    end = offset + codec.size
    align = Math.max(align, codec.align)
  }
  const size = roundUp(end, align)
  return {
    size,
    align,
    decode(view, offset) {
      const value: Record<string, unknown> = {}
      for (const field of fields) value[field.name] = field.codec.decode(view, offset + field.offset)
      return value as StructValue<M>
    },
    encode(value, view, offset) {
      if (typeof value !== 'object' || value === null) throw new TypeError(`${String(value)} is not an object`)
      new Uint8Array(view.buffer, view.byteOffset + offset, size).fill(0)
      for (const field of fields) {
        try {
          field.codec.encode(value[field.name], view, offset + field.offset)
        } catch (error) {
          throw inMember(field.name, error)
        }
      }
    },
  }
}

/** Puts the name of the member before what is wrong with its value. */
function inMember(name: string, error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError)) return error
  const Same = error instanceof TypeError ? TypeError : RangeError
  return new Same(`${name}: ${error.message}`, { cause: error })
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple
}

/**
 * The raw key of an LPM trie: `struct bpf_lpm_trie_key`.
 *
 * @param prefixLength how many leading bits of `data` count
 * @param data the address, most significant byte first: 4 bytes for IPv4
 * @throws RangeError when `data` has fewer bits
 */
export function lpmKey(prefixLength: number, data: Uint8Array): Uint8Array {
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > data.length * 8) {
    throw new RangeError(`Cannot make an LPM trie key: prefix length ${prefixLength} of ${data.length * 8} bits`)
  }
  const key = new Uint8Array(4 + data.length)
  new DataView(key.buffer).setUint32(0, prefixLength, LITTLE)
  key.set(data, 4)
  return key
}
