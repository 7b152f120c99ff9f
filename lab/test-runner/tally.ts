/**
 * Counts of tests, and the lines that tell them.
 *
 * @module
 */

/** How many tests passed, failed and were skipped. */
export interface Tally {
  passed: number
  failed: number
  skipped: number
}

/** No tests yet. */
export function emptyTally(): Tally {
  return { passed: 0, failed: 0, skipped: 0 }
}

/** Adds the counts of one tally to another. */
export function addTally(sum: Tally, more: Tally): void {
  sum.passed += more.passed
  sum.failed += more.failed
  sum.skipped += more.skipped
}

/** The closing line of every runner: `12 passed, 0 failed, 1 skipped`. */
export function tallyLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** Exit code of a runner: 1 when a test failed, or none ran at all. */
export function exitCodeOf({ passed, failed }: Tally): 0 | 1 {
  return failed > 0 || passed === 0 ? 1 : 0
}
