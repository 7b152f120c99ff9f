/**
 * Tables for terminals.
 *
 * @module
 */

import { printable } from '../../base/index.ts'
import { type Span, styled, textOf, withText } from './span.ts'
import { columnsOf, cut } from './width.ts'

/** A column of a table. */
export interface Column {
  readonly title: string
  /** Numbers, flush right and never cut: half a number is a wrong number. Default: false. */
  readonly number?: boolean
}

/** What stands in a cell. */
export type Cell = Span | number | bigint

/** Between two columns. */
const GAP = '  '
/** Columns of text are cut to no fewer characters. */
const NARROWEST = 8

/**
 * Lays out a table. Where it is wider than the terminal, the widest columns of text are cut; where that does not help,
 * each row becomes a block of lines with a title and a value.
 *
 * @param width columns of the terminal; `undefined` for files and pipes, where nothing is cut
 * @returns the lines, as pieces
 */
export function layoutTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number | undefined,
): Span[][] {
  const spans = rows.map(row => row.map(cell => (typeof cell === 'object' ? cell : String(cell))))
  const wanted = columns.map(({ title }) => columnsOf(printable(title)))
  for (const row of spans) {
    for (const [i, cell] of row.entries())
      wanted[i] = Math.max(wanted[i]!, columnsOf(printable(textOf(cell))))
  }
  const widths = fitWidths(columns, wanted, width)
  if (widths === undefined) return blocks(columns, spans)
  const heading = columns.map(({ title }) => styled('bold', title))
  return [heading, ...spans].map(row => line(columns, row, widths))
}

/** Widths that fit the terminal; `undefined` when no widths do. */
function fitWidths(
  columns: readonly Column[],
  wanted: readonly number[],
  width = Number.POSITIVE_INFINITY,
): number[] | undefined {
  const widths = [...wanted]
  let excess = widths.reduce((sum, each) => sum + each, GAP.length * (columns.length - 1)) - width
  while (excess > 0) {
    let widest = -1
    for (const [i, { number }] of columns.entries()) {
      if (number !== true && widths[i]! > NARROWEST && widths[i]! > (widths[widest] ?? 0)) widest = i
    }
    if (widest === -1) return undefined
    widths[widest]!--
    excess--
  }
  return widths
}

function line(columns: readonly Column[], row: readonly Span[], widths: readonly number[]): Span[] {
  const spans: Span[] = []
  for (const [i, cell] of row.entries()) {
    const text = cut(textOf(cell), widths[i]!)
    const padding = ' '.repeat(widths[i]! - columnsOf(text))
    const isLast = i === row.length - 1
    if (columns[i]!.number === true) spans.push(padding, withText(cell, text))
    else spans.push(withText(cell, text), isLast ? '' : padding)
    if (!isLast) spans.push(GAP)
  }
  return trimmed(spans)
}

/** Without spaces at the end, where the last cells are empty. */
function trimmed(spans: Span[]): Span[] {
  while (spans.length > 0 && textOf(spans.at(-1)!).trim() === '') spans.pop()
  return spans
}

function blocks(columns: readonly Column[], rows: readonly (readonly Span[])[]): Span[][] {
  const titleWidth = Math.max(...columns.map(({ title }) => columnsOf(printable(title))))
  return rows.flatMap((row, number) => [
    ...(number === 0 ? [] : [[]]),
    ...row.map((cell, i) =>
      trimmed([
        styled('bold', columns[i]!.title),
        ' '.repeat(titleWidth - columnsOf(printable(columns[i]!.title))),
        GAP,
        cell,
      ]),
    ),
  ])
}
