/**
 * Tests that a row of the benchmark does its work.
 *
 * @module
 */

import { setups } from '../../../bench/ours/setups.ts'
import type { Feature } from '../../../src/kernel/probes/probe.ts'
import { kernelTest } from '../kernel-test.ts'

/** So short that every row does its work once or twice. */
const options = { milliseconds: 2, seconds: 0.2 }

/** Declares the test of a row: its sweep passes its own checks. */
export function testRow(row: keyof typeof setups, needs: readonly Feature[]): void {
  kernelTest(`the benchmark's row ${row} does its work`, needs, async t => {
    using work = await setups[row]!(options)
    const { ns, ops } = await work.sweep()
    t.true(Number.isFinite(ns))
    t.true(ops > 0)
  })
}
