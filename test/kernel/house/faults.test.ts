/** Each system call and file operation of a scenario fails in turn; `npm run faults` does more of it. */

// First: it wraps what others make calls with.
import '../../../lab/faults/inject.ts'

import { TEST_ERRNOS } from '../../../lab/faults/errnos.ts'
import { scenarios } from '../../../lab/faults/scenarios.ts'
import { runTrial, runTrials } from '../../../lab/faults/trials.ts'
import { errnos } from '../../../src/base/errno.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { kernelTest } from '../../support/kernel-test.ts'

for (const scenario of scenarios) {
  if (scenario.slow === true) continue
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
