import { setups } from '../../bench/ours/setups.ts'
import { features } from '../../src/kernel/index.ts'
import { kernelTest } from '../support/kernel-test.ts'
import { ringBuffers } from '../support/ring-programs.ts'

/** So short that every row does its work once or twice. */
const options = { milliseconds: 2, seconds: 0.2 }

for (const [row, setup] of Object.entries(setups)) {
  const needs = row === 'attach-1000' ? [features.kprobeMulti] : row.startsWith('ring-') ? [ringBuffers] : []
  kernelTest(`the benchmark's row ${row} does its work`, needs, async t => {
    using work = await setup(options)
    const { ns, ops } = await work.sweep()
    t.true(Number.isFinite(ns))
    t.true(ops > 0)
  })
}
