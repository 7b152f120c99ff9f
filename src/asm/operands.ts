/**
 * Checks of the operands that instructions are built from.
 *
 * @module
 */

import { Register } from './registers.ts'

/** From here on registers are only bases of addresses: the frame, and arguments. */
const FRAME_POINTER = 10

/**
 * Number of a register that an instruction reads.
 *
 * @throws TypeError when it is not a register
 */
export function readable(name: string, register: Register): number {
  if (!(register instanceof Register)) {
    throw new TypeError(`Cannot build ${name}: ${String(register)} is not a register`)
  }
  return register.number
}

/**
 * Number of a register that an instruction writes.
 *
 * @throws TypeError when it is not a register
 * @throws RangeError when it is r10 or r11
 */
export function writable(name: string, register: Register): number {
  const number = readable(name, register)
  if (number >= FRAME_POINTER) throw new RangeError(`Cannot build ${name}: r${number} is read-only`)
  return number
}

/**
 * A 16-bit offset in bytes or instructions.
 *
 * @throws TypeError when it is not an integer
 * @throws RangeError when it does not fit
 */
export function offset16(name: string, offset: number): number {
  return integer(name, 'offset', offset, -0x8000, 0x7fff)
}

/**
 * An immediate that the machine sign-extends to 64 bits.
 *
 * @throws TypeError when it is not an integer
 * @throws RangeError when it does not fit 32 bits as a signed number
 */
export function signed32(name: string, value: number): number {
  return integer(name, 'immediate', value, -0x8000_0000, 0x7fff_ffff)
}

/**
 * An immediate of which only the lowest `bits` matter, so that it may be written signed or unsigned.
 *
 * @throws TypeError when it is not an integer
 * @throws RangeError when it does not fit
 */
export function lowBits(name: string, value: number, bits: 8 | 16 | 32): number {
  return integer(name, 'immediate', value, -(2 ** (bits - 1)), 2 ** bits - 1) | 0
}

/**
 * An integer in a range.
 *
 * @throws TypeError when it is not an integer
 * @throws RangeError when it is outside
 */
export function integer(name: string, what: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value)) {
    throw new TypeError(`Cannot build ${name}: ${what} ${String(value)} is not an integer`)
  }
  if (value < min || value > max) {
    throw new RangeError(`Cannot build ${name}: ${what} ${value} is outside ${min} to ${max}`)
  }
  return value
}

/**
 * What a table has under a name.
 *
 * @throws TypeError when it has no such name, which the types rule out
 */
export function pick<T extends string, V>(name: string, table: Readonly<Record<T, V>>, key: T): V {
  if (!Object.hasOwn(table, key))
    throw new TypeError(`Cannot build ${name}: ${String(key)} is not one of ${Object.keys(table).join(', ')}`)
  return table[key]
}
