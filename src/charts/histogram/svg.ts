/**
 * Histograms as SVG, readable on light and dark ground.
 *
 * @module
 */

import { xmlText } from '../../base/xml.ts'
import { bucketsOf, greatestOf, outside } from './buckets.ts'
import type { Histogram } from './histogram.ts'

/** Options of {@link histogramSvg}. */
export interface HistogramSvgOptions {
  /** Stands above the picture. */
  readonly title?: string
}

const WIDTH = 760
const MARGIN = 20
const ROW_HEIGHT = 20
const BAR_HEIGHT = 14
/** Greatest width of a digit, and of a character of a heading on average. */
const DIGIT_WIDTH = 7.6
/** Place for the count behind the longest bar. */
const RIGHT = 130

const STYLE = `
    text { font: 12px system-ui, sans-serif; fill: #1f2328; font-variant-numeric: tabular-nums }
    .title { font-size: 17px; font-weight: 600 }
    .section { font-size: 14px; font-weight: 600 }
    .minor { fill: #57606a }
    .ground { fill: #ffffff }
    .bar { fill: #3b76c4 }
    .axis { stroke: #d0d7de }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .minor { fill: #9198a1 }
      .ground { fill: #0d1117 }
      .bar { fill: #3f7fcf }
      .axis { stroke: #3d444d }
    }
  `

/**
 * Draws a histogram as one SVG file: a bar for each bucket, sections below each other, each on a scale of its own. Values and
 * counts are written out.
 */
export function histogramSvg(histogram: Histogram, options: HistogramSvgOptions = {}): string {
  const parts: string[] = []
  let y = MARGIN
  if (options.title !== undefined) {
    parts.push(text(MARGIN, y + 14, 'title', options.title))
    y += 34
  }
  for (const { name, counts } of histogram.sections) {
    if (histogram.sectionHeader !== undefined) {
      parts.push(text(MARGIN, y + 12, 'section', `${histogram.sectionHeader} = ${name}`))
      y += 26
    }
    y = drawSection(histogram, counts, y, parts) + MARGIN
  }
  if (histogram.sections.length === 0) {
    parts.push(text(MARGIN, y + 12, 'minor', 'nothing was counted'))
    y += ROW_HEIGHT + MARGIN
  }
  const label = xmlText(options.title ?? `Histogram of ${histogram.label}`)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="${label}">`,
    `  <style>${STYLE}</style>`,
    `  <rect class="ground" width="${WIDTH}" height="${y}"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

/** Draws a section, and returns where it ends. */
function drawSection(histogram: Histogram, counts: readonly bigint[], top: number, parts: string[]): number {
  const buckets = bucketsOf(histogram, counts)
  const lost = outside(histogram, counts)
  let y = top
  if (buckets.length === 0 && lost === 0n) {
    parts.push(text(MARGIN, y + 12, 'minor', 'nothing was counted'))
    return y + ROW_HEIGHT
  }
  const ranges = buckets.map(({ from, to }) =>
    from === to ? digits(from) : `${digits(from)} – ${digits(to)}`,
  )
  const longest = Math.max(...ranges.map(each => each.length), 4)
  const left = Math.max(110, MARGIN + longest * DIGIT_WIDTH + 10)
  const most = greatestOf(counts)
  const end = y + ROW_HEIGHT * (buckets.length + 1)
  parts.push(
    text(left - 10, y + 13, 'minor', histogram.label, 'end'),
    text(left, y + 13, 'minor', 'count'),
    `  <path class="axis" d="M${left} ${y + ROW_HEIGHT}V${end}"/>`,
  )
  for (const [i, { count }] of buckets.entries()) {
    y += ROW_HEIGHT
    const width = round((Number(count) / Number(most)) * (WIDTH - left - RIGHT))
    parts.push(text(left - 10, y + 14, '', ranges[i]!, 'end'))
    if (count > 0n) {
      const bar = Math.max(width, 1)
      parts.push(
        `  <rect class="bar" x="${left}" y="${y + 3}" width="${bar}" height="${BAR_HEIGHT}"/>`,
        text(round(left + bar + 6), y + 14, '', digits(count)),
      )
    }
  }
  if (lost > 0n) {
    parts.push(
      text(
        MARGIN,
        end + 16,
        'minor',
        `${digits(lost)} counted in slot 0, which has no values: see firstSlot`,
      ),
    )
    return end + ROW_HEIGHT
  }
  return end
}

/** An integer with its digits in groups of three. */
function digits(value: bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

function text(x: number, y: number, style: string, content: string, anchor?: string): string {
  const attributes = `${style === '' ? '' : ` class="${style}"`}${anchor === undefined ? '' : ` text-anchor="${anchor}"`}`
  return `  <text x="${round(x)}" y="${y}"${attributes}>${xmlText(content)}</text>`
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
