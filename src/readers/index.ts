/**
 * Readers: records out of the kernel. `RingBuffer.open(map)` reads ring buffers, without copies by `drain`, or with
 * `for await` by `records`.
 *
 * @module
 */

export type { RingView } from './record.ts'
export { RingRecord } from './record.ts'
export type { DrainOptions, RecordsOptions } from './record-stream.ts'
export { RingBuffer, type RingBufferMap, type RingBufferOptions } from './ring-buffer.ts'
