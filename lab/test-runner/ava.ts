/**
 * Runs ava over compiled test files, prints what failed and what was skipped as it happens, and counts.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { emptyTally, type Tally } from './tally.ts'
import { TapReader, type TapTest } from './tap.ts'
import { testNamer } from './test-names.ts'

const AVA = 'node_modules/ava/entrypoints/cli.mjs'

/** Lines that are shown of a run that did not end as it should. */
const LAST_LINES = 30

/** Lines that are shown of what a failed test says. */
const DETAIL_LINES = 60

/** What to run. */
export interface AvaRun {
  /** Compiled test files, such as `build/test/unit/base/errors.test.js`. */
  readonly files: readonly string[]
  /** Other arguments of ava, such as `--match=*hash*`. */
  readonly arguments?: readonly string[]
  /** Seconds after which the run counts as hung: it is killed, and that is a failure. */
  readonly timeout: number
  /** Added to the environment. */
  readonly env?: NodeJS.ProcessEnv
  /** Called with each test, by the name that `testNamer` gives it. */
  readonly onTest?: (test: TapTest) => void
  /** The node binary that runs ava and the tests; default: this one. */
  readonly node?: string
}

/** Runs ava, prints one line for each failed and each skipped test, and returns the counts. */
export async function runAva(run: AvaRun): Promise<Tally> {
  const tally = emptyTally()
  const lastLines: string[] = []
  const tap = new TapReader(test => {
    tally[test.outcome]++
    printTest(test)
    run.onTest?.(test)
  }, testNamer(run.files))
  const ava = spawn(run.node ?? process.execPath, [AVA, '--tap', ...(run.arguments ?? []), ...run.files], {
    // A process group of its own, so that a hung test can be killed with all it started.
    detached: true,
    env: { ...process.env, ...run.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const remember = (line: string): void => {
    lastLines.push(line)
    if (lastLines.length > LAST_LINES) lastLines.shift()
  }
  createInterface({ input: ava.stdout }).on('line', line => {
    remember(line)
    tap.line(line)
  })
  createInterface({ input: ava.stderr }).on('line', remember)
  const ended = await untilEnd(ava, run.timeout)
  tap.end()
  const noMatch = ended === 'exit code 1' && tap.tests.length === 0 && matches(run.arguments ?? [])
  if (ended !== undefined && tally.failed === 0 && !noMatch) {
    tally.failed++
    printTest({
      name: `ava ended with ${ended}; its last lines`,
      outcome: 'failed',
      detail: indent(lastLines.join('\n')),
    })
  } else if (ended?.startsWith('a timeout')) {
    console.log(`  ava ended with ${ended}; its last lines:\n${indent(lastLines.join('\n'))}`)
  }
  return tally
}

/** Whether tests are picked by title: then ava fails when a ring has none of them. */
function matches(args: readonly string[]): boolean {
  return args.some(each => each === '-m' || each.startsWith('--match'))
}

/** Waits for the end; returns how it ended, `undefined` when well. */
function untilEnd(child: ChildProcess, timeout: number): Promise<string | undefined> {
  const killGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended in the meantime.
    }
  }
  const interrupt = (signal: NodeJS.Signals): void => {
    killGroup()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  return new Promise((resolve, reject) => {
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      killGroup()
    }, timeout * 1000)
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
      if (timedOut) resolve(`a timeout after ${timeout} seconds`)
      else if (signal !== null) resolve(signal)
      else resolve(code === 0 ? undefined : `exit code ${code}`)
    })
  })
}

/** Counts tests that cannot run here as one that is skipped, and prints why. */
export function skipped(name: string, reason: string): Tally {
  printTest({ name, outcome: 'skipped', detail: reason })
  return { passed: 0, failed: 0, skipped: 1 }
}

/** Prints a test that failed or was skipped. */
function printTest({ name, outcome, detail }: TapTest): void {
  if (outcome === 'failed') console.log(`  FAILED ${name}${detail === '' ? '' : `\n${firstLines(detail)}`}`)
  else if (outcome === 'skipped') console.log(`  skipped ${name}${detail === '' ? '' : `: ${detail}`}`)
}

function firstLines(text: string): string {
  const lines = text.split('\n')
  const rest = lines.length - DETAIL_LINES
  return rest <= 0 ? text : [...lines.slice(0, DETAIL_LINES), `    ... ${rest} more lines`].join('\n')
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
