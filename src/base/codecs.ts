/**
 * Codecs of C's types: `u8` to `i64`, `f32`, `f64`, `bool`, `cString(n)`, `bytes(n)`, `array(codec, n)` and
 * `struct({ ... })`. All are in host byte order, as the kernel's own data is.
 *
 * @example
 * const event = struct({ pid: u32, comm: cString(16), ns: u64 })
 * type Event = CodecValue<typeof event> // { pid: number, comm: string, ns: bigint }
 *
 * @module
 */

import { hostByteOrder } from './bytes.ts'
import { encodeText, TextReader } from './char-array.ts'
import {
  type AlignedCodec,
  type Codec,
  type CodecInput,
  type CodecValue,
  checkSafeInteger,
  inMember,
  shown,
  toBigint,
} from './codec.ts'
import { membersReader } from './members.ts'

const LITTLE = hostByteOrder === 'little'
/** Up to here a loop over bytes costs less than making a view to copy from. */
const SHORT = 32

type Read<T> = (view: DataView, offset: number) => T
type Write<T> = (view: DataView, offset: number, value: T) => void

/** An integer of up to 32 bits, as a number. */
function integer(name: string, size: number, read: Read<number>, write: Write<number>): AlignedCodec<number> {
  const check = integerCheck(name, size)
  return {
    size,
    align: size,
    decode: read,
    encode(value, view, offset) {
      check(value)
      write(view, offset, value)
    },
  }
}

function integerCheck(name: string, size: number): (value: unknown) => number {
  const signed = name.startsWith('i')
  const min = signed ? -(2 ** (size * 8 - 1)) : 0
  const max = min + 2 ** (size * 8) - 1
  return value => {
    checkNumber(value)
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new RangeError(`${value} is not an integer from ${min} to ${max} (${name})`)
    }
    return value
  }
}

function checkNumber(value: unknown): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`${shown(value)} is not a number`)
}

function checkedNumber(value: unknown): number {
  checkNumber(value)
  return value
}

function checkedU64(value: unknown): bigint {
  const whole = typeof value === 'bigint' ? value : toBigint(value)
  if (BigInt.asUintN(64, whole) !== whole) throw new RangeError(`${whole} does not fit 64 bits (u64)`)
  return whole
}

function checkedI64(value: unknown): bigint {
  const whole = typeof value === 'bigint' ? value : toBigint(value)
  if (BigInt.asIntN(64, whole) !== whole) throw new RangeError(`${whole} does not fit 64 bits (i64)`)
  return whole
}

/** Writes a number as an integer of 64 bits: by halves, which takes a tenth of the time of a conversion to a bigint. */
function setNumber(view: DataView, offset: number, value: unknown, min: number, name: string): void {
  checkSafeInteger(value)
  if (value < min) throw new RangeError(`${value} does not fit 64 bits (${name})`)
  view.setUint32(LITTLE ? offset : offset + 4, value >>> 0, LITTLE)
  view.setUint32(LITTLE ? offset + 4 : offset, Math.floor(value / 0x1_0000_0000) >>> 0, LITTLE)
}

function float(size: number, read: Read<number>, write: Write<number>): AlignedCodec<number> {
  return {
    size,
    align: size,
    decode: read,
    encode(value, view, offset) {
      checkNumber(value)
      write(view, offset, value)
    },
  }
}

/** `__u8`: a number from 0 to 255. */
export const u8: AlignedCodec<number> = integer(
  'u8',
  1,
  (view, at) => view.getUint8(at),
  (view, at, value) => view.setUint8(at, value),
)

/** `__u16`: a number from 0 to 65,535. */
export const u16: AlignedCodec<number> = integer(
  'u16',
  2,
  (view, at) => view.getUint16(at, LITTLE),
  (view, at, value) => view.setUint16(at, value, LITTLE),
)

/** `__u32`: a number from 0 to 2^32 - 1. */
export const u32: AlignedCodec<number> = integer(
  'u32',
  4,
  (view, at) => view.getUint32(at, LITTLE),
  (view, at, value) => view.setUint32(at, value, LITTLE),
)

// The two codecs of 64 bits are written out: where the functions of BigInt and DataView that are called are known, V8
// needs no BigInt object in between.

/** `__u64`: reads a bigint from 0 to 2^64 - 1; writes a bigint, or a number up to 2^53 - 1. */
export const u64: AlignedCodec<bigint, bigint | number> = {
  size: 8,
  align: 8,
  decode: (view, offset) => view.getBigUint64(offset, LITTLE),
  encode(value, view, offset) {
    if (typeof value === 'bigint') view.setBigUint64(offset, checkedU64(value), LITTLE)
    else setNumber(view, offset, value, 0, 'u64')
  },
}

/** `__s8`: a number from -128 to 127. */
export const i8: AlignedCodec<number> = integer(
  'i8',
  1,
  (view, at) => view.getInt8(at),
  (view, at, value) => view.setInt8(at, value),
)

/** `__s16`: a number from -32,768 to 32,767. */
export const i16: AlignedCodec<number> = integer(
  'i16',
  2,
  (view, at) => view.getInt16(at, LITTLE),
  (view, at, value) => view.setInt16(at, value, LITTLE),
)

/** `__s32`: a number from -2^31 to 2^31 - 1. */
export const i32: AlignedCodec<number> = integer(
  'i32',
  4,
  (view, at) => view.getInt32(at, LITTLE),
  (view, at, value) => view.setInt32(at, value, LITTLE),
)

/** `__s64`: reads a bigint from -2^63 to 2^63 - 1; writes a bigint, or a number from -(2^53 - 1) to 2^53 - 1. */
export const i64: AlignedCodec<bigint, bigint | number> = {
  size: 8,
  align: 8,
  decode: (view, offset) => view.getBigInt64(offset, LITTLE),
  encode(value, view, offset) {
    if (typeof value === 'bigint') view.setBigInt64(offset, checkedI64(value), LITTLE)
    else setNumber(view, offset, value, Number.MIN_SAFE_INTEGER, 'i64')
  },
}

/** `float`: a number, rounded to single precision when it is written. */
export const f32: AlignedCodec<number> = float(
  4,
  (view, at) => view.getFloat32(at, LITTLE),
  (view, at, value) => view.setFloat32(at, value, LITTLE),
)

/** `double`: a number. */
export const f64: AlignedCodec<number> = float(
  8,
  (view, at) => view.getFloat64(at, LITTLE),
  (view, at, value) => view.setFloat64(at, value, LITTLE),
)

/** `bool`: one byte; any but zero is true. */
export const bool: AlignedCodec<boolean> = {
  size: 1,
  align: 1,
  decode: (view, offset) => view.getUint8(offset) !== 0,
  encode(value, view, offset) {
    if (typeof value !== 'boolean') throw new TypeError(`${shown(value)} is not a boolean`)
    view.setUint8(offset, value ? 1 : 0)
  },
}

/** Memory of one number, as its first element. */
export interface Cell {
  [index: number]: unknown
}

/** How a number is accessed as one element of a typed array. */
export interface Scalar {
  /**
   * What to store in the cell for a value.
   *
   * @throws TypeError or RangeError as `encode` of its codec does
   */
  readonly checked: (value: unknown) => number | bigint
  /** Makes a view of the number at an offset, which must be aligned. */
  readonly cell: (buffer: ArrayBufferLike, offset: number) => Cell
}

/** By encoder and not by codec: that of a BTF type is a copy, of which more is known. */
const scalars: ReadonlyMap<unknown, Scalar> = new Map<unknown, Scalar>([
  [u8.encode, { checked: integerCheck('u8', 1), cell: (buffer, at) => new Uint8Array(buffer, at, 1) }],
  [u16.encode, { checked: integerCheck('u16', 2), cell: (buffer, at) => new Uint16Array(buffer, at, 1) }],
  [u32.encode, { checked: integerCheck('u32', 4), cell: (buffer, at) => new Uint32Array(buffer, at, 1) }],
  [u64.encode, { checked: checkedU64, cell: (buffer, at) => new BigUint64Array(buffer, at, 1) }],
  [i8.encode, { checked: integerCheck('i8', 1), cell: (buffer, at) => new Int8Array(buffer, at, 1) }],
  [i16.encode, { checked: integerCheck('i16', 2), cell: (buffer, at) => new Int16Array(buffer, at, 1) }],
  [i32.encode, { checked: integerCheck('i32', 4), cell: (buffer, at) => new Int32Array(buffer, at, 1) }],
  [i64.encode, { checked: checkedI64, cell: (buffer, at) => new BigInt64Array(buffer, at, 1) }],
  [f32.encode, { checked: checkedNumber, cell: (buffer, at) => new Float32Array(buffer, at, 1) }],
  [f64.encode, { checked: checkedNumber, cell: (buffer, at) => new Float64Array(buffer, at, 1) }],
])

/**
 * A number's codec as access to one element of a typed array, for memory that others use too: what a `DataView`
 * reads and writes goes byte by byte until V8 has optimized the code, an element is always accessed at once.
 *
 * @returns `undefined` for other codecs
 */
export function scalarOf(codec: Codec<unknown>): Scalar | undefined {
  return scalars.get(codec.encode)
}

/**
 * `char[size]` as text: UTF-8 up to the first NUL, or the whole array without one. Bytes that are not UTF-8
 * become U+FFFD. It is written with zeros behind it; text without NUL and of exactly `size` bytes fits.
 *
 * @param size number of bytes
 * @throws RangeError when `size` is not a non-negative integer
 */
export function cString(size: number): AlignedCodec<string> {
  checkCount(size, 'size of a char array')
  const reader = new TextReader(size)
  return {
    size,
    align: 1,
    decode: (view, offset) => reader.read(view, offset),
    encode: (value, view, offset) => encodeText(value, view, offset, size),
  }
}

/**
 * `__u8[size]`: raw bytes. Decodes to a copy; encodes exactly `size` bytes of any `Uint8Array`, such as a `Buffer`.
 *
 * @param size number of bytes
 * @throws RangeError when `size` is not a non-negative integer
 */
export function bytes(size: number): AlignedCodec<Uint8Array<ArrayBuffer>, Uint8Array> {
  checkCount(size, 'size of a byte array')
  return {
    size,
    align: 1,
    decode: (view, offset) => copyBytes(view, offset, size),
    encode(value, view, offset) {
      if (!(value instanceof Uint8Array)) throw new TypeError(`${shown(value)} is not a Uint8Array`)
      if (value.length !== size) throw new RangeError(`${value.length} bytes instead of ${size}`)
      new Uint8Array(view.buffer, view.byteOffset + offset, size).set(value)
    },
  }
}

/**
 * Copies bytes out of a view.
 *
 * @throws RangeError when they are not all within it
 */
export function copyBytes(view: DataView, offset: number, length: number): Uint8Array<ArrayBuffer> {
  if (offset + length > view.byteLength) {
    throw new RangeError(`${length} bytes at ${offset} are not within ${view.byteLength} bytes`)
  }
  const copy = new Uint8Array(length)
  if (length <= SHORT) for (let i = 0; i < length; i++) copy[i] = view.getUint8(offset + i)
  else copy.set(new Uint8Array(view.buffer, view.byteOffset + offset, length))
  return copy
}

/**
 * An array of a fixed number of elements.
 *
 * @param element codec of one element
 * @param count number of elements
 * @throws RangeError when `count` is not a non-negative integer
 */
export function array<T, W = T>(element: AlignedCodec<T, W>, count: number): AlignedCodec<T[], readonly W[]> {
  checkCount(count, 'length of an array')
  const step = element.size
  return {
    size: step * count,
    align: element.align,
    decode(view, offset) {
      const values: T[] = []
      for (let i = 0; i < count; i++) values.push(element.decode(view, offset + i * step))
      return values
    },
    encode(value, view, offset) {
      if (!Array.isArray(value)) throw new TypeError(`${shown(value)} is not an array`)
      if (value.length !== count) throw new RangeError(`${value.length} elements instead of ${count}`)
      for (let i = 0; i < count; i++) {
        try {
          element.encode(value[i]!, view, offset + i * step)
        } catch (error) {
          throw inMember(i, error)
        }
      }
    },
  }
}

/** Codecs of the members of a struct, by name, in the order of the C declaration. */
export type StructMembers = Readonly<Record<string, AlignedCodec<unknown>>>

/** What a struct of these members reads. */
export type StructValue<M extends StructMembers> = { [K in keyof M]: CodecValue<M[K]> }

/** What a struct of these members writes: all of them. */
export type StructInput<M extends StructMembers> = { readonly [K in keyof M]: CodecInput<M[K]> }

/** What `struct` takes besides the members. */
export interface StructOptions {
  /** Whether it is declared `__attribute__((packed))`: no padding, no alignment. Default: `false`. */
  packed?: boolean
}

/**
 * A C struct, laid out as compilers do for 64-bit targets: each member at a multiple of its alignment, the size a
 * multiple of the largest. Padding is ignored when read and written as zeros, as keys of hash maps need it.
 *
 * @param members codecs in the order of the C declaration; a name must not be a number, since
 *   JavaScript would put it first, nor `__proto__`
 * @throws RangeError for such a name
 */
export function struct<M extends StructMembers>(
  members: M,
  options: StructOptions = {},
): AlignedCodec<StructValue<M>, StructInput<M>> {
  const packed = options.packed === true
  const fields: { name: string; codec: AlignedCodec<unknown>; offset: number }[] = []
  let end = 0
  let align = 1
  for (const [name, codec] of Object.entries(members)) {
    if (/^\d+$|^__proto__$/.test(name))
      throw new RangeError(`Cannot make a struct: a member cannot be called ${name}`)
    const offset = packed ? end : roundUp(end, codec.align)
    fields.push({ name, codec, offset })
    end = offset + codec.size
    if (!packed) align = Math.max(align, codec.align)
  }
  const size = roundUp(end, align)
  const read = membersReader(fields)
  return {
    size,
    align,
    decode: (view, offset) => read(view, offset) as StructValue<M>,
    encode(value, view, offset) {
      if (typeof value !== 'object' || value === null) throw new TypeError(`${shown(value)} is not an object`)
      for (let i = 0; i < size; i++) view.setUint8(offset + i, 0)
      for (const { name, codec, offset: at } of fields) {
        try {
          codec.encode(value[name], view, offset + at)
        } catch (error) {
          throw inMember(name, error)
        }
      }
    },
  }
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple
}

function checkCount(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`Cannot make a codec: ${what} is ${value}`)
}
