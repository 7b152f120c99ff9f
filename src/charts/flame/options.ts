/**
 * What both forms of a flame graph can be asked for.
 *
 * @module
 */

import { printable } from '../../base/text.ts'
import { type StackUnit, unitOf } from '../stacks/stack.ts'

/** Options of flame graphs. */
export interface FlameGraphOptions {
  /** Stands above the picture: `'Flame graph'` unless given. */
  readonly title?: string
  /** What counts are: `'samples'` unless given. */
  readonly unit?: StackUnit
  /** Whether the function that ran is at the root, with its callers on top: who calls what is hot. */
  readonly inverted?: boolean
  /** Where the root is: at the bottom, as `'flame'`, which is the default, or at the top, as `'icicle'`. */
  readonly orientation?: 'flame' | 'icicle'
  /** Lines below the picture, such as the rate of sampling and how many samples were lost. */
  readonly notes?: readonly string[]
}

/** The options, checked and complete; texts are safe to show. */
export interface FlameGraphSettings {
  readonly title: string
  readonly unit: StackUnit
  readonly inverted: boolean
  readonly orientation: 'flame' | 'icicle'
  readonly notes: readonly string[]
}

/** Fills in what is not given. */
export function flameGraphSettings(options: FlameGraphOptions): FlameGraphSettings {
  const { title = 'Flame graph', inverted = false, orientation = 'flame', notes = [] } = options
  if (orientation !== 'flame' && orientation !== 'icicle')
    throw new TypeError(`${printable(String(orientation))} is not an orientation: 'flame' and 'icicle' are`)
  return {
    title: printable(title),
    unit: unitOf(options.unit),
    inverted,
    orientation,
    notes: notes.map(printable),
  }
}

/** A number that an option must be, between two others. */
export function numberOption(name: string, value: number, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw new RangeError(`${name} is a number from ${least} to ${most}, not ${printable(String(value))}`)
}
