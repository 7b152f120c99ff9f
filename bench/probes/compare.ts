/**
 * Compares `ebpf-ts bench probes` with its twin in C over libbpf: rounds of both in turn, in one boot. The ratios
 * between variants should agree, whatever the machine; where they do not, one of the two measures something else.
 *
 *     npm run --silent build:test && node build/bench/probes/compare.js [--kernel NAME] [--rounds N] [--repeat N]
 *
 * Without `--kernel` it runs on this kernel, as root; with it in a guest of the matrix. It needs clang, a C compiler and
 * libbpf-dev. The exit code is 1 when hits were wrong, the bodies are not the same, or the ratios do not agree
 * within a tenth in the median.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { runInGuest } from '../../lab/vm/boot.ts'
import { kernels, prepareKernel } from '../../lab/vm/kernels.ts'
import { type MeasuredRow, measuredProbes, measuredRows, type Space } from '../../src/bench/document.ts'
import { benchProbes } from '../../src/bench/probes.ts'
import { align, formatNanoseconds } from '../../src/bench/report.ts'
import { costOf, type Sample } from '../../src/bench/rounds.ts'
import { quantile, type Summary, summarize } from '../../src/bench/statistics.ts'
import { Helper } from '../../src/bench/user-space.ts'
import { Workload } from '../../src/bench/workload.ts'
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

/** How often a row is repeated. */
function repeatsOf(space: Space, repeat: number): number {
  return space === 'user' ? repeat * HELPER_CALLS : repeat
}

/** A round of ours. Returns its rows, by name. */
async function ownRound(
  probes: readonly MeasuredRow[],
  repeat: number,
  all: Samples,
): Promise<Map<string, MeasuredRow>> {
  const rows = new Map<string, MeasuredRow>()
  for (const space of ['kernel', 'user'] as const) {
    const variants = probes.filter(row => row.space === space).map(({ name }) => name)
    if (variants.length === 0) continue
    const document = await benchProbes({ variants, rounds: 1, repeat: repeatsOf(space, repeat) })
    for (const row of document.rows) {
      if (row.status === 'failed') throw new Error(`${row.name}: ${row.reason}`)
    }
    for (const row of measuredRows(document)) {
      rows.set(row.name, row)
      add(all, row.name, { nanoseconds: row.nanosecondsPerCall[0]!, calls: 1 })
    }
  }
  return rows
}

function twinRound(
  rows: ReadonlyMap<string, MeasuredRow>,
  repeat: number,
  helper: Helper,
  all: Samples,
): string {
  const jobs = new Map(Array.from(rows.values(), ({ name, space }) => [name, repeatsOf(space, repeat)]))
  const { tag = '', samples } = runTwin(helper.path, jobs)
  for (const [name, sample] of samples) {
    const { expected, counted } = sample.hits!
    if (expected !== counted) throw new Error(`The twin's ${name} ran ${counted} times, not ${expected}`)
    add(all, name, sample)
  }
  return tag
}

/** The variants of the twin that this kernel has. */
async function present(): Promise<MeasuredRow[]> {
  return measuredProbes(await benchProbes({ variants: twinVariants, rounds: 1, repeat: 10 }))
}

function checkBody(twinTag: string): void {
  using workload = new Workload('counter')
  using program = workload.load('same', { type: 'kprobe' })
  const { tag } = program.info()
  console.log(`body: ${tag} here, ${twinTag} in C`)
  if (tag !== twinTag) throw new Error('The programs are not the same')
}

async function compare({ rounds, repeat }: Options): Promise<number> {
  const probes = await present()
  const [reference] = probes
  if (reference === undefined) throw new Error('There is nothing to compare on this kernel')
  const ours: Samples = new Map()
  const theirs: Samples = new Map()
  using helper = new Helper()
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`round ${round} of ${rounds}\n`)
    const rows = await ownRound(probes, repeat, ours)
    const tag = twinRound(rows, repeat, helper, theirs)
    if (round === 1) checkBody(tag)
  }
  const rows = probes.map(row => compareRow(row, reference, ours, theirs))
  console.log(table(rows, reference.name))
  const agreements = rows.flatMap(({ name, agreement }) => (name === reference.name ? [] : [agreement]))
  if (agreements.length === 0) return 0
  const median = quantile(agreements, 0.5)
  const within = agreements.filter(agrees).length
  console.log(
    `\nmedian agreement ${median.toFixed(3)}; ${within} of ${agreements.length} within ${AGREEMENT * 100} %`,
  )
  return agrees(median) ? 0 : 1
}

const agrees = (agreement: number): boolean => Math.abs(agreement - 1) <= AGREEMENT

/** A row of both. */
interface Comparison {
  readonly name: string
  /** Nanoseconds per hit: ours, and the twin's. */
  readonly costs: readonly [Summary, Summary]
  /** Each divided by its own reference. */
  readonly ratios: readonly [number, number]
  /** Our ratio divided by the twin's. */
  readonly agreement: number
}

function compareRow(
  row: MeasuredRow,
  reference: MeasuredRow,
  ...both: readonly [Samples, Samples]
): Comparison {
  const costsOf = (all: Samples): Summary => summarize(samplesOf(all, row))
  const ratioOf = (all: Samples): number => medianRatio(samplesOf(all, row), samplesOf(all, reference))
  const ratios = [ratioOf(both[0]), ratioOf(both[1])] as const
  return {
    name: row.name,
    costs: [costsOf(both[0]), costsOf(both[1])],
    ratios,
    agreement: ratios[0] / ratios[1],
  }
}

/** Costs of a row per hit: one sample per round, with the base of its own round subtracted. */
function samplesOf(all: Samples, { name, base }: MeasuredRow): readonly number[] {
  return costOf(all.get(name) ?? [], base === null ? undefined : all.get(base)).samples
}

/** Median over the rounds of the ratio between two rows: what drifts from round to round cancels out. */
function medianRatio(costs: readonly number[], reference: readonly number[]): number {
  const ratios = costs.map((cost, round) => cost / reference[round]!)
  return quantile(ratios, 0.5)
}

function table(rows: readonly Comparison[], reference: string): string {
  const heading = [
    'nanoseconds per hit',
    'ebpf-ts',
    'C, libbpf',
    `ebpf-ts to ${reference}`,
    `C to ${reference}`,
  ]
  const lines = rows.map(({ name, costs, ratios, agreement }) => [
    name,
    ...costs.map(formatCost),
    ...ratios.map(ratio => ratio.toFixed(2)),
    agreement.toFixed(2),
  ])
  return align([[...heading, 'agreement'], ...lines], ['left', 'right', 'right', 'right', 'right', 'right'])
}

function formatCost({ median, lowerQuartile, upperQuartile }: Summary): string {
  return `${formatNanoseconds(median)} (${formatNanoseconds(lowerQuartile)} - ${formatNanoseconds(upperQuartile)})`
}

async function compareInGuest(name: string, { rounds, repeat }: Options): Promise<number> {
  const choice = kernels.find(each => each.name === name)
  if (choice === undefined) throw new RangeError(`Unknown kernel ${name}`)
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
