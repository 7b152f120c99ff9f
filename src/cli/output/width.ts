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

/** Characters that are segmented at once: what V8 takes for a text grows with the square of its length. */
const PIECE = 512

/** The graphemes of a text. One that is longer than a piece comes in several. */
function* graphemes(text: string): Generator<string, undefined> {
  segmenter ??= new Intl.Segmenter('en')
  for (let at = 0; at < text.length; ) {
    // No half of a surrogate pair at the end: it would stand as a grapheme behind one that is not whole.
    const end = at + PIECE + (text.codePointAt(at + PIECE - 1)! > 0xffff ? 1 : 0)
    const found = Array.from(segmenter.segment(text.slice(at, end)), ({ segment }) => segment)
    // The last one may go on behind the piece: the next piece begins with it.
    if (found.length > 1 && end < text.length) found.pop()
    for (const each of found) at += each.length
    yield* found
  }
}

/** Columns of printable text. */
export function columnsOf(text: string): number {
  if (ASCII.test(text)) return text.length
  let columns = 0
  for (const grapheme of graphemes(text)) columns += columnsOfGrapheme(grapheme)
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
  for (const grapheme of graphemes(text)) {
    const unit = printable(grapheme)
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
