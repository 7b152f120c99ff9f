/**
 * The benchmark as a bar chart in SVG: medians as bars, quartiles as whiskers, readable on light and dark ground. Pure.
 *
 * @module
 */

import { xmlText } from '../base/xml.ts'
import { type MeasuredRow, measuredProbes, type ProbesDocument, type Space } from './document.ts'
import { formatNanoseconds, rowLabel } from './report.ts'

const WIDTH = 900
/** Least place for the names of the variants. */
const LEFT = 255
const RIGHT = 130
const TOP = 78
const ROW_HEIGHT = 26
const BAR_HEIGHT = 16
const AXIS_HEIGHT = 52
const CHART_GAP = 30
/** Greatest width of a character of a label, on average. */
const CHARACTER_WIDTH = 7.5
/** Most lines of the grid, apart from 0. */
const MAX_TICKS = 6

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-size: 17px; font-weight: 600 }
    .minor { font-size: 12px; fill: #57606a }
    .ground { fill: #ffffff }
    .bar { fill: #3b76c4 }
    .grid { stroke: #d0d7de }
    .whisker { stroke: #1f2328; stroke-width: 1.5; fill: none }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .minor { fill: #9198a1 }
      .ground { fill: #0d1117 }
      .bar { fill: #3f7fcf }
      .grid { stroke: #3d444d }
      .whisker { stroke: #e6edf3 }
    }
  `

const AXES: Readonly<Record<Space, string>> = {
  kernel: 'nanoseconds per hit in the kernel',
  user: 'nanoseconds per hit in user space',
}

/**
 * Draws the measured variants, those of the kernel and those of user space on scales of their own.
 *
 * @throws RangeError when nothing was measured
 */
export function chartSvg(document: ProbesDocument): string {
  const probes = measuredProbes(document)
  if (probes.length === 0) throw new RangeError('Cannot draw a chart: no variant was measured')
  const parts: string[] = []
  const left = Math.max(LEFT, ...probes.map(row => rowLabel(row).length * CHARACTER_WIDTH + 20))
  let y = TOP
  for (const space of ['kernel', 'user'] as const) {
    const rows = probes.filter(row => row.space === space)
    if (rows.length === 0) continue
    parts.push(...chart(rows, AXES[space], y, left))
    y += rows.length * ROW_HEIGHT + AXIS_HEIGHT + CHART_GAP
  }
  const height = y - CHART_GAP
  const { environment, settings } = document
  const title = `What a probe costs: body '${settings.body}'`
  const machine = [environment.kernel.split(' ')[0], environment.cpu, environment.virtualization].filter(
    each => each !== null,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${xmlText(title)}">`,
    `  <style>${STYLE}</style>`,
    `  <rect class="ground" width="${WIDTH}" height="${height}"/>`,
    text(20, 30, 'title', title),
    text(20, 50, 'minor', machine.join(', ')),
    text(
      20,
      67,
      'minor',
      `median and quartiles of ${settings.rounds} interleaved rounds, cost of the bare call subtracted${hasRatios(probes) ? '; in brackets the ratio to fentry' : ''}`,
    ),
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function hasRatios(rows: readonly MeasuredRow[]): boolean {
  return rows.some(({ ratioToFentry }) => ratioToFentry !== null)
}

function chart(rows: readonly MeasuredRow[], axis: string, top: number, left: number): string[] {
  const greatest = Math.max(...rows.map(({ cost }) => Math.max(cost.median, cost.upperQuartile)), 1)
  const step = tickStep(greatest)
  const end = Math.ceil(greatest / step) * step
  const width = WIDTH - left - RIGHT
  const x = (value: number): number => round(left + (Math.max(value, 0) / end) * width)
  const bottom = top + rows.length * ROW_HEIGHT
  const parts: string[] = []
  for (let i = 0; i * step <= end; i++) {
    const at = x(i * step)
    parts.push(
      `  <line class="grid" x1="${at}" y1="${top}" x2="${at}" y2="${bottom}"/>`,
      text(at, bottom + 17, 'minor', String(round(i * step)), 'middle'),
    )
  }
  for (const [i, row] of rows.entries()) parts.push(...barOf(row, top + i * ROW_HEIGHT, x))
  parts.push(text(round(left + width / 2), bottom + 38, '', axis, 'middle'))
  return parts
}

function barOf(row: MeasuredRow, top: number, x: (value: number) => number): string[] {
  const { name, cost, ratioToFentry } = row
  const middle = top + ROW_HEIGHT / 2
  const [from, median, low, high] = [0, cost.median, cost.lowerQuartile, cost.upperQuartile].map(x)
  const ratio = ratioToFentry === null || name === 'fentry' ? '' : ` (${ratioToFentry.toFixed(1)}x)`
  return [
    text(round(x(0) - 10), middle + 4, '', rowLabel(row), 'end'),
    `  <rect class="bar" x="${from}" y="${middle - BAR_HEIGHT / 2}" width="${round(median! - from!)}" height="${BAR_HEIGHT}"/>`,
    `  <path class="whisker" d="M${low} ${middle}H${high}M${low} ${middle - 4}v8M${high} ${middle - 4}v8"/>`,
    text(Math.max(median!, high!) + 8, middle + 4, '', `${formatNanoseconds(cost.median)}${ratio}`),
  ]
}

/** Distance of the grid's lines: 1, 2 or 5 times a power of ten. */
export function tickStep(greatest: number): number {
  const least = greatest / MAX_TICKS
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map(each => each * power).find(each => each >= least)!
}

function text(x: number, y: number, style: string, content: string, anchor?: string): string {
  const attributes = `${style === '' ? '' : ` class="${style}"`}${anchor === undefined ? '' : ` text-anchor="${anchor}"`}`
  return `  <text x="${x}" y="${y}"${attributes}>${xmlText(content)}</text>`
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
