/**
 * Waiting for what the kernel does in its own time.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Milliseconds after which a test gives up; no test depends on how long something takes. A machine that is busy, or
 * emulated, takes seconds for what takes an idle one a millisecond. Tests of the tests, which fail on purpose, set it.
 */
const PATIENCE = Number(process.env.EBPF_TS_TEST_PATIENCE ?? 60_000)

/** Waits until something is true, looking again and again; `false` when it never was. */
export async function eventually(condition: () => boolean, patience: number = PATIENCE): Promise<boolean> {
  const deadline = performance.now() + patience
  for (;;) {
    if (condition()) return true
    if (performance.now() > deadline) return false
    await sleep(5)
  }
}
