/**
 * `npm run faults`: lets each system call and file operation of loading, attaching, reading, iterating and pinning fail in
 * turn, and prints what is wrong afterwards. As root. Once warm, in one process, with each of several errnos; then, with
 * `--cold`, each fault in a process of its own, where nothing is known of the kernel yet.
 *
 *     npm run faults [-- --cold] [--scenario TEXT] [--errno NAME,...] [--verbose]
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { errnos } from '../../src/base/errno.ts'
import { temporaryBpffs } from '../../test/support/bpffs.ts'
import {
  forgetKernelObjects,
  remainingKernelObjects,
  watchKernelObjects,
} from '../../test/support/kernel-objects.ts'
import { missing } from '../../test/support/requirements.ts'
import { enterNamespace, missingNamespace, mountFileSystems } from '../test-runner/namespace.ts'
import { ALL_ERRNOS } from './errnos.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { runTrial, runTrials } from './trials.ts'

const { values } = parseArgs({
  options: {
    cold: { type: 'boolean', default: false },
    scenario: { type: 'string', default: '' },
    errno: { type: 'string', default: ALL_ERRNOS.join(',') },
    verbose: { type: 'boolean', default: false },
    trial: { type: 'string' },
  },
})
const wanted = values.errno.split(',').map(name => errnos[name as keyof typeof errnos])

/** What a process of one trial prints. */
interface Report {
  failed?: string
  problems: string[]
  outcome: string
}

/** One fault in this process, and the same once more without. */
async function trialAlone(scenario: Scenario, at: number, errno: number): Promise<Report> {
  using bpffs = temporaryBpffs()
  const { failed, problems, outcome } = await runTrial(scenario, at, errno, bpffs)
  if (failed !== undefined) {
    const again = await runTrial(scenario, 0, errno, bpffs)
    problems.push(...again.problems.map(problem => `afterwards: ${problem}`))
  }
  problems.push(...(await remainingKernelObjects()).map(name => `leaves ${name}`))
  return { ...(failed === undefined ? {} : { failed }), problems, outcome }
}

function runCold(scenario: Scenario): { faults: number; problems: string[] } {
  const problems: string[] = []
  let faults = 0
  const self = fileURLToPath(import.meta.url)
  for (const errno of values.errno.split(',')) {
    for (let at = 1; ; at++) {
      const args = [self, '--scenario', scenario.name, '--errno', errno, '--trial', String(at)]
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      const line = `${scenario.name}: ${errno} of operation ${at}`
      let report: Report
      try {
        report = JSON.parse(stdout) as Report
      } catch {
        problems.push(`${line}: the process fails: ${stderr.slice(0, 2000)}`)
        faults++
        if (at > 2000) break
        continue
      }
      if (report.failed === undefined) break
      faults++
      if (values.verbose) console.log(`${line}, ${report.failed}: ${report.outcome}`)
      problems.push(...report.problems.map(problem => `${line}, ${report.failed}: ${problem}`))
    }
  }
  return { faults, problems }
}

async function runWarm(scenario: Scenario): Promise<{ faults: number; problems: string[] }> {
  using bpffs = temporaryBpffs()
  forgetKernelObjects()
  // What is read once is read.
  await runTrial(scenario, 0, 0, bpffs)
  const result = await runTrials(scenario, wanted, bpffs, line => {
    if (values.verbose) console.log(line)
  })
  result.problems.push(...(await remainingKernelObjects()).map(name => `${scenario.name}: leaves ${name}`))
  return result
}

async function main(): Promise<void> {
  const chosen = scenarios.filter(({ name }) => name.includes(values.scenario))
  watchKernelObjects()
  if (values.trial !== undefined) {
    console.log(JSON.stringify(await trialAlone(chosen[0]!, Number(values.trial), wanted[0]!)))
    return
  }
  let [total, wrong] = [0, 0]
  for (const scenario of chosen) {
    const reason = missing(scenario.needs ?? [])
    if (reason !== undefined) {
      console.log(`${scenario.name}: skipped, ${reason}`)
      continue
    }
    const { faults, problems } = values.cold ? runCold(scenario) : await runWarm(scenario)
    console.log(`${scenario.name}: ${faults} faults, ${problems.length} problems`)
    for (const problem of problems) console.log(`  ${problem}`)
    total += faults
    wrong += problems.length
  }
  console.log(`${total} faults, ${wrong} problems`)
  process.exitCode = wrong === 0 ? 0 : 1
}

const reason = missingNamespace()
if (reason !== undefined) throw new Error(reason)
const inside = enterNamespace()
if (inside !== undefined) process.exitCode = await inside
else {
  mountFileSystems()
  await main()
}
