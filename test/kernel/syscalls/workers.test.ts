import { once } from 'node:events'
import { terminateWorkers } from '../../../lab/workers/rounds.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { syscallBackend } from '../../../src/syscalls/entry.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { openFds } from '../../support/leaks.ts'
import { ringBuffers } from '../../support/readers/ring-programs.ts'
import { startCounter } from '../../support/syscalls/handed-map.ts'

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

kernelTest(
  'a map that is handed to a worker leaves no descriptor, also when the worker ends early',
  [],
  async t => {
    using map = BpfMap.create({ name: 'handed', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 })
    const before = openFds()
    const worker = await startCounter(map, 'late')
    if (worker.threadId !== -1) await once(worker, 'exit')
    t.deepEqual(map.get(new Uint8Array(4)), new Uint8Array(8).fill(7))
    await t.throwsAsync(startCounter(map, 'early'), { message: /^The worker ended with 3 before/ })
    t.deepEqual(openFds(), before)
  },
)
