/**
 * Between the numbers of the kernel's enumerations and the names that the API uses for them.
 *
 * @module
 */

import { suggestion } from '../base/nearest.ts'

/** A table of an enumeration: names to numbers. */
export type EnumTable = Readonly<Record<string, number>>

/** The kernel's enumerations have 32 bits. */
const MOST = 0xffff_ffff

const reverse = new WeakMap<EnumTable, Map<number, string>>()

/**
 * Number of a name; numbers pass through, so that a caller can use what the tables do not know yet.
 *
 * @throws RangeError when the table has no such name, or the number does not fit 32 bits, to which it would be cut
 */
export function enumNumber<T extends EnumTable>(
  table: T,
  value: (keyof T & string) | number,
  what: string,
): number {
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0 && value <= MOST) return value
    throw new RangeError(`Unknown ${what} ${value}: its number is an integer from 0 to ${MOST}`)
  }
  if (!Object.hasOwn(table, value)) {
    throw new RangeError(
      `Unknown ${what} ${JSON.stringify(value)}${suggestion(String(value), Object.keys(table))}`,
    )
  }
  return table[value]!
}

/** Name of a number, or the number itself when the table does not know it. */
export function enumName<T extends EnumTable>(table: T, value: number): (keyof T & string) | number {
  let names = reverse.get(table)
  if (names === undefined) {
    names = new Map()
    for (const [name, number] of Object.entries(table)) {
      // Where the kernel gives one number two names, the later is the one in use.
      if (!name.endsWith('_deprecated')) names.set(number, name)
    }
    reverse.set(table, names)
  }
  return (names.get(value) as (keyof T & string) | undefined) ?? value
}
