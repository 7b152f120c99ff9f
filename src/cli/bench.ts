/**
 * `ebpf-ts bench`: measurements of the running kernel.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import {
  ATTACH_COUNTS,
  type BodyName,
  benchProbes,
  bodies,
  chartSvg,
  formatComparison,
  formatReport,
  listVariants,
  measuredProbes,
  type ProbesDocument,
  parseProbesDocument,
  spoilers,
} from '../bench/index.ts'
import { type Command, parseCommandLine, parseCount, UsageError } from './command.ts'
import { stopSignal } from './stop.ts'

const help = `Usage: ebpf-ts bench probes [--body NAME] [--variant NAME...] [--rounds N] [--time MS]
                            [--attach-times] [--json] [--svg FILE]
       ebpf-ts bench probes --compare A.json B.json

Measures what a probe costs on this kernel: the same program attached in every way
that the kernel has, to a function that a driver calls a fixed number of times, timed
by the kernel; uprobes on a helper program that times itself. Prints a table.
Progress goes to standard error, and before it what would spoil the result. Needs root.

  --body NAME       what the programs do: ${Object.keys(bodies).join(', ')} (default: counter)
  --variant NAME    only these variants; may be repeated, or separated by commas
  --rounds N        interleaved rounds (default: 10)
  --time MS         milliseconds that one sample takes (default: 50)
  --attach-times    also how long it takes to attach to ${ATTACH_COUNTS.join(', ')} functions
  --json            print every sample and the environment as JSON
  --svg FILE        also draw a bar chart
  --compare         compare two files that were written with --json

Variants in the kernel: ${wrap(namesOf('kernel'))}
Variants in user space: ${wrap(namesOf('user'))}

Exit code: 0 done (what the kernel lacks is listed, with the reason), 1 when a
measurement failed or nothing could be measured, 2 on wrong use.
`

/** `ebpf-ts bench`. */
export const bench: Command = {
  help,
  run(args) {
    const [what, ...rest] = args
    if (what !== 'probes') throw new UsageError('say what to measure: probes')
    return benchProbesCommand(rest)
  },
}

async function benchProbesCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    body: { type: 'string' },
    variant: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    time: { type: 'string' },
    'attach-times': { type: 'boolean' },
    json: { type: 'boolean' },
    svg: { type: 'string' },
    compare: { type: 'boolean' },
  })
  if (values.compare === true) return compare(positionals, values)
  if (positionals.length > 0) throw new UsageError(`what is ${JSON.stringify(positionals[0])}?`)
  const rounds = parseCount(values.rounds, '--rounds')
  const milliseconds = parseCount(values.time, '--time')
  const progress = reportProgress()
  const chosen = values.variant?.flatMap(each => each.split(','))
  const signal = stopSignal()
  let document: ProbesDocument
  try {
    document = await benchProbes({
      ...(values.body === undefined ? {} : { body: parseBody(values.body) }),
      ...(chosen === undefined ? {} : { variants: chosen.map(parseVariant) }),
      ...(rounds === undefined ? {} : { rounds }),
      ...(milliseconds === undefined ? {} : { milliseconds }),
      attachTimes: values['attach-times'] === true,
      onEnvironment: environment => {
        for (const each of spoilers(environment)) process.stderr.write(`ebpf-ts bench: ${each}\n`)
      },
      onProgress: progress.onProgress,
      signal,
    })
  } catch (error) {
    if (error !== signal.reason) throw error
    process.stderr.write('stopped\n')
    return 1
  } finally {
    progress.end()
  }
  // The chart last: a file that cannot be written costs no measurement.
  process.stdout.write(
    values.json === true ? `${JSON.stringify(document, null, 2)}\n` : formatReport(document),
  )
  const measured = measuredProbes(document).length > 0
  if (values.svg !== undefined && measured) writeFileSync(values.svg, chartSvg(document))
  return measured && document.rows.every(({ status }) => status !== 'failed') ? 0 : 1
}

function compare(paths: readonly string[], others: Readonly<Record<string, unknown>>): number {
  const [first, second, ...extra] = paths
  if (first === undefined || second === undefined || extra.length > 0) {
    throw new UsageError('--compare needs two files')
  }
  const unfit = Object.keys(others).find(name => name !== 'compare')
  if (unfit !== undefined) throw new UsageError(`--compare measures nothing, so there is no --${unfit}`)
  process.stdout.write(formatComparison(readDocument(first), readDocument(second)))
  return 0
}

function readDocument(path: string): ProbesDocument {
  return parseProbesDocument(readFileSync(path, 'utf8'), path)
}

function parseBody(name: string): BodyName {
  const body = Object.values(bodies).find(each => each.name === name)
  if (body === undefined) {
    throw new UsageError(
      `there is no body ${JSON.stringify(name)}; there are ${Object.keys(bodies).join(', ')}`,
    )
  }
  return body.name
}

function parseVariant(name: string): string {
  if (listVariants().some(each => each.name === name)) return name
  throw new UsageError(`there is no variant ${JSON.stringify(name)}; 'ebpf-ts bench --help' lists them`)
}

/** On a terminal progress is one line that changes; in a file it is one line per step. */
function reportProgress(): { onProgress: (step: string, detail: string) => void; end: () => void } {
  const { isTTY } = process.stderr
  let last: string | undefined
  return {
    onProgress: (step, detail) => {
      if (isTTY) process.stderr.write(`\r\u001b[K${step}: ${detail}`)
      else if (step !== last) process.stderr.write(`${step}\n`)
      last = step
    },
    end: () => {
      if (isTTY) process.stderr.write('\r\u001b[K')
    },
  }
}

function namesOf(space: 'kernel' | 'user'): string[] {
  return listVariants().flatMap(each => (each.space === space ? [each.name] : []))
}

/** Breaks a list into lines that are indented. */
function wrap(names: readonly string[]): string {
  const lines = ['']
  for (const [i, name] of names.entries()) {
    const word = i === names.length - 1 ? name : `${name}, `
    if (lines.at(-1)!.length + word.length > 76) lines.push('')
    lines[lines.length - 1] += word
  }
  return lines.map(line => `\n  ${line.trimEnd()}`).join('')
}
