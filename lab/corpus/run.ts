/**
 * Compares the library with other tools over a corpus of real objects, and prints how far they agree.
 *
 *     npm run corpus [-- [--kernel NAME]... [--agents] [--only PART]]
 *
 * The corpus is fetched and compiled below `.cache/corpus`, once. What is in the objects is compared with llvm-readelf,
 * llvm-objdump and bpftool; then every program is loaded alone by the library and by a twin in C over libbpf, on this
 * kernel or in guests with kernels of the matrix. Fails when they differ otherwise than `known.ts` says. Needs root,
 * Debian's archive and a C compiler.
 *
 * `--agents` takes objects that other projects ship, in packages and Go modules, and needs no compilers; it leaves out the
 * comparison with tools. `--only` takes objects whose path has PART in it, and leaves out the comparison with tools.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { release } from 'node:os'
import { parseArgs } from 'node:util'
import { tallyLine } from '../test-runner/tally.ts'
import { runInGuest } from '../vm/boot.ts'
import { kernels, prepareKernel } from '../vm/kernels.ts'
import type { CheckLine } from './check.ts'
import { type Counts, type Difference, emptyCounts } from './compare.ts'
import { causeOf } from './known.ts'
import { type Corpus, type CorpusName, objectsDirectory, prepareCorpus } from './objects.ts'
import { compareTools, type ToolReport } from './tools.ts'
import { buildTwin, TWIN } from './twin.ts'

/** Seconds that a guest may take: it emulates a processor. */
const TIMEOUT = 5400
const CHECK = 'build/lab/corpus/check.js'
/** What is shown of a difference's text. */
const TEXT = 300

/** What came of one kernel. */
interface KernelResult {
  readonly name: string
  readonly counts: Counts
  readonly differences: readonly Difference[]
  /** Why the comparison did not get to its end. */
  readonly failure: string | undefined
}

async function checkInGuest(name: string, corpus: CorpusName, part: string): Promise<KernelResult> {
  const choice = kernels.find(each => each.name === name)
  if (choice === undefined || choice.arch !== 'x64') {
    const names = kernels.filter(each => each.arch === 'x64').map(each => each.name)
    throw new RangeError(`Kernel ${name} has no twin: expected one of ${names.join(', ')}`)
  }
  const kernel = prepareKernel(choice)
  console.log(`booting ${kernel.release}`)
  const command = `node ${CHECK} ${corpus} '${part}'`
  const {
    output,
    failure,
    exitCode,
    console: last,
  } = await runInGuest(kernel, command, {
    timeout: TIMEOUT,
    files: [objectsDirectory(corpus), TWIN],
  })
  const reason = failure ?? (exitCode === 0 ? undefined : `exit code ${exitCode}`)
  return readCheck(kernel.release, output, reason === undefined ? undefined : `${reason}: ${last.join('\n')}`)
}

function checkHere(corpus: CorpusName, part: string): KernelResult {
  const { stdout, status } = spawnSync(process.execPath, [CHECK, corpus, part], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return readCheck(release(), stdout.split('\n'), status === 0 ? undefined : `exit code ${status}`)
}

function readCheck(name: string, output: readonly string[], failure: string | undefined): KernelResult {
  const differences: Difference[] = []
  let counts: Counts | undefined
  for (const line of output) {
    if (!line.startsWith('{')) continue
    const entry = JSON.parse(line) as CheckLine
    if ('counts' in entry) counts = entry.counts
    else differences.push(entry.difference)
  }
  const reason = failure ?? (counts === undefined ? 'it said nothing' : undefined)
  return {
    name,
    counts: counts ?? emptyCounts(),
    differences,
    failure: reason,
  }
}

function printCorpus({ objects, versions, failures }: Corpus): void {
  const origins = new Map<string, number>()
  for (const path of objects) {
    const origin = path.slice(0, path.indexOf('/'))
    origins.set(origin, (origins.get(origin) ?? 0) + 1)
  }
  for (const [origin, count] of origins)
    console.log(`${String(count).padStart(5)}  ${origin} ${versions[origin] ?? ''}`.trimEnd())
  console.log(`${String(objects.length).padStart(5)}  objects`)
  for (const { what, reason } of failures) console.log(`  not made: ${what}: ${reason.slice(0, TEXT)}`)
}

function printTools({ compared, differences, withoutSkeleton }: ToolReport): void {
  for (const [tool, count] of Object.entries(compared)) {
    const differing = differences.filter(each => each.tool === tool).length
    console.log(`${tool}: ${count} facts, ${percent(count - differing, count)} agree`)
  }
  console.log(`bpftool makes no skeleton of ${withoutSkeleton} objects`)
  for (const { object, tool, what } of differences) console.log(`  FAILED ${object}: ${tool}: ${what}`)
}

/** Prints what is meant to differ as a count per cause, and all else; returns how much else there is. */
function printKernel({ name, counts, differences, failure }: KernelResult): number {
  const { objects, readable, programs, loaded, sameVerdict, sameProcessed, sameTag } = counts
  console.log(
    `\n${name}: ${objects} objects, ${readable} read by both, ${programs} programs, ${loaded} loaded`,
  )
  console.log(
    `  verdict ${percent(sameVerdict, programs)}, instructions ${percent(sameProcessed, programs)}, tag ${percent(sameTag, programs)}`,
  )
  const causes = new Map<string, number>()
  let unknown = 0
  for (const difference of differences) {
    const cause = causeOf(difference)
    if (cause !== undefined) {
      causes.set(cause, (causes.get(cause) ?? 0) + 1)
      continue
    }
    unknown++
    const { object, about, name: thing, fields, ours, twins } = difference
    console.log(`  FAILED ${object}: ${about} ${thing}: ${fields.join(', ')}`)
    for (const [who, fact] of [
      ['ours', ours],
      ["libbpf's", twins],
    ] as const)
      console.log(`    ${who}: ${fact === undefined ? 'nothing' : text(fact)}`)
  }
  for (const [cause, count] of causes) console.log(`  ${count} meant: ${cause}`)
  if (failure !== undefined) console.log(`  FAILED ${failure}`)
  return unknown + (failure === undefined ? 0 : 1)
}

function text({ message, ...facts }: Readonly<Record<string, unknown>>): string {
  const said = typeof message === 'string' ? message.trim().split('\n').slice(-4).join(' | ') : ''
  return `${JSON.stringify(facts)} ${said.slice(-TEXT)}`.trimEnd()
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(2)} %`
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kernel: { type: 'string', multiple: true },
      agents: { type: 'boolean' },
      only: { type: 'string' },
    },
  })
  const { agents = false, only = '' } = values
  const which = agents ? 'agents' : 'objects'
  const corpus = prepareCorpus(which, line => console.log(line))
  printCorpus(corpus)
  console.log(`libbpf ${buildTwin()}\n`)
  let [passed, failed] = [0, 0]
  if (only === '' && !agents) {
    const report = compareTools(corpus.objects)
    printTools(report)
    passed += Object.values(report.compared).reduce((sum, each) => sum + each) - report.differences.length
    failed += report.differences.length
  }
  for (const name of values.kernel ?? [undefined]) {
    const result = name === undefined ? checkHere(which, only) : await checkInGuest(name, which, only)
    const unknown = printKernel(result)
    passed += result.counts.programs
    failed += unknown
  }
  console.log(`\n${tallyLine({ passed, failed, skipped: 0 })}`)
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
