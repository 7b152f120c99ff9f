/**
 * How long each test file took, of files that run one after the other.
 *
 * @module
 */

import { fileOf } from './test-names.ts'

/** Files that are named at the end. */
const SHOWN = 12

/** Seconds by file: `{ 'maps/batch': 1.2 }`. */
export type FileTimes = Readonly<Record<string, number>>

/** Takes the time of test files by the ends of their tests. */
export class Pace {
  readonly #times: Record<string, number> = {}
  readonly #now: () => number
  #last: number

  /** @param now the time in milliseconds; default: the process's clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#last = now()
  }

  /** A test has ended. What has passed since the one before, such as the start of a file's process, is its file's. */
  step(test: { readonly name: string }): void {
    const now = this.#now()
    const file = fileOf(test)
    this.#times[file] = (this.#times[file] ?? 0) + (now - this.#last) / 1000
    this.#last = now
  }

  get times(): FileTimes {
    return this.#times
  }
}

/** The files that took longest: `'slowest files: maps/batch 12 s, links/kprobe 3 s'`. */
export function slowestFiles(times: FileTimes): string {
  const sorted = Object.entries(times).sort(([, a], [, b]) => b - a)
  const shown = sorted.slice(0, SHOWN).map(([file, seconds]) => `${file} ${Math.round(seconds)} s`)
  return `slowest files: ${shown.join(', ')}`
}

/** Times of the same files, or others, of several runs. */
export function addTimes(...all: readonly FileTimes[]): FileTimes {
  const sum: Record<string, number> = {}
  for (const times of all) {
    for (const [file, seconds] of Object.entries(times)) sum[file] = (sum[file] ?? 0) + seconds
  }
  return sum
}
