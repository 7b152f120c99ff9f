/**
 * Folded stacks: a line for each stack, frames with semicolons between them, then a space and the count. flamegraph.pl,
 * inferno, speedscope and others read them.
 *
 * @module
 */

import { BpfError } from '../../base/errors.ts'
import { printable } from '../../base/text.ts'
import { type Frame, type FrameKind, FrameTable, integerOf, type StackCount } from './stack.ts'

/** Options of {@link foldedText}. */
export interface FoldedOptions {
  /**
   * Marks kernel frames with `_[k]`, and those of code compiled at run time with `_[j]`, as `stackcollapse-perf.pl --all`
   * does; flamegraph.pl colours by it.
   */
  readonly annotate?: boolean
}

const MARKS: Readonly<Partial<Record<FrameKind, string>>> = { kernel: '_[k]', jit: '_[j]' }
const KINDS_OF_MARKS = new Map(Object.entries(MARKS).map(([kind, mark]) => [mark, kind as FrameKind]))

/**
 * Stacks as folded text, each line with a line feed behind it. Stacks whose names are equal are one line; the order is that
 * in which they are met. Control characters in names are escaped, and a semicolon becomes a colon.
 *
 * @throws RangeError or TypeError when a count or a frame is not one
 */
export function foldedText(stacks: Iterable<StackCount>, options: FoldedOptions = {}): string {
  const table = new FrameTable(false)
  const names: string[] = []
  const counts = new Map<string, number | bigint>()
  for (const stack of stacks) {
    const numbers = table.stack(stack)
    for (let i = names.length; i < table.frames.length; i++) {
      const { name, kind } = table.frames[i]!
      names.push(name.replaceAll(';', ':') + (options.annotate === true ? (MARKS[kind] ?? '') : ''))
    }
    const line = numbers.map(each => names[each]!).join(';')
    counts.set(line, sum(counts.get(line) ?? 0, integerOf(stack)))
  }
  const lines: string[] = []
  for (const [line, count] of counts) lines.push(`${line} ${count}\n`)
  return lines.join('')
}

/**
 * Reads folded text, which other tools may have written. `_[k]` and `_[j]` at the end of a name become the kind of the
 * frame; lines without text are skipped.
 *
 * @throws BpfError `ERR_INVALID_DOCUMENT` when a line has no count, with its number
 */
export function parseFolded(text: string): StackCount[] {
  const stacks: StackCount[] = []
  const frames = new Map<string, Frame>()
  let number = 0
  for (const line of text.split('\n')) {
    number++
    const trimmed = line.trimEnd()
    if (trimmed === '') continue
    const space = trimmed.lastIndexOf(' ')
    const digits = trimmed.slice(space + 1)
    if (space < 0 || digits.length > MAX_DIGITS || !/^\d+$/.test(digits))
      throw new BpfError(
        `Line ${number} is not a folded stack: '${excerpt(trimmed)}' does not end in a space and a count`,
        {
          code: 'ERR_INVALID_DOCUMENT',
        },
      )
    const names = trimmed.slice(0, space).split(';')
    stacks.push({
      frames: names.map(name => {
        let frame = frames.get(name)
        if (frame === undefined) {
          frame = frameOf(name)
          frames.set(name, frame)
        }
        return frame
      }),
      count: narrow(BigInt(digits)),
    })
  }
  return stacks
}

/** Digits of a count at most: those of 2^64. */
const MAX_DIGITS = 20

function frameOf(text: string): Frame {
  const kind = KINDS_OF_MARKS.get(text.slice(-4))
  const name = kind === undefined ? text : text.slice(0, -4)
  return kind === undefined ? { name } : { name, kind }
}

function excerpt(line: string): string {
  return printable(line.length > 60 ? `${line.slice(0, 60)}…` : line)
}

function sum(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a + b)) return a + b
  return BigInt(a) + BigInt(b)
}

function narrow(count: bigint): number | bigint {
  const number = Number(count)
  return Number.isSafeInteger(number) ? number : count
}
