/**
 * `ebpf-ts bench probes`: what each kind of probe costs on the running kernel.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { suggestion } from '../../../base/index.ts'
import {
  ATTACH_COUNTS,
  benchProbes,
  bodies,
  chartSvg,
  formatComparison,
  formatReport,
  listVariants,
  measuredProbes,
  type ProbesDocument,
  readProbesDocument,
  spoilers,
} from '../../../bench/index.ts'
import { type Command, defineCommand, type Invocation } from '../../form/command.ts'
import { choice, count, flag, type Option, text } from '../../form/option.ts'
import { asUsageError, UsageError } from '../../form/usage-error.ts'

/** Options that say how to measure, which a comparison does not. */
const measuring = {
  body: choice(
    'NAME',
    Object.values(bodies).map(({ name }) => name),
    `what the programs do: ${Object.keys(bodies).join(', ')} (default: counter)`,
  ),
  variant: variants('NAME', 'only these variants; may be repeated, or separated by commas'),
  rounds: count('N', 'interleaved rounds (default: 10)'),
  time: count('MS', 'milliseconds that one sample takes (default: 50)'),
  'attach-times': flag(`also how long it takes to attach to ${ATTACH_COUNTS.join(', ')} functions`),
  svg: text('FILE', 'also draw a bar chart'),
}

const options = { ...measuring, compare: flag('compare two files that were written with --json') }

/** `ebpf-ts bench probes`. */
export const command: Command = defineCommand({
  positionals: ['[A.json]', '[B.json]'],
  usage: ['[OPTIONS]', '--compare A.json B.json'],
  options,
  json: { form: 'document', help: 'print every sample and the environment as JSON' },
  exclusive: [...(Object.keys(measuring) as (keyof typeof measuring)[]), 'json' as const].map(
    each => ['compare', each] as const,
  ),
  description: [
    `Measures what a probe costs on this kernel: the same program attached in every way that the kernel has, to a function
    that a driver calls a fixed number of times, timed by the kernel; uprobes on a helper program that times itself.`,
    `Prints a table. Progress goes to standard error, and before it what would spoil the result. Needs root.`,
  ],
  notes: [
    { title: 'Variants in the kernel', text: namesOf('kernel') },
    { title: 'Variants in user space', text: namesOf('user') },
  ],
  examples: [
    { line: '', does: 'measure everything' },
    { line: '--variant fentry,kprobe --rounds 30', does: 'measure two variants, with more rounds' },
    { line: '--json --svg probes.svg', does: 'print every sample, and draw a chart' },
    { line: '--compare a.json b.json', does: 'compare two kernels or machines' },
  ],
  exit: {
    done: 'done (what the kernel lacks is listed, with the reason)',
    failed: 'when a measurement failed or nothing could be measured',
  },
  run(invocation) {
    const { positionals, values, out } = invocation
    const [first, second] = positionals
    if (!values.compare) {
      if (first !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(first)}`)
      return measure(invocation)
    }
    if (first === undefined || second === undefined) throw new UsageError('--compare needs two files')
    out.text(formatComparison(readProbesDocument(first), readProbesDocument(second)))
    return 0
  },
})

async function measure({
  name,
  values,
  json,
  out,
  notes,
  stop,
}: Invocation<typeof options, readonly string[]>): Promise<number> {
  const { body, variant, rounds, time, svg } = values
  const signal = stop()
  let document: ProbesDocument
  let started = false
  try {
    document = await benchProbes({
      ...(body === undefined ? {} : { body }),
      ...(variant === undefined ? {} : { variants: variant }),
      ...(rounds === undefined ? {} : { rounds }),
      ...(time === undefined ? {} : { milliseconds: time }),
      attachTimes: values['attach-times'],
      onEnvironment: environment => {
        started = true
        for (const each of spoilers(environment)) notes.line(`${name}: ${each}`)
      },
      onProgress: (step, detail) => notes.status(step, detail),
      signal,
    })
  } catch (error) {
    if (error !== signal.reason) throw started ? error : asUsageError(error)
    notes.clearStatus()
    notes.line('stopped')
    return 1
  }
  notes.clearStatus()
  // The chart last: a file that cannot be written costs no measurement.
  if (json) out.document(document)
  else out.text(formatReport(document))
  const measured = measuredProbes(document).length > 0
  if (svg !== undefined && measured) writeFileSync(svg, chartSvg(document))
  return measured && document.rows.every(({ status }) => status !== 'failed') ? 0 : 1
}

function variants(placeholder: string, help: string): Option<readonly string[] | undefined> {
  return {
    type: 'string',
    placeholder,
    help,
    read(given, name) {
      if (given.length === 0) return undefined
      const known = listVariants().map(each => each.name)
      const wanted = given.flatMap(each => each.split(','))
      const unknown = wanted.find(each => !known.includes(each))
      if (unknown !== undefined) {
        throw new UsageError(
          `${name}: no such variant: ${JSON.stringify(unknown)}${suggestion(unknown, known)}`,
        )
      }
      return wanted
    },
  }
}

function namesOf(space: 'kernel' | 'user'): string {
  return listVariants()
    .flatMap(each => (each.space === space ? [each.name] : []))
    .join(', ')
}
