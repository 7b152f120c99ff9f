/**
 * Runs the kernel tests on every kernel of the matrix, and prints one table.
 *
 *     npm run test:vm [-- [--kernel NAME]... [--jobs GUESTS] [-- AVA ARGUMENTS...]]
 *
 * GUESTS is how many run at a time; the default is one per CPU, since a guest keeps little more than one busy.
 * AVA ARGUMENTS may name test files (`test/kernel/maps-create.test.ts`) and options of ava (`--match='*hash*'`).
 *
 * @module
 */

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { addTally, emptyTally, exitCodeOf, tallyLine } from '../../tools/tally.ts'
import { pickFiles, testFiles } from '../../tools/test-files.ts'
import { TapReader } from '../support/tap.ts'
import { runInGuest } from './boot.ts'
import { type GuestKernel, type KernelChoice, kernels, prepareKernel } from './kernels.ts'
import { formatMatrix, type KernelResult, neverRun } from './matrix.ts'

/** Seconds that all tests of one kernel may take. Emulation is some ten times slower than a machine. */
const TIMEOUT = 2400
/** ava's own limit for a test file that does nothing. */
const IDLE = '10m'

/** The command in a guest: all test files in one run of ava, one at a time. */
function guestCommand(args: readonly string[]): string {
  const files = args.filter(each => !each.startsWith('-'))
  const options = args.filter(each => each.startsWith('-'))
  const chosen = pickFiles(testFiles('build/test/kernel'), files)
  const quoted = [...options, ...chosen].map(each => `'${each.replaceAll("'", `'\\''`)}'`)
  return `node node_modules/ava/entrypoints/cli.mjs --tap --concurrency=1 --timeout=${IDLE} ${quoted.join(' ')}`
}

async function testKernel(kernel: GuestKernel, command: string): Promise<KernelResult> {
  const reader = new TapReader(({ name, outcome, detail }) => {
    if (outcome === 'failed') console.log(`  FAILED on ${kernel.name}: ${name}\n${detail}`)
  })
  const {
    output,
    failure,
    console: lines,
    exitCode,
    seconds,
  } = await runInGuest(kernel, command, {
    timeout: TIMEOUT,
    onLine: line => reader.line(line),
  })
  reader.end()
  const { name, release } = kernel
  const { tests } = reader
  const failed = tests.some(each => each.outcome === 'failed')
  // ava may fail without a failed test, such as when a file does not load.
  const unexplained = exitCode !== 0 && !failed ? `ava ended with exit code ${exitCode}` : undefined
  const reason = failure ?? unexplained ?? (tests.length === 0 ? 'no test ran' : undefined)
  const last = failure === undefined ? output.slice(-40) : lines
  return {
    name,
    release,
    tests,
    seconds,
    failure: reason === undefined ? undefined : `${reason}; last lines:\n    ${last.join('\n    ')}`,
  }
}

function choose(names: readonly string[] | undefined): readonly KernelChoice[] {
  if (names === undefined) return kernels
  return names.map(name => {
    const choice = kernels.find(each => each.name === name)
    if (choice === undefined) {
      throw new RangeError(
        `There is no kernel ${name}; there are ${kernels.map(each => each.name).join(', ')}`,
      )
    }
    return choice
  })
}

/** Maps items to what comes of them, so many at a time. The last start first: arm64 takes longest to emulate. */
async function inParallel<T, R>(
  items: readonly T[],
  count: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const waiting = [...items.entries()]
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [index, item] = next
      results[index] = await work(item)
    }
  }
  await Promise.all(Array.from({ length: count }, worker))
  return results
}

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  const separator = args.indexOf('--')
  const own = separator === -1 ? args : args.slice(0, separator)
  const avaArguments = separator === -1 ? [] : args.slice(separator + 1)
  const { values } = parseArgs({
    args: own,
    options: { kernel: { type: 'string', multiple: true }, jobs: { type: 'string' } },
  })
  const jobs = Number(values.jobs ?? availableParallelism())
  if (!Number.isInteger(jobs) || jobs < 1) throw new RangeError(`--jobs must be a count, not ${values.jobs}`)
  const command = guestCommand(avaArguments)
  // What guests share is made by one of them at a time: fetching is synchronous.
  const results = await inParallel(choose(values.kernel), jobs, async choice => {
    const kernel = prepareKernel(choice)
    console.log(`${kernel.name}: booting ${kernel.release}`)
    const result = await testKernel(kernel, command)
    const count = (outcome: string): number => result.tests.filter(each => each.outcome === outcome).length
    const tally = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') }
    console.log(`${kernel.name}: ${tallyLine(tally)} (${Math.round(result.seconds)} s)`)
    if (result.failure !== undefined) console.log(`  FAILED ${kernel.name}: ${result.failure}`)
    return result
  })
  console.log(`\n${formatMatrix(results)}\n`)

  const total = emptyTally()
  for (const { tests, failure } of results) {
    for (const { outcome } of tests) total[outcome]++
    if (failure !== undefined) addTally(total, { passed: 0, failed: 1, skipped: 0 })
  }
  // Only the whole matrix can tell that a test runs nowhere.
  if (values.kernel === undefined && avaArguments.length === 0) {
    for (const name of neverRun(results)) {
      console.log(`  FAILED ${name}: it is skipped on every kernel`)
      total.failed++
    }
  }
  console.log(tallyLine(total))
  return exitCodeOf(total)
}

process.exitCode = await main()
