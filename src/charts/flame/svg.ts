/**
 * Flame graphs as SVG: a picture without a script, for documents and pages. Hovering shows the whole name and the share.
 *
 * @module
 */

import { xmlText } from '../../base/xml.ts'
import { FRAME_KINDS, type FrameKind, type StackCount } from '../stacks/stack.ts'
import { prunedTree, type StackTree, stackTree } from '../stacks/tree.ts'
import { amount, grouped, share } from './amount.ts'
import { type FlameGraphOptions, flameGraphSettings, numberOption } from './options.ts'
import { colourOf, KIND_NAMES, SHADES, shadeOf } from './palette.ts'

/** Options of {@link flameGraphSvg}. */
export interface FlameGraphSvgOptions extends FlameGraphOptions {
  /** Pixels, 100 to 1,000,000: 1200 unless given. */
  readonly width?: number
  /** Narrowest box that is drawn, in pixels: 0.1 unless given. 0 draws all. */
  readonly minWidth?: number
}

const MARGIN = 10
const MAX_WIDTH = 1_000_000
const ROW_HEIGHT = 17
const BOX_HEIGHT = 16
/** Width of a character of the monospaced font, at its size. */
const CHARACTER_WIDTH = 6.65
const FONT_SIZE = 11
const NOTE_HEIGHT = 18
/** Digits behind the point of coordinates: a hundredth of a pixel. */
const PRECISION = 100

/**
 * Draws stacks as one SVG file without anything from outside. The widest callee stands first. What is narrower than
 * `minWidth` is left out: 50,000 stacks are 670,000 boxes, of which some 13,000 can be seen.
 *
 * @throws RangeError or TypeError when a count, a frame or an option is not one
 */
export function flameGraphSvg(stacks: Iterable<StackCount>, options: FlameGraphSvgOptions = {}): string {
  const settings = flameGraphSettings(options)
  const width = numberOption('width', options.width ?? 1200, 100, MAX_WIDTH)
  const minWidth = numberOption('minWidth', options.minWidth ?? 0.1, 0, MAX_WIDTH)
  const whole = stackTree(stacks, settings.inverted)
  const inner = width - 2 * MARGIN
  const tree = prunedTree(whole, (minWidth / inner) * whole.total)

  const kinds = FRAME_KINDS.filter(kind => tree.frame.some(each => tree.frames[each]!.kind === kind))
  const rows = tree.depth.reduce((deepest, depth) => Math.max(deepest, depth + 2), 1)
  const top = MARGIN + 26 + (kinds.length > 1 ? 22 : 0)
  const bottom = top + rows * ROW_HEIGHT
  const hidden = whole.count.length - tree.count.length
  const notes = hidden === 0 ? settings.notes : [...settings.notes, hiddenNote(hidden, minWidth)]
  const height = bottom + MARGIN + notes.length * NOTE_HEIGHT
  const yOf = (row: number): number =>
    settings.orientation === 'flame' ? bottom - (row + 1) * ROW_HEIGHT : top + row * ROW_HEIGHT

  const parts: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${xmlText(settings.title)}">`,
    `<style>${style(kinds)}</style>`,
    `<rect class="ground" width="100%" height="100%"/>`,
    `<text class="title" x="${MARGIN}" y="${MARGIN + 14}">${xmlText(settings.title)}</text>`,
    ...legend(kinds),
    `<g class="all">${box(MARGIN, yOf(0), inner, 'all', `all, ${amount(whole.total, settings.unit)}`)}</g>`,
  ]
  drawBoxes(tree, inner, yOf, parts, count => `${amount(count, settings.unit)}, ${share(count, whole.total)}`)
  for (const [i, note] of notes.entries())
    parts.push(
      `<text class="minor" x="${MARGIN}" y="${bottom + 16 + i * NOTE_HEIGHT}">${xmlText(note)}</text>`,
    )
  return `${parts.join('\n')}\n</svg>\n`
}

function hiddenNote(hidden: number, minWidth: number): string {
  return `${grouped(hidden)} ${hidden === 1 ? 'box' : 'boxes'} narrower than ${minWidth} pixels not drawn`
}

function drawBoxes(
  tree: StackTree,
  inner: number,
  yOf: (row: number) => number,
  parts: string[],
  describe: (count: number) => string,
): void {
  const scale = inner / tree.total
  /** Where the next box of each depth begins, as a sum of counts. */
  const next: number[] = [0]
  const classes = tree.frames.map(({ kind, name }) => `${kind}${shadeOf(name)}`)
  let open = ''
  for (let i = 0; i < tree.count.length; i++) {
    const [depth, count, number] = [tree.depth[i]!, tree.count[i]!, tree.frame[i]!]
    const start = next[depth]!
    next[depth] = start + count
    next[depth + 1] = start
    const { name } = tree.frames[number]!
    // Boxes in a row with one colour share a group.
    if (classes[number] !== open) {
      parts.push(`${open === '' ? '' : '</g>'}<g class="${classes[number]}">`)
      open = classes[number]!
    }
    parts.push(
      box(MARGIN + start * scale, yOf(depth + 1), count * scale, name, `${name}, ${describe(count)}`),
    )
  }
  if (open !== '') parts.push('</g>')
}

function box(x: number, y: number, width: number, name: string, title: string): string {
  const [left, drawn] = [round(x), round(Math.max(width - (width > 3 ? 0.5 : 0), 0.05))]
  const rect = `<rect x="${left}" y="${y}" width="${drawn}" height="${BOX_HEIGHT}"><title>${xmlText(title)}</title></rect>`
  const label = labelFor(name, drawn - 4)
  return label === '' ? rect : `${rect}<text x="${round(x + 3)}" y="${y + 12}">${xmlText(label)}</text>`
}

/** As much of a name as fits; `''` when fewer than three characters do. */
function labelFor(name: string, width: number): string {
  const room = Math.floor(width / CHARACTER_WIDTH)
  if (room < 3) return ''
  const characters = Array.from(name)
  // Beyond Latin a character may be twice as wide.
  let used = 0
  const fit = characters.findIndex(each => {
    used += each > '\u10ff' ? 2 : 1
    return used > room
  })
  if (fit < 0) return name
  return fit < 3 ? '' : `${characters.slice(0, fit - 1).join('')}…`
}

function legend(kinds: readonly FrameKind[]): string[] {
  if (kinds.length < 2) return []
  let x = MARGIN
  return kinds.map(kind => {
    const at = x
    x += 28 + KIND_NAMES[kind].length * 7
    return `<g class="${kind}1"><rect x="${at}" y="${MARGIN + 24}" width="12" height="12"/></g><text class="minor" x="${at + 17}" y="${MARGIN + 34}">${KIND_NAMES[kind]}</text>`
  })
}

function style(kinds: readonly FrameKind[]): string {
  const fills = (isDark: boolean): string =>
    kinds
      .flatMap(kind =>
        Array.from(
          { length: SHADES },
          (_, shade) => `.${kind}${shade}{fill:${colourOf(kind, shade, isDark)}}`,
        ),
      )
      .join('')
  return [
    `text{font:${FONT_SIZE}px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1f2328;pointer-events:none}`,
    '.title{font:600 16px system-ui,sans-serif}.minor{font:12px system-ui,sans-serif;fill:#57606a}',
    `.ground{fill:#fff}.all{fill:#d0d7de}rect:hover{opacity:.7}.ground:hover{opacity:1}${fills(false)}`,
    '@media (prefers-color-scheme:dark){text{fill:#e6edf3}.minor{fill:#9198a1}.ground{fill:#0d1117}.all{fill:#3d444d}',
    `${fills(true)}}`,
  ].join('')
}

function round(value: number): number {
  return Math.round(value * PRECISION) / PRECISION
}
