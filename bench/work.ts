/**
 * A row's work in a contestant that is written in JavaScript, and its clock.
 *
 * @module
 */

import type { Sample } from './protocol.ts'

/** How a sweep is to be. */
export interface SweepOptions {
  /** About how long a sweep takes. */
  readonly milliseconds: number
  /** How long a row of mode `'once'` takes, where that is a choice. */
  readonly seconds: number
}

/** A row, ready to be measured. */
export interface Work extends Disposable {
  /** Measures once and checks what was done. */
  sweep(): Sample | Promise<Sample>
}

/** Sets a row up. */
export type Setup = (options: SweepOptions) => Work | Promise<Work>

/** Thrown by a {@link Setup} where a row cannot be measured on this machine; its message is the reason. */
export class Unavailable extends Error {
  static {
    Unavailable.prototype.name = 'Unavailable'
  }
}

/** Says that the work was not done as it should be. */
export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`The work was not done: ${what}`)
}

/** Nanoseconds of the monotonic clock; exact as a number for the first 104 days after the machine was started. */
export function now(): number {
  return Number(process.hrtime.bigint())
}

/** Nanoseconds that something takes. */
export function clock(work: () => void): number {
  const start = now()
  work()
  return now() - start
}

/**
 * Work in rounds that are alike; a sweep has as many as there is time for.
 *
 * @param operations that a round has
 * @param round does them, with whatever must be done before and after; returns the nanoseconds that count
 * @param close frees what the row needs
 */
export function rounds(
  { milliseconds }: SweepOptions,
  operations: number,
  round: () => number,
  close: () => void,
): Work {
  return {
    sweep() {
      const end = now() + milliseconds * 1e6
      let counted = 0
      let ops = 0
      do {
        counted += round()
        ops += operations
      } while (now() < end)
      return { ns: counted / ops, ops }
    },
    [Symbol.dispose]: close,
  }
}
