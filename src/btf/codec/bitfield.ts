/**
 * Bitfields and integers wider than 64 bits: values that no load instruction of a `DataView` reads.
 *
 * @module
 */

import { hostByteOrder } from '../../base/bytes.ts'
import { type AlignedCodec, shown, toBigint } from '../../base/codec.ts'

const LITTLE = hostByteOrder === 'little'

/** Where a bitfield lies, and how its bits are understood. */
export interface BitfieldLayout {
  /** First bit, counted from the struct's start as BTF does: on little-endian machines from the least significant. */
  bitOffset: number
  /** Width, 1 to 128. */
  bits: number
  signed: boolean
}

/** The bytes that hold a bitfield, and how far its lowest bit is from theirs. */
interface Placement {
  first: number
  count: number
  shift: number
}

function place({ bitOffset, bits }: BitfieldLayout): Placement {
  const first = bitOffset >>> 3
  const skipped = bitOffset & 7
  const count = (skipped + bits + 7) >>> 3
  return { first, count, shift: LITTLE ? skipped : count * 8 - skipped - bits }
}

/**
 * Codec of a bitfield, with offsets relative to the start of its struct. Values are numbers up to 32 bits, bigints
 * above, whatever the declared type. Encoding leaves the neighbouring bits alone.
 */
export function bitfield(layout: BitfieldLayout): AlignedCodec<number | bigint> {
  const { bits, signed } = layout
  const { first, count, shift } = place(layout)
  const base = { size: first + count, align: 1 }
  const fitted = signed
    ? (value: bigint) => BigInt.asIntN(bits, value)
    : (value: bigint) => BigInt.asUintN(bits, value)
  const wide = bits > 32
  const decodeWide = (view: DataView, offset: number): bigint =>
    fitted(readBytes(view, offset + first, count) >> BigInt(shift))

  return {
    ...base,
    decode: wide
      ? decodeWide
      : count > 4
        ? (view, offset) => Number(decodeWide(view, offset))
        : narrowReader(first, count, shift, bits, signed),
    encode(value, view, offset) {
      const whole = wide ? toBigint(value) : narrowInteger(value)
      if (whole === undefined || fitted(whole) !== whole) {
        throw new RangeError(`${value} does not fit ${bits} ${signed ? 'signed' : 'unsigned'} bits`)
      }
      const mask = BigInt.asUintN(bits, -1n) << BigInt(shift)
      const old = readBytes(view, offset + first, count)
      writeBytes(view, offset + first, count, (old & ~mask) | ((whole << BigInt(shift)) & mask))
    },
  }
}

/** Reads fields whose bytes fit a 32-bit number. */
function narrowReader(
  first: number,
  count: number,
  shift: number,
  bits: number,
  signed: boolean,
): (view: DataView, offset: number) => number {
  const unused = 32 - bits
  return (view, offset) => {
    let raw = 0
    for (let i = 0; i < count; i++) {
      const byte = view.getUint8(offset + first + i)
      raw |= LITTLE ? byte << (8 * i) : byte << (8 * (count - 1 - i))
    }
    const top = (raw >>> shift) << unused
    return signed ? top >> unused : top >>> unused
  }
}

/** Codec of a 128-bit integer (`__int128`). */
export function int128(signed: boolean): AlignedCodec<bigint, bigint | number> {
  const fitted = signed ? BigInt.asIntN : BigInt.asUintN
  return {
    size: 16,
    align: 16,
    decode: (view, offset) => fitted(128, readBytes(view, offset, 16)),
    encode(value, view, offset) {
      const whole = toBigint(value)
      if (fitted(128, whole) !== whole) throw new RangeError(`${whole} does not fit 128 bits`)
      writeBytes(view, offset, 16, whole)
    },
  }
}

/** A number for a bitfield of up to 32 bits; `undefined` for a fraction. */
function narrowInteger(value: number | bigint): bigint | undefined {
  if (typeof value !== 'number') throw new TypeError(`${shown(value)} is not a number`)
  return Number.isInteger(value) ? BigInt(value) : undefined
}

function readBytes(view: DataView, offset: number, count: number): bigint {
  let value = 0n
  for (let i = 0; i < count; i++) {
    value = (value << 8n) | BigInt(view.getUint8(offset + (LITTLE ? count - 1 - i : i)))
  }
  return value
}

function writeBytes(view: DataView, offset: number, count: number, value: bigint): void {
  for (let i = 0; i < count; i++) {
    view.setUint8(offset + (LITTLE ? i : count - 1 - i), Number(BigInt.asUintN(8, value >> BigInt(8 * i))))
  }
}
