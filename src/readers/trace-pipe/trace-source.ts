/**
 * Lines out of a file that is read piece by piece, without waiting.
 *
 * @module
 */

import type { RecordSource } from '../source.ts'
import { parseTraceLine, parseTraceLoss, type TraceLine, type TraceLoss } from './parse.ts'

/** Bytes of a read. */
const PIECE = 65536
/** Pieces of a drain: what is written meanwhile looks like what was there. */
const MOST_PIECES = 64
/** The most of a line; the kernel's are shorter than two pages. */
const MOST_LINE = 65536
const LINE_FEED = 10

/** Reads into memory. Returns the number of bytes, 0 when there is nothing now. */
export type Read = (buffer: Uint8Array) => number

/** The lines. Not re-entrant. */
export class TraceSource implements RecordSource<TraceLine> {
  readonly name: string
  readonly stalled = false
  readonly #read: Read
  readonly #onLost: (loss: TraceLoss) => void
  /** What was read and not given out. */
  #bytes: Uint8Array = new Uint8Array(0)
  #piece: Uint8Array | undefined
  /** Where the next line begins, and up to where no line ends. */
  #start = 0
  #searched = 0
  #closed = false

  constructor(name: string, read: Read, onLost: (loss: TraceLoss) => void) {
    this.name = name
    this.#read = read
    this.#onLost = onLost
  }

  take(): TraceLine | undefined {
    return this.#next(Number.POSITIVE_INFINITY)
  }

  /** The next line, after reading at most so many pieces. */
  #next(pieces: number): TraceLine | undefined {
    let left = pieces
    while (!this.#closed) {
      const line = this.#cut()
      if (line === undefined) {
        if (left-- <= 0 || !this.#fill()) return undefined
        continue
      }
      const loss = parseTraceLoss(line)
      if (loss === undefined) return parseTraceLine(line)
      this.#onLost(loss)
    }
    return undefined
  }

  #cut(): Uint8Array | undefined {
    const end = this.#bytes.indexOf(LINE_FEED, this.#searched)
    if (end < 0) {
      this.#searched = this.#bytes.length
      if (this.#bytes.length - this.#start < MOST_LINE) return undefined
    }
    const line = this.#bytes.subarray(this.#start, end < 0 ? this.#start + MOST_LINE : end)
    this.#start += line.length + (end < 0 ? 0 : 1)
    this.#searched = this.#start
    return line
  }

  #fill(): boolean {
    this.#piece ??= new Uint8Array(PIECE)
    const count = this.#read(this.#piece)
    if (count === 0) return false
    // Anew: what is behind a line that was given out stays.
    const rest = this.#bytes.subarray(this.#start)
    this.#bytes = new Uint8Array(rest.length + count)
    this.#bytes.set(rest)
    this.#bytes.set(this.#piece.subarray(0, count), rest.length)
    this.#searched -= this.#start
    this.#start = 0
    return true
  }

  drain(callback: (line: TraceLine) => void, limit: number): number {
    let count = 0
    for (let pieces = 0; pieces < MOST_PIECES && count < limit; ) {
      const line = this.#next(0)
      if (line !== undefined) {
        count++
        callback(line)
      } else if (this.#closed || !this.#fill()) break
      else pieces++
    }
    return count
  }

  settle(): void {}

  close(): void {
    this.#closed = true
  }
}
