/**
 * Runs kernel tests on the kernels of the matrix, and prints one table.
 *
 *     npm run test:vm [-- [--all] [--kernel NAME]... [--jobs GUESTS] [-- AVA ARGUMENTS...]]
 *
 * Each kernel runs what `plan.ts` has for it; with `--all` or arguments of ava, everything. A test that is skipped on every
 * kernel, the host's among them, fails a run of the whole matrix.
 *
 * GUESTS is how many run at a time; the default is one per CPU, since a guest keeps little more than one busy.
 * AVA ARGUMENTS may name test files (`test/kernel/maps/create.test.ts`) and options of ava (`--match='*hash*'`).
 *
 * @module
 */

import { availableParallelism, release } from 'node:os'
import { parseArgs } from 'node:util'
import { RANGE_VARIABLE } from '../test-runner/declared.ts'
import { declaredTests } from '../test-runner/list-tests.ts'
import { Pace } from '../test-runner/pace.ts'
import { readResults } from '../test-runner/results.ts'
import { exitCodeOf, tallyLine } from '../test-runner/tally.ts'
import { TapReader, type TapTest } from '../test-runner/tap.ts'
import { pickFiles, testFiles } from '../test-runner/test-files.ts'
import { testNamer } from '../test-runner/test-names.ts'
import { runInGuest } from './boot.ts'
import { type KernelChoice, kernels, prepareKernel } from './kernels.ts'
import {
  filesLeft,
  formatMatrix,
  isEmulatorsFault,
  joined,
  type KernelResult,
  kernelResult,
  neverRun,
  tallyMatrix,
  tallyOf,
} from './matrix.ts'
import { type GuestPlan, planGuest } from './plan.ts'

/** Seconds that all tests of one kernel may take. Emulation is some ten times slower than a machine. */
const TIMEOUT = 7200
/** ava's own limit for a test file that does nothing. */
const IDLE = '10m'

interface Options {
  readonly kernels: readonly KernelChoice[]
  readonly jobs: number
  /** Arguments of ava that begin with a dash. */
  readonly avaArguments: readonly string[]
  /** What each kernel runs. */
  readonly plan: (choice: KernelChoice) => GuestPlan
  /** Whether each test is to run somewhere: nothing was chosen by hand. */
  readonly whole: boolean
}

function parseOptions(args: readonly string[]): Options {
  const separator = args.indexOf('--')
  const own = separator === -1 ? args : args.slice(0, separator)
  const more = separator === -1 ? [] : args.slice(separator + 1)
  const { values } = parseArgs({
    args: [...own],
    options: {
      all: { type: 'boolean' },
      kernel: { type: 'string', multiple: true },
      jobs: { type: 'string' },
    },
  })
  const jobs = Number(values.jobs ?? availableParallelism())
  if (!Number.isInteger(jobs) || jobs < 1) throw new RangeError(`--jobs must be a count, not ${values.jobs}`)
  const patterns = more.filter(each => !each.startsWith('-'))
  const files = pickFiles(testFiles('build/test/kernel'), patterns)
  const everything: GuestPlan = { files, range: undefined }
  const planned = values.all !== true && more.length === 0
  const declared = planned ? declaredTests(files) : undefined
  return {
    kernels: choose(values.kernel),
    jobs,
    avaArguments: more.filter(each => each.startsWith('-')),
    plan: choice => (declared === undefined ? everything : planGuest(choice, kernels, files, declared)),
    whole: values.kernel === undefined && more.length === 0,
  }
}

/** The command in a guest: all test files in one run of ava, one at a time. */
function guestCommand(options: readonly string[], { files, range }: GuestPlan): string {
  const quoted = [...options, ...files].map(each => `'${each.replaceAll("'", `'\\''`)}'`)
  const variable = range === undefined ? '' : `${RANGE_VARIABLE}='${range}' `
  const ava = 'node node_modules/ava/entrypoints/cli.mjs --tap --concurrency=1'
  return `${variable}${ava} --timeout=${IDLE} ${quoted.join(' ')}`
}

async function testKernel(choice: KernelChoice, options: Options): Promise<KernelResult> {
  const { name } = choice
  const { files, range } = options.plan(choice)
  let ownRelease = ''
  try {
    // What guests share is made by one of them at a time: fetching is synchronous.
    const kernel = prepareKernel(choice)
    ownRelease = kernel.release
    console.log(`${name}: booting ${kernel.release} for ${files.length} files`)
    const run = async (these: readonly string[]): Promise<KernelResult> => {
      const pace = new Pace()
      const onTest = (test: TapTest): void => {
        pace.step(test)
        if (test.outcome === 'failed') console.log(`  FAILED on ${name}: ${test.name}\n${test.detail}`)
      }
      const reader = new TapReader(onTest, testNamer(these))
      const command = guestCommand(options.avaArguments, { files: these, range })
      const onLine = (line: string): void => reader.line(line)
      const guest = await runInGuest(kernel, command, { timeout: TIMEOUT, onLine })
      reader.end()
      return kernelResult({ name, release: ownRelease }, guest, reader.tests, pace.times)
    }
    const result = await run(files)
    if (!isEmulatorsFault(result)) return result
    const rest = filesLeft(files, result.tests)
    console.log(`${name}: the emulator ran an instruction that was patched meanwhile; on with ${rest[0]}`)
    return joined(result, await run(rest))
  } catch (error) {
    // Such as an archive that cannot be reached: the other kernels are still worth running.
    const failure = `cannot run: ${(error as Error).message}`
    return { name, release: ownRelease, tests: [], failure, seconds: 0, files: {} }
  }
}

function choose(names: readonly string[] | undefined): readonly KernelChoice[] {
  if (names === undefined) return kernels
  return names.map(name => {
    const choice = kernels.find(each => each.name === name)
    if (choice === undefined) {
      throw new RangeError(
        `Unknown kernel ${name}: expected one of ${kernels.map(each => each.name).join(', ')}`,
      )
    }
    return choice
  })
}

/** Kernels by how they share two CPUs well: the slow ones one after the other, beside the three others. */
const ORDER: readonly string[] = ['6.12-arm64', '6.12', '6.1', 'newest', '5.10']

/** Tests kernels, so many at a time. */
async function inParallel(
  choices: readonly KernelChoice[],
  count: number,
  work: (choice: KernelChoice) => Promise<KernelResult>,
): Promise<KernelResult[]> {
  const results: KernelResult[] = []
  const waiting = [...choices.entries()].sort(([, a], [, b]) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name))
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, choice] = next
      results[index] = await work(choice)
    }
  }
  await Promise.all(Array.from({ length: count }, worker))
  return results
}

/** What the host's kernel has shown, when a whole run of ring 2 has left it. */
function hostResults(): readonly KernelResult[] {
  const tests = readResults()
  if (tests !== undefined) {
    return [{ name: 'host', release: release(), tests, failure: undefined, seconds: 0, files: {} }]
  }
  console.log(
    'no results of the host: what is skipped in every guest counts as never run; `npm test` makes them',
  )
  return []
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  const results = await inParallel(options.kernels, options.jobs, async choice => {
    const result = await testKernel(choice, options)
    console.log(`${result.name}: ${tallyLine(tallyOf(result))} (${Math.round(result.seconds)} s)`)
    if (result.failure !== undefined) console.log(`  FAILED ${result.name}: ${result.failure}`)
    return result
  })
  const host = options.whole ? hostResults() : []
  console.log(`\n${formatMatrix([...host, ...results])}\n`)

  const never = options.whole ? neverRun([...host, ...results]) : []
  for (const name of never) console.log(`  FAILED ${name}: it is skipped on every kernel`)
  const total = tallyMatrix(results, never)
  console.log(tallyLine(total))
  return exitCodeOf(total)
}

process.exitCode = await main()
