/**
 * Counts and the slots that they lie in, as programs count them with `bpf_log2l` or by hand.
 *
 * @module
 */

import { MAX_COUNT } from '../max-count.ts'

/** A count: not negative, an integer below 2^128; a `number` only when it is safe. The values of a per-CPU map are added up. */
export type Count = number | bigint | readonly (number | bigint)[]

/** Slots of a log2 histogram by bcc's numbering: slot 64 holds the values from 2^63, slot 0 holds none. */
export const LOG2_SLOTS = 65

/** Slots that a linear histogram has at most. */
export const LINEAR_SLOTS = 65_536

/** Greatest value of a 64-bit counter. */
const U64_MAX = 0xffff_ffff_ffff_ffffn

/**
 * Counts values by powers of two, as bcc's `bpf_log2l` does: slot 1 holds 0 and 1, slot 2 holds 2 and 3, slot 64 all from
 * 2^63. Fractions are rounded down.
 *
 * Source: `bpf_log2l` of bcc's helpers.h.
 *
 * @param values 0 to 2^64 - 1
 * @returns 65 counts, for {@link log2Histogram}
 * @throws RangeError when a value is negative, NaN, infinite or above 2^64 - 1; TypeError when it is not a number
 */
export function countLog2(values: Iterable<number | bigint>): bigint[] {
  const counts = new Array<number>(LOG2_SLOTS).fill(0)
  for (const value of values) counts[log2Slot(value)]!++
  return counts.map(BigInt)
}

/**
 * Counts values in slots of equal width: slot 0 holds the values from 0 to `step - 1`. Fractions are rounded down.
 *
 * @param values not negative
 * @param step values in a slot, a positive integer
 * @returns as many counts as there are slots up to the greatest value, for {@link linearHistogram} with the same `step`
 * @throws RangeError when a value is negative, NaN or infinite, or needs more than 65,536 slots; TypeError when it is not a
 *   number
 */
export function countLinear(values: Iterable<number | bigint>, step: number | bigint = 1): bigint[] {
  const width = stepOf(step)
  const narrow = Number(width)
  const counts: number[] = []
  for (const value of values) {
    checkValue(value)
    const slot = typeof value === 'number' ? Math.floor(value / narrow) : Number(value / width)
    if (slot >= LINEAR_SLOTS)
      throw new RangeError(
        `${value} needs slot ${slot} of a linear histogram, which has ${LINEAR_SLOTS} at most: use a greater step, or a log2 histogram`,
      )
    while (counts.length <= slot) counts.push(0)
    counts[slot]!++
  }
  return counts.map(BigInt)
}

/** The width of a linear slot. */
export function stepOf(step: number | bigint): bigint {
  if (typeof step === 'bigint' ? step > 0n : Number.isSafeInteger(step) && step > 0) return BigInt(step)
  throw new RangeError(`${String(step)} is not a step of a linear histogram: it is a positive integer`)
}

function log2Slot(value: number | bigint): number {
  checkValue(value)
  if (typeof value === 'number') {
    if (value < 2) return 1
    if (value < 2 ** 32) return 32 - Math.clz32(value)
    if (value < 2 ** 64) return 64 - Math.clz32(Math.floor(value / 2 ** 32))
  } else if (value <= U64_MAX) return Math.max(1, value.toString(2).length)
  throw new RangeError(`${value} is above 2^64 - 1, the greatest value of a log2 histogram`)
}

function checkValue(value: unknown): void {
  if (typeof value !== 'number' && typeof value !== 'bigint')
    throw new TypeError(`A value of a histogram is a number or a bigint, not ${kindOf(value)}`)
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RangeError(`${value} has no place in a histogram`)
  if (value < 0) throw new RangeError(`${value} has no place in a histogram: values start at 0`)
}

/** A count as a bigint; per-CPU counts are added up. */
export function countOf(count: unknown): bigint {
  return Array.isArray(count)
    ? count.reduce((sum: bigint, each) => sum + oneCount(each), 0n)
    : oneCount(count)
}

function oneCount(count: unknown): bigint {
  if (typeof count !== 'number' && typeof count !== 'bigint')
    throw new TypeError(`A count is a number or a bigint, not ${kindOf(count)}`)
  if (typeof count === 'number' && !Number.isSafeInteger(count))
    throw new RangeError(`${count} is not a count: it is not a safe integer`)
  if (count < 0) throw new RangeError(`${count} is not a count: it is negative`)
  if (typeof count === 'bigint' && count > MAX_COUNT)
    throw new RangeError('A count of a histogram is above 2^128 - 1')
  return BigInt(count)
}

/** A slot, checked against the number of slots. */
export function slotOf(slot: unknown, slots: number): number {
  if (typeof slot !== 'number' && typeof slot !== 'bigint')
    throw new TypeError(`A slot is a number or a bigint, not ${kindOf(slot)}`)
  const number = Number(slot)
  if (!Number.isInteger(number) || number < 0 || number >= slots)
    throw new RangeError(`${slot} is not a slot of the histogram: its slots are 0 to ${slots - 1}`)
  return number
}

/** What a wrong argument is, in a word. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}
