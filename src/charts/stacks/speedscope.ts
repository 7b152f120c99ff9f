/**
 * Stacks as a document of speedscope, https://www.speedscope.app, which Perfetto and the Firefox Profiler open too.
 *
 * @module
 */

import { printable } from '../../base/text.ts'
import { FrameTable, type StackCount, type StackUnit, unitOf, weightOf } from './stack.ts'

/** Options of {@link speedscopeDocument}. */
export interface SpeedscopeOptions {
  /** Name of the profile, `'profile'` unless given. */
  readonly name?: string
  /** What counts are: `'samples'` unless given. */
  readonly unit?: StackUnit
}

/** A frame of a {@link SpeedscopeDocument}. */
export interface SpeedscopeFrame {
  readonly name: string
  readonly file?: string
  readonly line?: number
  readonly col?: number
}

/** A file of speedscope with one profile, for `JSON.stringify`. */
export interface SpeedscopeDocument {
  readonly $schema: 'https://www.speedscope.app/file-format-schema.json'
  readonly exporter: string
  readonly name: string
  readonly activeProfileIndex: number
  readonly shared: { readonly frames: readonly SpeedscopeFrame[] }
  readonly profiles: readonly [
    {
      readonly type: 'sampled'
      readonly name: string
      readonly unit: 'none' | 'nanoseconds' | 'bytes'
      readonly startValue: number
      readonly endValue: number
      /** Numbers of frames, the outermost first. */
      readonly samples: readonly (readonly number[])[]
      readonly weights: readonly number[]
    },
  ]
}

/**
 * Stacks as a file of speedscope.
 *
 * Source: `file-format-schema.json` of the npm package speedscope, 1.25.
 *
 * @throws RangeError or TypeError when a count or a frame is not one
 */
export function speedscopeDocument(
  stacks: Iterable<StackCount>,
  options: SpeedscopeOptions = {},
): SpeedscopeDocument {
  const unit = unitOf(options.unit)
  const name = printable(options.name ?? 'profile')
  const table = new FrameTable(true)
  const samples: number[][] = []
  const weights: number[] = []
  let endValue = 0
  for (const stack of stacks) {
    const weight = weightOf(stack)
    samples.push(table.stack(stack))
    weights.push(weight)
    endValue += weight
  }
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    exporter: 'ebpf-ts',
    name,
    activeProfileIndex: 0,
    shared: {
      frames: table.frames.map(frame => ({
        name: frame.name,
        ...(frame.file === '' ? {} : { file: frame.file }),
        ...(frame.line === 0 ? {} : { line: frame.line }),
        ...(frame.column === 0 ? {} : { col: frame.column }),
      })),
    },
    profiles: [
      {
        type: 'sampled',
        name,
        unit: unit === 'samples' ? 'none' : unit,
        startValue: 0,
        endValue,
        samples,
        weights,
      },
    ],
  }
}
