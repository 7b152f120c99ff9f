/**
 * Counts of stacks in words: samples, time or memory.
 *
 * @module
 */

import type { StackUnit } from '../stacks/stack.ts'

const TIMES = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
] as const
const SIZES = [
  [2 ** 40, 'TiB'],
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
] as const

/** A count with its unit: `1,234 samples`, `12.3 ms`, `4.56 MiB`. */
export function amount(value: number, unit: StackUnit): string {
  if (unit === 'samples') return `${grouped(value)} ${value === 1 ? 'sample' : 'samples'}`
  for (const [size, name] of unit === 'bytes' ? SIZES : TIMES)
    if (value >= size) return `${three(value / size)} ${name}`
  return unit === 'bytes' ? `${value} ${value === 1 ? 'byte' : 'bytes'}` : `${value} ns`
}

/** A part of a whole in per cent: `12.3 %`. */
export function share(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (part / whole) * 100
  return percent !== 0 && percent < 0.01 ? '< 0.01 %' : `${percent.toFixed(percent < 10 ? 2 : 1)} %`
}

/** Three digits that count, more where the integer has more. */
function three(value: number): string {
  return value >= 100 ? grouped(Math.round(value)) : value.toPrecision(3)
}

/** Digits in groups of three. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}
