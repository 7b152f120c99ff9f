/**
 * Measures the hot paths of ebpf-ts, with its peers beside them.
 *
 *     npm run bench [-- [--row PATTERN]... [--peer NAME]... [--sweeps N] [--quick] [--json | --markdown] [--kernel NAME]]
 *
 * It needs root. Peers are built by `bench/peers/NAME/build.sh build/bench/peers`; those in C are built when there is a
 * compiler. The exit code is 1 when a row failed; missed bars are no failure.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { runInGuest } from '../lab/vm/boot.ts'
import { kernels, prepareKernel } from '../lab/vm/kernels.ts'
import { readEnvironment } from '../src/bench/environment.ts'
import { PEERS, pickContestants } from './contestants.ts'
import { type BenchDocument, DOCUMENT_VERSION, type MeasuredRow } from './document.ts'
import { measureRow, meet } from './harness.ts'
import { pickRows } from './rows.ts'
import { formatMarkdown, formatRow, formatSummary } from './table.ts'

const help = `Usage: npm run bench [-- OPTIONS]

  --row PATTERN   only these rows, * stands for anything; may be repeated
  --peer NAME     only these peers; may be repeated
  --sweeps N      sweeps of each contestant that count (default: 7)
  --seconds N     seconds of rows that are measured once (default: 60)
  --quick         the same as --seconds 5
  --json          one document with every sample and the environment
  --markdown      a table for a page
  --kernel NAME   in a guest of the matrix with this kernel; all is emulated there
`

/** Builds the peers in C, which takes a second; says why when it cannot. */
function buildTwins(): void {
  const { status, stderr, error } = spawnSync('bench/peers/c/build.sh', [PEERS], { encoding: 'utf8' })
  if (status !== 0) console.error(`The peers in C were not built: ${error?.message ?? stderr}`)
}

/** Seconds that a guest may take. */
const GUEST_TIMEOUT = 3600

/** The same in a guest. */
async function runThere(name: string, args: readonly string[]): Promise<number> {
  const choice = kernels.find(each => each.name === name)
  if (choice === undefined) throw new RangeError(`Unknown kernel ${name}`)
  const quoted = args.map(each => `'${each.replaceAll("'", `'\\''`)}'`)
  const result = await runInGuest(prepareKernel(choice), `node build/bench/main.js ${quoted.join(' ')}`, {
    timeout: GUEST_TIMEOUT,
    onLine: line => console.log(line),
  })
  if (result.failure !== undefined) console.error(`${result.failure}\n${result.console.join('\n')}`)
  return result.exitCode ?? 1
}

function positive(text: string, option: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new RangeError(`${option} needs a positive number, not ${text}`)
  return Number(text)
}

/** What a guest is asked for: the same, with what was built here. */
function guestArguments(values: Readonly<Record<string, string | boolean | readonly string[]>>): string[] {
  return Object.entries({ ...values, kernel: false, built: true }).flatMap(([name, value]) => {
    if (typeof value === 'boolean') return value ? [`--${name}`] : []
    return [value].flat().flatMap(each => [`--${name}`, each])
  })
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      row: { type: 'string', multiple: true, default: [] },
      peer: { type: 'string', multiple: true, default: [] },
      sweeps: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '60' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      kernel: { type: 'string' },
      built: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    return 0
  }
  const chosen = pickRows(values.row)
  const invited = pickContestants(values.peer)
  const settings = {
    sweeps: positive(values.sweeps, '--sweeps'),
    seconds: values.quick ? 5 : positive(values.seconds, '--seconds'),
  }
  if (!values.built) buildTwins()
  if (values.kernel !== undefined) return await runThere(values.kernel, guestArguments(values))
  const { present, participants } = await meet(invited)
  const measured: MeasuredRow[] = []
  for (const row of chosen) {
    process.stderr.write(`${row.name}\n`)
    const result = await measureRow(row, present, settings)
    measured.push(result)
    if (!values.json && !values.markdown) console.log(`${formatRow(result)}\n`)
  }
  const document: BenchDocument = {
    version: DOCUMENT_VERSION,
    date: new Date().toISOString(),
    environment: readEnvironment(),
    settings,
    contestants: participants,
    rows: measured,
  }
  if (values.json) console.log(JSON.stringify(document, null, 2))
  else if (values.markdown) console.log(formatMarkdown(document))
  else console.log(formatSummary(document))
  const failed = measured.some(({ results }) =>
    Object.values(results).some(({ status }) => status === 'failed'),
  )
  return failed ? 1 : 0
}

process.exitCode = await main()
