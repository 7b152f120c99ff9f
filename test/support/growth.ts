/**
 * Whether work grows with its input, and no faster.
 *
 * @module
 */

import type { ExecutionContext } from 'ava'

const FACTOR = 8
/** Linear work takes about 8 times as long for 8 times as much, quadratic 64 times. */
const MOST = 24
/** Each time is the best of so many: the machine has other things to do. */
const TRIALS = 3
/** Milliseconds below which a time is mostly noise. */
const NOISE = 30

/**
 * Expects the time of some work to be in proportion to its size.
 *
 * @param prepare makes input of a size, and returns the work
 * @param size smaller of the two sizes that are compared
 */
export function growsLinearly(
  t: ExecutionContext,
  prepare: (size: number) => () => unknown,
  size: number,
): void {
  const [small, large] = [timeOf(prepare(size)), timeOf(prepare(size * FACTOR))]
  const ratio = large / Math.max(small, NOISE / FACTOR)
  t.true(ratio < MOST, `${small} ms for ${size}, ${large} ms for ${size * FACTOR}`)
}

/** Milliseconds of processor time. */
function timeOf(work: () => unknown): number {
  const times = Array.from({ length: TRIALS }, () => {
    const begin = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(begin)
    return (user + system) / 1000
  })
  return Math.min(...times)
}
