/**
 * How many columns of a terminal text takes; text cut, and paragraphs filled, to a number of columns.
 *
 * @module
 */

import { printable } from '../../base/index.ts'

const ASCII = /^[ -~]*$/

/**
 * Characters of two columns: East Asian wide and full-width ones, and pictures.
 *
 * Source: Unicode's EastAsianWidth.txt by blocks.
 */
const WIDE =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Emoji}\ufe0f/u

/** Marks that stand on the character before them. */
const MARK = /^[\p{Mn}\p{Me}]+$/u

let segmenter: Intl.Segmenter | undefined

function graphemes(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter('en')
  return segmenter.segment(text)
}

/** Columns of printable text. */
export function columnsOf(text: string): number {
  if (ASCII.test(text)) return text.length
  let columns = 0
  for (const { segment } of graphemes(text)) columns += columnsOfGrapheme(segment)
  return columns
}

function columnsOfGrapheme(grapheme: string): number {
  if (MARK.test(grapheme)) return 0
  return WIDE.test(grapheme) ? 2 : 1
}

/**
 * Makes text printable on one line of at most so many columns. What is cut off is shown as an ellipsis; an escape such
 * as `\x1b` is kept whole or left out.
 */
export function cut(text: string, columns: number): string {
  const whole = printable(text)
  if (columnsOf(whole) <= columns) return whole
  let kept = ''
  let used = 0
  for (const { segment } of graphemes(text)) {
    const unit = printable(segment)
    used += columnsOf(unit)
    if (used > columns - 1) break
    kept += unit
  }
  return columns > 0 ? `${kept}…` : ''
}

/**
 * Fills lines with words, like a paragraph.
 *
 * @param width columns of a line; a longer word has a line of its own
 */
export function fill(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.trim().split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && columnsOf(last) + 1 + columnsOf(word) <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else {
      lines.push(word)
    }
  }
  return lines
}
