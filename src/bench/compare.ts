/**
 * Two documents side by side: two kernels, two machines, or one before and after a change. Pure.
 *
 * @module
 */

import { type MeasuredRow, measuredRows, type ProbesDocument, type Row } from './document.ts'
import { align, formatNanoseconds } from './report.ts'
import type { Summary } from './statistics.ts'

/** A row of both documents. */
export interface RowComparison {
  readonly name: string
  /** Nanoseconds per hit in the first; `null` when it was not measured there. */
  readonly first: Summary | null
  /** Nanoseconds per hit in the second. */
  readonly second: Summary | null
  /** Second median divided by the first; `null` when either is missing, or the first is not above 0. */
  readonly factor: number | null
  /** Whether the quartiles overlap: then the medians may differ by chance. */
  readonly overlaps: boolean
}

/** Compares the rows of two documents by name: those of the first, then those that only the second has. */
export function compareDocuments(
  first: Pick<ProbesDocument, 'rows'>,
  second: Pick<ProbesDocument, 'rows'>,
): RowComparison[] {
  const names = new Set([...first.rows, ...second.rows].map(keyOf))
  const [before, after] = [first, second].map(
    document => new Map(measuredRows(document).map(row => [keyOf(row), row])),
  )
  return Array.from(names, key =>
    compareRows(key.slice(key.indexOf(' ') + 1), before!.get(key), after!.get(key)),
  )
}

function keyOf({ space, name }: Pick<Row, 'space' | 'name'>): string {
  return `${space} ${name}`
}

function compareRows(
  name: string,
  first: MeasuredRow | undefined,
  second: MeasuredRow | undefined,
): RowComparison {
  const [a, b] = [first?.cost ?? null, second?.cost ?? null]
  const both = a !== null && b !== null
  return {
    name,
    first: a,
    second: b,
    factor: both && a.median > 0 ? b.median / a.median : null,
    overlaps: both && a.lowerQuartile <= b.upperQuartile && b.lowerQuartile <= a.upperQuartile,
  }
}

/** Lays out a comparison as text. */
export function formatComparison(first: ProbesDocument, second: ProbesDocument): string {
  const rows = compareDocuments(first, second).map(({ name, first: a, second: b, factor, overlaps }) => [
    name,
    cell(a),
    cell(b),
    factor === null ? '' : `${factor.toFixed(2)}x`,
    overlaps ? 'quartiles overlap' : '',
  ])
  const machine = ({ environment: { kernel, cpu }, time }: ProbesDocument): string =>
    `${kernel}, ${cpu ?? 'unknown CPU'}, ${time}`
  const notes = [`A  ${machine(first)}`, `B  ${machine(second)}`]
  if (first.settings.body !== second.settings.body) {
    notes.push(
      `Mind: the programs do not do the same: ${first.settings.body} in A, ${second.settings.body} in B`,
    )
  }
  const heading = ['nanoseconds per hit', 'A', 'B', 'B / A', '']
  const sides = ['left', 'right', 'right', 'right', 'left'] as const
  return `${notes.join('\n')}\n\n${align([heading, ...rows], sides)}\n`
}

function cell(cost: Summary | null): string {
  return cost === null ? '-' : formatNanoseconds(cost.median)
}
