/**
 * Output without end: records of a ring buffer, lines of a trace, elements of a large map.
 *
 * @module
 */

import { setImmediate as turn } from 'node:timers/promises'
import type { Output } from './output.ts'

/** So many items may follow each other before signals and I/O get their turn. */
const ITEMS_PER_TURN = 1024

/** How to print a stream. */
export interface StreamOptions {
  /** Ends it, without an error; {@link stopSignal} makes one. */
  readonly signal: AbortSignal
  /** Greatest number of items. Default: all. */
  readonly limit?: number | undefined
}

/**
 * Prints the items of a source until it ends, the limit is reached or the signal aborts. It reads on only when the
 * reader of the output has kept up, so that a reader that stalls costs no memory; the signal ends it then too.
 *
 * @param source must itself end when the signal aborts while it waits for an item
 * @param print writes one item to the output
 * @returns how many items were printed
 */
export async function printStream<T>(
  output: Output,
  source: AsyncIterable<T> | Iterable<T>,
  print: (item: T) => void,
  { signal, limit = Number.POSITIVE_INFINITY }: StreamOptions,
): Promise<number> {
  const { sink } = output
  sink.neverBlock()
  let count = 0
  if (signal.aborted) return count
  for await (const item of source) {
    print(item)
    count++
    if (count >= limit) break
    if (sink.behind) await sink.keepUp(signal)
    if (count % ITEMS_PER_TURN === 0) await turn()
    if (signal.aborted) break
  }
  return count
}
