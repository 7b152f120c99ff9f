/**
 * Runs the tests: ring 1, which is pure, then ring 2 on the running kernel, with each system call backend. What a backend
 * cannot change runs once (`backends.ts`).
 *
 *     npm test [-- [--ring unit|kernel] [--backend koffi|shim] [--timeout SECONDS] [--match TITLE] [FILE...]]
 *
 * A FILE is a file, directory or glob, such as `test/unit/btf`. A TITLE may hold `*`, as ava has it. Where there
 * is no root, ring 2 counts as one skipped test. The last line is `N passed, N failed, N skipped`; the exit code is
 * 1 when a test failed, or none ran.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { runAva, skipped } from './ava.ts'
import { BACKENDS, type Backend, filesByBackend } from './backends.ts'
import { enterNamespace, missingNamespace, mountFileSystems } from './namespace.ts'
import { Pace, slowestFiles } from './pace.ts'
import { buildPackage, usesPackage } from './package.ts'
import { keepResults } from './results.ts'
import { missingShim } from './shim.ts'
import { addTally, emptyTally, exitCodeOf, type Tally, tallyLine } from './tally.ts'
import type { TapTest } from './tap.ts'
import { pickFiles, sourceOf, testFiles } from './test-files.ts'

const RINGS = ['unit', 'kernel'] as const

/** Seconds that a ring may take; a hung run is killed then. */
const TIMEOUTS = { unit: 1800, kernel: 3600 } as const

interface Options {
  readonly rings: readonly (typeof RINGS)[number][]
  readonly backends: readonly Backend[]
  readonly timeout: number | undefined
  readonly patterns: readonly string[]
  readonly avaArguments: readonly string[]
}

function parseOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ring: { type: 'string' },
      backend: { type: 'string' },
      timeout: { type: 'string' },
      match: { type: 'string', short: 'm', multiple: true },
    },
  })
  return {
    rings: oneOf('ring', RINGS, values.ring),
    backends: oneOf('backend', BACKENDS, values.backend),
    timeout: values.timeout === undefined ? undefined : seconds(values.timeout),
    patterns: positionals,
    avaArguments: (values.match ?? []).map(title => `--match=${title}`),
  }
}

function oneOf<T extends string>(
  option: string,
  all: readonly T[],
  wanted: string | undefined,
): readonly T[] {
  if (wanted === undefined) return all
  const found = all.filter(each => each === wanted)
  if (found.length === 0) throw new RangeError(`--${option} must be one of ${all.join(', ')}, not ${wanted}`)
  return found
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new RangeError(`--timeout must be a number of seconds, not ${text}`)
  return value
}

/** Runs one part and prints its heading and summary. */
async function part(name: string, run: () => Promise<Tally> | Tally): Promise<Tally> {
  console.log(name)
  const started = Date.now()
  const tally = await run()
  console.log(`${name}: ${tallyLine(tally)} (${Math.round((Date.now() - started) / 1000)} s)\n`)
  return tally
}

async function unitRing(options: Options): Promise<Tally> {
  const files = pickFiles(testFiles('build/test/unit'), options.patterns)
  if (files.length === 0) return emptyTally()
  return part('ring 1: unit', () =>
    runAva({ files, arguments: options.avaArguments, timeout: options.timeout ?? TIMEOUTS.unit }),
  )
}

async function kernelRing(options: Options, noNamespace: string | undefined): Promise<Tally> {
  const sum = emptyTally()
  const files = pickFiles(testFiles('build/test/kernel'), options.patterns)
  if (files.length === 0) return sum
  if (noNamespace !== undefined) {
    return part('ring 2: kernel', () => skipped('every test on the running kernel', noNamespace))
  }
  mountFileSystems()
  // Built before the first backend runs: some files test the shim whatever the backend is.
  const noShim = options.backends.includes('shim') ? missingShim() : undefined
  if (noShim !== undefined) addTally(sum, skipped('every test with the shim backend', noShim))
  const backends = options.backends.filter(each => each === 'koffi' || noShim === undefined)
  const tests: TapTest[] = []
  for (const [backend, own] of filesByBackend(files, backends)) {
    if (own.length === 0) continue
    addTally(sum, await part(`ring 2: kernel, ${backend}`, () => kernelRun(own, backend, options, tests)))
  }
  const whole = options.patterns.length === 0 && options.avaArguments.length === 0
  if (whole && options.backends.length === BACKENDS.length) keepResults(tests)
  return sum
}

/** Runs files of the kernel ring with a backend, and adds the tests to a list. */
async function kernelRun(
  files: readonly string[],
  backend: Backend,
  options: Options,
  tests: TapTest[],
): Promise<Tally> {
  const pace = new Pace()
  const tally = await runAva({
    files,
    // Tests look at what the whole kernel holds, so one file runs at a time.
    arguments: ['--concurrency=1', ...options.avaArguments],
    timeout: options.timeout ?? TIMEOUTS.kernel,
    env: { EBPF_TS_BACKEND: backend },
    onTest: test => {
      pace.step(test)
      tests.push(test)
    },
  })
  console.log(`  ${slowestFiles(pace.times)}`)
  return tally
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error((error as Error).message)
    return 2
  }
  const noNamespace = missingNamespace()
  const inside = noNamespace === undefined && options.rings.includes('kernel') ? enterNamespace() : undefined
  if (inside !== undefined) return inside

  const chosen = options.rings.flatMap(ring => pickFiles(testFiles(`build/test/${ring}`), options.patterns))
  if (usesPackage(chosen.map(sourceOf))) buildPackage()

  const total = emptyTally()
  if (options.rings.includes('unit')) addTally(total, await unitRing(options))
  if (options.rings.includes('kernel')) addTally(total, await kernelRing(options, noNamespace))
  if (total.passed + total.failed === 0) console.log('No test ran')
  console.log(tallyLine(total))
  return exitCodeOf(total)
}

process.exitCode = await main()
