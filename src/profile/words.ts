/**
 * Numbers of profiles in words. Pure.
 *
 * @module
 */

/** A part of a whole: `12.3 %`. */
export function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : (100 * part) / whole).toFixed(1)} %`
}

/** Nanoseconds in the unit that fits: `7.86 s`. */
export function time(nanoseconds: number): string {
  for (const [size, unit] of UNITS)
    if (nanoseconds >= size) return `${(nanoseconds / size).toPrecision(3)} ${unit}`
  return `${nanoseconds} ns`
}

/** In pieces of less than 1000, which three digits are written of. */
const UNITS = [
  [3600e9, 'h'],
  [60e9, 'min'],
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
] as const
