/**
 * What a run of the benchmark is written down as. Pure.
 *
 * @module
 */

import type { Environment } from '../src/bench/environment.ts'
import { summarize } from '../src/bench/statistics.ts'
import type { Answer, Sample } from './protocol.ts'
import type { Bar, Row } from './rows.ts'

/** Version of the form of this document: greater when a member changes its meaning or goes. */
export const DOCUMENT_VERSION = 1

/** How a contestant did in a row. */
export type Result =
  | {
      readonly status: 'measured'
      readonly samples: readonly Sample[]
      readonly median: number
      readonly best: number
    }
  | { readonly status: 'skipped'; readonly reason: string }
  | { readonly status: 'failed'; readonly reason: string }

/** A bar and what was measured for it. */
export interface Judgement {
  readonly bar: Bar
  /** Ratio, nanoseconds or the unit of the bar, from the medians; `null` when it was not measured. */
  readonly median: number | null
  /** The same from the best sweeps. */
  readonly best: number | null
  /** `'unclear'`: the median and the best disagree, which on a quiet machine they do not. */
  readonly verdict: 'met' | 'unclear' | 'missed' | 'not measured'
}

/** A row of the document. */
export interface MeasuredRow extends Pick<Row, 'name' | 'operation' | 'mode'> {
  /** By contestant, `NAME-VARIANT` for a second way. */
  readonly results: Readonly<Record<string, Result>>
  readonly judgements: readonly Judgement[]
}

/** A peer as it took part. */
export interface Participant {
  readonly name: string
  /** Of its library; `null` when it is not installed. */
  readonly version: string | null
  /** What would install it. */
  readonly install: string | null
}

/** The whole. */
export interface BenchDocument {
  readonly version: number
  readonly date: string
  readonly environment: Environment
  readonly settings: { readonly sweeps: number; readonly seconds: number }
  readonly contestants: readonly Participant[]
  readonly rows: readonly MeasuredRow[]
}

/** The result of a contestant's answers in a row: the first that is not a sample decides. */
export function resultOf(answers: readonly Answer[]): Result {
  const samples: Sample[] = []
  for (const answer of answers) {
    if ('skip' in answer) return { status: 'skipped', reason: answer.skip }
    if ('error' in answer) return { status: 'failed', reason: answer.error }
    const { ns, ops, extra } = answer
    samples.push(extra === undefined ? { ns, ops } : { ns, ops, extra })
  }
  if (samples.length === 0) return { status: 'skipped', reason: 'there was no sweep' }
  const { median, least } = summarize(samples.map(({ ns }) => ns))
  return { status: 'measured', samples, median, best: least }
}

/** Compares what was measured with a bar. */
export function judge(bar: Bar, results: Readonly<Record<string, Result>>): Judgement {
  const figures = figuresOf(bar, results)
  if (figures === undefined) return { bar, median: null, best: null, verdict: 'not measured' }
  const [median, best] = figures
  const met = [median, best].filter(each => each <= bar.most).length
  return { bar, median, best, verdict: met === 2 ? 'met' : met === 1 ? 'unclear' : 'missed' }
}

function figuresOf(bar: Bar, results: Readonly<Record<string, Result>>): [number, number] | undefined {
  const whose = bar.kind === 'time' ? bar.of : 'ours'
  const ours = results[whose]
  if (ours?.status !== 'measured') return undefined
  switch (bar.kind) {
    case 'time':
      return [ours.median, ours.best]
    case 'ratio': {
      const other = results[bar.to]
      if (other?.status !== 'measured') return undefined
      return [ours.median / other.median, ours.best / other.best]
    }
    case 'extra': {
      const values = ours.samples.flatMap(({ extra }) => extra?.[bar.name] ?? [])
      if (values.length === 0) return undefined
      const { median, least } = summarize(values)
      return [median, least]
    }
  }
}
