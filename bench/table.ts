/**
 * The benchmark's report, for a terminal and for a page of the documentation. Pure.
 *
 * @module
 */

import { align } from '../src/bench/report.ts'
import type { BenchDocument, Judgement, MeasuredRow, Participant, Result } from './document.ts'
import type { Bar } from './rows.ts'

/** Nanoseconds in a unit that suits them: `'412 ns'`, `'5.31 ms'`. */
export function formatTime(nanoseconds: number): string {
  const units = ['ns', 'us', 'ms', 's'] as const
  let value = nanoseconds
  let unit = 0
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${units[unit]}`
}

/** What a bar asks for. */
export function formatBar(bar: Bar): string {
  switch (bar.kind) {
    case 'ratio':
      return `at most ${bar.most} x ${bar.to}`
    case 'time':
      return `${bar.of === 'ours' ? '' : `${bar.of} `}at most ${formatTime(bar.most)}`
    case 'extra':
      return `${bar.name} at most ${formatQuantity(bar.most, bar.unit)}`
  }
}

function formatQuantity(value: number, unit: string): string {
  if (unit === 'ns') return formatTime(value)
  return unit === 'bytes' ? `${(value / 1e6).toFixed(1)} MB` : `${value} ${unit}`
}

/** What was measured for a bar: from the best sweeps, then from the medians. */
export function formatJudgement({ bar, best, median, verdict }: Judgement): string {
  if (best === null || median === null) return `${formatBar(bar)}: ${verdict}`
  const show = (value: number): string => {
    if (bar.kind === 'ratio') return value.toFixed(2)
    return bar.kind === 'time' ? formatTime(value) : formatQuantity(value, bar.unit)
  }
  const figures = show(best) === show(median) ? show(best) : `${show(best)} (median ${show(median)})`
  return `${formatBar(bar)}: ${figures}, ${verdict}`
}

/** One row: a line for each contestant with its times and the ratios to them, then the bars. */
export function formatRow({ name, results, judgements }: MeasuredRow): string {
  const ours = results.ours
  const lines = Object.entries(results).map(([label, result]) => [
    `  ${label}`,
    ...cells(result, ours, label),
  ])
  const heading = [name, 'best', 'median', 'ours / it', '(median)', '']
  const table = align([heading, ...lines], ['left', 'right', 'right', 'right', 'right', 'left'])
  return [table, ...judgements.map(each => `  ${formatJudgement(each)}`)].join('\n')
}

function cells(result: Result, ours: Result | undefined, label: string): string[] {
  if (result.status !== 'measured') return ['', '', '', '', `${result.status}: ${result.reason}`]
  const { best, median, samples } = result
  const [byBest, byMedian] =
    label === 'ours' || ours?.status !== 'measured'
      ? ['', '']
      : [(ours.best / best).toFixed(2), (ours.median / median).toFixed(2)]
  const last = samples.at(-1)?.extra ?? {}
  const extra = Object.entries(last).map(([name, value]) => `${name} ${Math.round(value)}`)
  return [formatTime(best), formatTime(median), byBest, byMedian, extra.join(', ')]
}

/** The machine, who took part, and how many bars were met. */
export function formatSummary({ environment, settings, contestants, rows }: BenchDocument): string {
  const judgements = rows.flatMap(row => row.judgements)
  const count = (verdict: Judgement['verdict']): number =>
    judgements.filter(each => each.verdict === verdict).length
  const missed = rows.filter(row => row.judgements.some(each => each.verdict === 'missed'))
  return [
    `kernel       ${environment.kernel} (${environment.architecture})`,
    `CPU          ${environment.cpu ?? 'unknown'}, ${environment.virtualization ?? 'no hypervisor seen'}`,
    `Node.js      ${environment.node}`,
    `sweeps       ${settings.sweeps} of each, in turn`,
    `contestants  ${contestants.flatMap(({ name, version }) => (version === null ? [] : `${name} ${version}`)).join(', ')}`,
    ...contestants.filter(isAbsent).map(({ name, install }) => `not built    ${name}: ${install}`),
    `bars         ${count('met')} met, ${count('unclear')} unclear, ${count('missed')} missed, ${count('not measured')} not measured`,
    ...(missed.length === 0 ? [] : [`missed       ${missed.map(({ name }) => name).join(', ')}`]),
  ].join('\n')
}

function isAbsent({ version }: Participant): boolean {
  return version === null
}

/** A table in Markdown with the best sweep of each contestant. */
export function formatMarkdown({ rows }: BenchDocument): string {
  const labels = [...new Set(rows.flatMap(({ results }) => Object.keys(results)))]
  const cell = (result: Result | undefined): string =>
    result?.status === 'measured' ? formatTime(result.best) : ''
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(['row', ...labels, 'bar: result']),
    line(['---', ...labels.map(() => '---:'), '---']),
    ...rows.map(({ name, results, judgements }) =>
      line([
        `\`${name}\``,
        ...labels.map(label => cell(results[label])),
        judgements.map(formatJudgement).join('<br>'),
      ]),
    ),
  ].join('\n')
}
