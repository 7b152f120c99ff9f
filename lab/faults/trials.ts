/**
 * Runs a scenario again and again, with another operation failing each time, and looks for what is wrong afterwards.
 *
 * @module
 */

import { mkdirSync, readdirSync } from 'node:fs'
import { errnoName } from '../../src/base/errno.ts'
import { BpfError } from '../../src/base/errors.ts'
import { Cleanup } from '../../src/collection/cleanup.ts'
import { openFds } from '../../test/support/leaks.ts'
import { type Injection, inject } from './inject.ts'
import type { Scenario } from './scenario.ts'

/** One run of a scenario. */
export interface Trial {
  /** The operation that failed; `undefined` when the scenario has none of that number. */
  readonly failed: string | undefined
  /** What is wrong, each in a sentence. Kernel objects that stay are not among it. */
  readonly problems: string[]
  /** How the scenario ended: `'done'`, or the error. */
  readonly outcome: string
}

/** Runs a scenario once, with an operation failing. */
export async function runTrial(
  scenario: Scenario,
  at: number,
  errno: number,
  { path }: { readonly path: string },
): Promise<Trial> {
  // The root of a bpffs has files of the kernel's.
  const bpffs = `${path}/faults`
  mkdirSync(bpffs, { recursive: true })
  const before = openFds()
  const problems: string[] = []
  let outcome = 'done'
  let failed: string | undefined
  const note = (injection: Injection): void => {
    failed = injection.failed
  }
  try {
    using cleanup = new Cleanup()
    await inject(at, errno, () => scenario.act(made => cleanup.add(made), bpffs), note)
  } catch (error) {
    outcome = String(error)
    if (!(error instanceof BpfError)) problems.push(`not a BpfError: ${(error as Error).stack}`)
    else if (failed === undefined) problems.push(`fails without a fault: ${error.message}`)
  }
  const left = openFds()
  for (const target of before) {
    const index = left.indexOf(target)
    if (index >= 0) left.splice(index, 1)
  }
  if (left.length > 0) problems.push(`leaves descriptors of ${left.join(', ')}`)
  const entries = readdirSync(bpffs)
  if (entries.length > 0) problems.push(`leaves pins or directories: ${entries.join(', ')}`)
  return { failed, problems, outcome }
}

/**
 * Runs a scenario with each of its operations failing in turn, and without a fault in the end.
 *
 * @returns a line for each problem, and how many faults there were
 */
export async function runTrials(
  scenario: Scenario,
  errnos: readonly number[],
  bpffs: { readonly path: string },
  onTrial: (line: string) => void = () => {},
): Promise<{ faults: number; problems: string[] }> {
  const problems: string[] = []
  let faults = 0
  const runOne = async (at: number, errno: number): Promise<Trial> => {
    const trial = await runTrial(scenario, at, errno, bpffs)
    const line = `${scenario.name}: ${errnoName(errno)} of operation ${at}, ${trial.failed}: `
    onTrial(line + trial.outcome)
    for (const problem of trial.problems) problems.push(line + problem)
    return trial
  }
  for (const errno of errnos) {
    for (let at = 1; ; at++) {
      const { failed } = await runOne(at, errno)
      if (failed === undefined) break
      faults++
    }
    // What failed is not remembered.
    await runOne(0, errno)
  }
  return { faults, problems }
}
