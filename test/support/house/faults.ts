/**
 * A test for each scenario of `lab/faults`. Its file imports `lab/faults/inject.ts` before anything else.
 *
 * @module
 */

import { TEST_ERRNOS } from '../../../lab/faults/errnos.ts'
import type { Scenario } from '../../../lab/faults/scenario.ts'
import { runTrial, runTrials } from '../../../lab/faults/trials.ts'
import { errnos } from '../../../src/base/errno.ts'
import { temporaryBpffs } from '../bpffs.ts'
import { kernelTest } from '../kernel-test.ts'

/** Has each operation of the scenarios fail in turn, and looks for what is wrong afterwards. */
export function testFaults(scenarios: readonly Scenario[]): void {
  for (const scenario of scenarios) {
    kernelTest(
      `whatever fails, the error is typed and nothing is left: ${scenario.name}`,
      scenario.needs ?? [],
      async t => {
        using bpffs = temporaryBpffs()
        // What is read once is read.
        t.like(await runTrial(scenario, 0, 0, bpffs), { problems: [], outcome: 'done' })
        const { faults, problems } = await runTrials(
          scenario,
          TEST_ERRNOS.map(name => errnos[name]),
          bpffs,
        )
        t.deepEqual(problems, [])
        t.true(faults > 0)
      },
    )
  }
}
