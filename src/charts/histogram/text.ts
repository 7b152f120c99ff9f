/**
 * Histograms as text, byte for byte as bcc prints them.
 *
 * @module
 */

import { printable } from '../../base/text.ts'
import { bucketsOf, greatestOf, lastSlot } from './buckets.ts'
import type { Histogram } from './histogram.ts'

/** Columns of the widest bar. */
const STARS = 40

/** Last slot of a log2 histogram whose values fit the narrow columns. */
const NARROW = 32

/** Options of {@link histogramText}. */
export interface HistogramTextOptions {
  /** Leaves out the empty buckets before the first one that counted anything. */
  readonly stripLeadingZero?: boolean
}

/**
 * A histogram as bcc's `print_log2_hist` and `print_linear_hist` print it, each line with a line feed behind it: for
 * `process.stdout.write`. `''` when nothing was counted. As in bcc, a count in slot 0 of a log2 histogram is not shown.
 * Control characters in the label and in names of sections are escaped.
 *
 * Source: `_print_log2_hist` and `_print_linear_hist` of bcc's table.py, 0.26.
 */
export function histogramText(histogram: Histogram, options: HistogramTextOptions = {}): string {
  return histogram.sections
    .map(({ name, counts }) => {
      const { sectionHeader } = histogram
      const heading =
        sectionHeader === undefined ? '' : `\n${printable(sectionHeader)} = ${printable(name)}\n`
      return heading + sectionText(histogram, counts, options.stripLeadingZero === true)
    })
    .join('')
}

function sectionText(histogram: Histogram, counts: readonly bigint[], strip: boolean): string {
  let buckets = bucketsOf(histogram, counts)
  if (buckets.length === 0) return ''
  const isLog2 = histogram.scale === 'log2'
  const isWide = isLog2 && lastSlot(counts) > NARROW
  const stars = isWide ? STARS / 2 : STARS
  const most = greatestOf(counts)
  if (strip) buckets = buckets.slice(buckets.findIndex(({ count }) => count > 0n))
  const range = isWide ? 20 : 10
  const [indent, width] = isLog2 ? (isWide ? [15, 29] : [5, 19]) : [5, 13]
  const lines = buckets.map(({ from, to, count }) => {
    const values = isLog2
      ? `${String(from).padStart(range)} -> ${String(to).padEnd(range)}`
      : `        ${String(from).padEnd(range)}`
    const bar = '*'.repeat(starsOf(count, most, stars)).padEnd(stars)
    return `${values} : ${String(count).padEnd(8)} |${bar}|\n`
  })
  return `${' '.repeat(indent)}${padEnd(printable(histogram.label), width)} : count     distribution\n${lines.join('')}`
}

/** As `padEnd`, by code points: Python's `%-19s` counts them. */
function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - Array.from(text).length))
}

/** Stars of a bar: those that `_stars` finds with the division of Python, which is rounded once. */
function starsOf(count: bigint, most: bigint, width: number): number {
  return Math.floor(quotient(BigInt(width) * count, most))
}

/** The quotient as the nearest double: what is cut off only decides about rounding. */
function quotient(dividend: bigint, divisor: bigint): number {
  const scaled = dividend << 64n
  const sticky = scaled % divisor === 0n ? 0n : 1n
  return Number(((scaled / divisor) << 1n) | sticky) / 2 ** 65
}
