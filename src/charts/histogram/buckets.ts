/**
 * The buckets of a histogram, with the values that they hold: what its text, its picture and its document show.
 *
 * @module
 */

import type { Histogram } from './histogram.ts'

/** Values from `from` to `to`, both included, and how many of them were counted. */
export interface Bucket {
  readonly from: bigint
  readonly to: bigint
  readonly count: bigint
}

/** The buckets from the lowest to the last one that counted anything. */
export function bucketsOf({ scale, step }: Histogram, counts: readonly bigint[]): Bucket[] {
  const buckets: Bucket[] = []
  const first = scale === 'log2' ? 1 : 0
  for (let slot = first; slot <= lastSlot(counts); slot++) {
    const [from, to] =
      scale === 'log2' ? log2Range(slot) : [BigInt(slot) * step, BigInt(slot + 1) * step - 1n]
    buckets.push({ from: from!, to: to!, count: counts[slot]! })
  }
  return buckets
}

/** The last slot that counted anything, -1 when none did. */
export function lastSlot(counts: readonly bigint[]): number {
  return counts.findLastIndex(count => count > 0n)
}

/** The greatest count, 0 when there are none. */
export function greatestOf(counts: readonly bigint[]): bigint {
  let greatest = 0n
  for (const count of counts) if (count > greatest) greatest = count
  return greatest
}

/**
 * What was counted in slot 0 of a log2 histogram, which has no values by bcc's numbering: a sign that the program counts by
 * another one.
 */
export function outside({ scale }: Histogram, counts: readonly bigint[]): bigint {
  return scale === 'log2' ? (counts[0] ?? 0n) : 0n
}

function log2Range(slot: number): [from: bigint, to: bigint] {
  const end = 1n << BigInt(slot)
  return [slot === 1 ? 0n : end >> 1n, end - 1n]
}
