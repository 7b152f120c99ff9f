import { terminateWorkers } from '../../../lab/workers/rounds.ts'
import { syscallBackend } from '../../../src/syscalls/entry.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { ringBuffers } from '../../support/readers/ring-programs.ts'

/** `npm run workers` takes more. */
const ROUNDS = 12

kernelTest(
  'workers that are terminated at any moment leave no descriptor, map or program',
  [ringBuffers],
  async t => {
    const backend = syscallBackend()
    t.deepEqual(await terminateWorkers(ROUNDS), { backend, rounds: ROUNDS, descriptors: [], objects: 0 })
  },
)
