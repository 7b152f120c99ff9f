/**
 * Runs the kernel tests on every kernel of the matrix, and prints one table.
 *
 *     npm run test:vm [-- [--kernel NAME]... [--jobs GUESTS] [-- AVA ARGUMENTS...]]
 *
 * GUESTS is how many run at a time; the default is one per CPU, since a guest keeps little more than one busy.
 * AVA ARGUMENTS may name test files (`test/kernel/maps/create.test.ts`) and options of ava (`--match='*hash*'`).
 *
 * @module
 */

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { exitCodeOf, tallyLine } from '../test-runner/tally.ts'
import { TapReader, type TapTest } from '../test-runner/tap.ts'
import { pickFiles, testFiles } from '../test-runner/test-files.ts'
import { fileOf, testNamer } from '../test-runner/test-names.ts'
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

/** Seconds that all tests of one kernel may take. Emulation is some ten times slower than a machine. */
const TIMEOUT = 2400
/** Seconds from which on a test file is named as a slow one. */
const SLOW = 20
/** ava's own limit for a test file that does nothing. */
const IDLE = '10m'

/** Run when they are named: what they test is the same on every kernel, and would take minutes of each guest. */
const HOST_FILES: readonly string[] = [
  'build/test/kernel/bench-peers/ours.test.js',
  'build/test/kernel/btf/dedup.test.js',
  'build/test/kernel/lab/kernel-test.test.js',
  'build/test/kernel/syscalls/processes-shim.test.js',
  // No kernel of the matrix lacks what those must lack.
  'build/test/kernel/collection/refusals.test.js',
  // The other backend is tested in every guest, by the same tests.
  'build/test/kernel/syscalls/shim.test.js',
  'build/test/kernel/programs/verifier-complex.test.js',
]

/** Of no kernel either, but of the CPU: with an architecture that is not the host's. */
const ARCHITECTURE_FILES: readonly string[] = ['build/test/kernel/syscalls/processes-koffi.test.js']

/** The test files for a guest. */
function guestFiles(args: readonly string[], arch: string): readonly string[] {
  const files = args.filter(each => !each.startsWith('-'))
  const left = arch === process.arch ? [...HOST_FILES, ...ARCHITECTURE_FILES] : HOST_FILES
  const all = testFiles('build/test/kernel').filter(each => files.length > 0 || !left.includes(each))
  return pickFiles(all, files)
}

/** The command in a guest: all test files in one run of ava, one at a time. */
function guestCommand(args: readonly string[], files: readonly string[]): string {
  const options = args.filter(each => each.startsWith('-'))
  const quoted = [...options, ...files].map(each => `'${each.replaceAll("'", `'\\''`)}'`)
  return `node node_modules/ava/entrypoints/cli.mjs --tap --concurrency=1 --timeout=${IDLE} ${quoted.join(' ')}`
}

/** Says which test files of a kernel took long. */
class Pace {
  readonly #kernel: string
  #file = ''
  #started = 0

  constructor(kernel: string) {
    this.#kernel = kernel
  }

  /** A test of a file has ended; files come one after the other. */
  step(file: string): void {
    const now = Date.now()
    const seconds = Math.round((now - this.#started) / 1000)
    if (file === this.#file) return
    if (this.#file !== '' && seconds >= SLOW) console.log(`${this.#kernel}: ${this.#file} took ${seconds} s`)
    this.#file = file
    this.#started = now
  }
}

async function testKernel(choice: KernelChoice, args: readonly string[]): Promise<KernelResult> {
  const { name } = choice
  const pace = new Pace(name)
  const onTest = (test: TapTest): void => {
    pace.step(fileOf(test))
    if (test.outcome === 'failed') console.log(`  FAILED on ${name}: ${test.name}\n${test.detail}`)
  }
  let release = ''
  try {
    // What guests share is made by one of them at a time: fetching is synchronous.
    const kernel = prepareKernel(choice)
    release = kernel.release
    console.log(`${name}: booting ${release}`)
    const run = async (files: readonly string[]): Promise<KernelResult> => {
      const reader = new TapReader(onTest, testNamer(files))
      const onLine = (line: string): void => reader.line(line)
      const guest = await runInGuest(kernel, guestCommand(args, files), { timeout: TIMEOUT, onLine })
      reader.end()
      return kernelResult({ name, release }, guest, reader.tests)
    }
    const files = guestFiles(args, choice.arch)
    const result = await run(files)
    if (!isEmulatorsFault(result)) return result
    const rest = filesLeft(files, result.tests)
    console.log(`${name}: the emulator ran an instruction that was patched meanwhile; on with ${rest[0]}`)
    return joined(result, await run(rest))
  } catch (error) {
    // Such as an archive that cannot be reached: the other kernels are still worth running.
    return { name, release, tests: [], failure: `cannot run: ${(error as Error).message}`, seconds: 0 }
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
  const results = await inParallel(choose(values.kernel), jobs, async choice => {
    const result = await testKernel(choice, avaArguments)
    console.log(`${result.name}: ${tallyLine(tallyOf(result))} (${Math.round(result.seconds)} s)`)
    if (result.failure !== undefined) console.log(`  FAILED ${result.name}: ${result.failure}`)
    return result
  })
  console.log(`\n${formatMatrix(results)}\n`)

  const whole = values.kernel === undefined && avaArguments.length === 0
  for (const name of whole ? neverRun(results) : []) {
    console.log(`  FAILED ${name}: it is skipped on every kernel`)
  }
  const total = tallyMatrix(results, whole)
  console.log(tallyLine(total))
  return exitCodeOf(total)
}

process.exitCode = await main()
