/**
 * Compares `ebpf-ts bench probes` with its twin in C over libbpf: rounds of both in turn, in one boot. The ratios
 * between variants should agree, whatever the machine; where they do not, one of the two measures something else.
 *
 *     npm run --silent build:test && node build/bench/probes/compare.js [--kernel NAME] [--rounds N] [--repeat N]
 *
 * Without `--kernel` it runs on this kernel, as root; with it in a guest of the matrix. It needs clang, a C compiler and
 * libbpf-dev. The exit code is 1 when hits were wrong, or the bodies are not the same.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import {
  type BenchProbesOptions,
  benchProbes,
  costOf,
  measuredProbes,
  measuredRows,
  quantile,
  type Sample,
  summarize,
} from '../../src/bench/index.ts'
import { align, formatNanoseconds } from '../../src/bench/report.ts'
import { Helper } from '../../src/bench/user-space.ts'
import { Workload } from '../../src/bench/workload.ts'
import { runInGuest } from '../../test/vm/boot.ts'
import { kernels, prepareKernel } from '../../test/vm/kernels.ts'
import { buildTwin, runTwin, twinVariants } from './twin.ts'

/** Seconds that a guest may take. */
const TIMEOUT = 1800
/** Calls of the helper for each run of the driver: a uprobe is dearer than other probes, a run is 100 calls. */
const HELPER_CALLS = 10
/** By how much the ratios may differ. */
const AGREEMENT = 0.1

interface Options {
  readonly rounds: number
  readonly repeat: number
}

/** Samples by row: ours, or the twin's. */
type Samples = Map<string, Sample[]>

function add(all: Samples, name: string, sample: Sample): void {
  all.set(name, [...(all.get(name) ?? []), sample])
}

/** A round of ours. Returns the bases of the rows. */
async function ownRound(
  names: readonly string[],
  repeat: number,
  all: Samples,
): Promise<Map<string, string | null>> {
  const bases = new Map<string, string | null>()
  const isUser = (name: string): boolean => /^u(ret)?probe/.test(name)
  for (const user of [false, true]) {
    const variants = names.filter(name => isUser(name) === user)
    if (variants.length === 0) continue
    const options: BenchProbesOptions = { variants, rounds: 1, repeat: user ? repeat * HELPER_CALLS : repeat }
    const document = await benchProbes(options)
    for (const row of document.rows) {
      if (row.status === 'failed') throw new Error(`${row.name}: ${row.reason}`)
    }
    for (const { name, base, nanosecondsPerCall } of measuredRows(document)) {
      bases.set(name, base)
      add(all, name, { nanoseconds: nanosecondsPerCall[0]!, calls: 1 })
    }
  }
  return bases
}

function twinRound(
  bases: ReadonlyMap<string, string | null>,
  repeat: number,
  helper: Helper,
  all: Samples,
): string {
  const isUser = (name: string): boolean => /^u(ret)?probe|\((?:nop|push)\)$/.test(name)
  const jobs = new Map(
    Array.from(bases.keys(), name => [name, isUser(name) ? repeat * HELPER_CALLS : repeat]),
  )
  const { tag = '', samples } = runTwin(helper.path, jobs)
  for (const [name, sample] of samples) {
    const { expected, counted } = sample.hits!
    if (expected !== counted) throw new Error(`The twin's ${name} ran ${counted} times, not ${expected}`)
    add(all, name, sample)
  }
  return tag
}

/** The variants of the twin that this kernel has. */
async function present(): Promise<string[]> {
  const document = await benchProbes({ variants: twinVariants, rounds: 1, repeat: 10 })
  return measuredProbes(document).map(({ name }) => name)
}

function checkBody(twinTag: string): void {
  using workload = new Workload('counter')
  using program = workload.load('same', { type: 'kprobe' })
  const { tag } = program.info()
  console.log(`body: ${tag} here, ${twinTag} in C`)
  if (tag !== twinTag) throw new Error('The programs are not the same')
}

async function compare({ rounds, repeat }: Options): Promise<number> {
  const names = await present()
  const ours: Samples = new Map()
  const theirs: Samples = new Map()
  using helper = new Helper()
  let bases = new Map<string, string | null>()
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`round ${round} of ${rounds}\n`)
    bases = await ownRound(names, repeat, ours)
    const tag = twinRound(bases, repeat, helper, theirs)
    if (round === 1) checkBody(tag)
  }
  console.log(table(bases, ours, theirs))
  return 0
}

/** Costs of a row per hit: one sample per round, with the base of its own round subtracted. */
function costs(all: Samples, name: string, base: string): readonly number[] {
  return costOf(all.get(name) ?? [], all.get(base)).samples
}

function table(bases: ReadonlyMap<string, string | null>, ours: Samples, theirs: Samples): string {
  const probes = Array.from(bases).filter((each): each is [string, string] => each[1] !== null)
  const [reference] = probes
  if (reference === undefined) return 'nothing to compare'
  const rows: string[][] = []
  const agreements: number[] = []
  for (const [name, base] of probes) {
    const [a, b] = [ours, theirs].map(all => summarize(costs(all, name, base)))
    const [ra, rb] = [ours, theirs].map(all => ratio(all, [name, base], reference))
    const agreement = ra! / rb!
    if (name !== reference[0]) agreements.push(agreement)
    const spread = (cost: typeof a): string =>
      `${formatNanoseconds(cost!.median)} (${formatNanoseconds(cost!.lowerQuartile)} - ${formatNanoseconds(cost!.upperQuartile)})`
    rows.push([name, spread(a), spread(b), ra!.toFixed(2), rb!.toFixed(2), agreement.toFixed(2)])
  }
  const to = `to ${reference[0]}`
  const heading = ['nanoseconds per hit', 'ebpf-ts', 'C, libbpf', `ebpf-ts ${to}`, `C ${to}`, 'agreement']
  const lines = [align([heading, ...rows], ['left', 'right', 'right', 'right', 'right', 'right'])]
  if (agreements.length > 0) {
    const median = quantile(agreements, 0.5)
    const within = agreements.filter(each => Math.abs(each - 1) <= AGREEMENT).length
    lines.push(
      `median agreement ${median.toFixed(3)}; ${within} of ${agreements.length} within ${AGREEMENT * 100} %`,
    )
  }
  return lines.join('\n\n')
}

/** Median over the rounds of the ratio between two rows: what drifts from round to round cancels out. */
function ratio(all: Samples, row: readonly [string, string], reference: readonly [string, string]): number {
  const [a, b] = [costs(all, ...row), costs(all, ...reference)]
  return quantile(
    a.map((cost, i) => cost / b[i]!),
    0.5,
  )
}

async function compareInGuest(name: string, { rounds, repeat }: Options): Promise<number> {
  const choice = kernels.find(each => each.name === name)
  if (choice === undefined) throw new RangeError(`There is no kernel ${name}`)
  const command = `node build/bench/probes/compare.js --built --rounds ${rounds} --repeat ${repeat}`
  const result = await runInGuest(prepareKernel(choice), command, {
    timeout: TIMEOUT,
    // Emulation on a busy host is noisier than the differences in question.
    countInstructions: true,
    onLine: line => console.log(line),
  })
  if (result.failure !== undefined) console.error(`${result.failure}\n${result.console.join('\n')}`)
  return result.exitCode ?? 1
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kernel: { type: 'string' },
      rounds: { type: 'string', default: '10' },
      repeat: { type: 'string', default: '2000' },
      built: { type: 'boolean', default: false },
    },
  })
  const options = { rounds: Number(values.rounds), repeat: Number(values.repeat) }
  if (!values.built) buildTwin()
  return values.kernel === undefined ? compare(options) : compareInGuest(values.kernel, options)
}

process.exitCode = await main()
