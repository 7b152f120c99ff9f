/**
 * Opening perf buffers from where programs without them come along too: what reads them is loaded with the first.
 *
 * @module
 */

import type { ReaderMap } from '../record-origin.ts'
import { PerfBuffer, type PerfBufferOptions } from './perf-buffer.ts'

/** As `PerfBuffer.open`. */
export function openPerfBuffer(
  source: ReaderMap | Iterable<ReaderMap>,
  options: PerfBufferOptions = {},
): PerfBuffer {
  return PerfBuffer.open(source, options)
}
