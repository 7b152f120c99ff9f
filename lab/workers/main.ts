/**
 * `npm run workers`: terminates workers at random with each backend, in a process of its own, and prints what is left.
 * As root. `--rounds N` (200), `--backend shim|koffi` (both).
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { terminateWorkers } from './rounds.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    backend: { type: 'string' },
    here: { type: 'boolean' },
  },
})

if (values.here === true) {
  const remains = await terminateWorkers(Number(values.rounds))
  console.log(JSON.stringify(remains))
  process.exitCode = remains.descriptors.length + remains.objects === 0 ? 0 : 1
} else {
  const self = fileURLToPath(import.meta.url)
  for (const backend of values.backend === undefined ? ['shim', 'koffi'] : [values.backend]) {
    const env = { ...process.env, EBPF_TS_BACKEND: backend }
    const { status, signal } = spawnSync(process.execPath, [self, '--here', '--rounds', values.rounds], {
      env,
      stdio: 'inherit',
    })
    console.log(`${backend}: ${status === 0 ? 'nothing left' : `exit code ${status}, signal ${signal}`}`)
    if (status !== 0) process.exitCode = 1
  }
}
