/**
 * Readers: records out of the kernel. `RingBuffer.open(map)` reads ring buffers, `PerfBuffer.open(map)` perf buffers,
 * without copies by `drain`, or with `for await` by `records`. `SharedRingBuffer` reads one ring buffer in several threads.
 * `PerfCounters.open(map)` opens counters that programs read. `UserRingBuffer.open(map)` sends records to programs.
 * `tracePipe()` reads the lines that programs print.
 *
 * @module
 */

export {
  PerfBuffer,
  type PerfBufferOptions,
  type PerfLoss,
  type PerfRecordsOptions,
} from './perf/perf-buffer.ts'
export { type CpuCount, PerfCounters, type PerfCountersOptions } from './perf/perf-counters.ts'
export { PerfRecord, type PerfView } from './perf/perf-record.ts'
export type { LostCallback } from './perf/perf-ring.ts'
export type { RingView } from './record.ts'
export { RingRecord } from './record.ts'
export type { ReaderMap, RecordTypes } from './record-origin.ts'
export type { DrainOptions, RecordsOptions } from './record-stream.ts'
export { RingBuffer, type RingBufferOptions } from './ring-buffer.ts'
export type { RingHandle } from './ring-handle.ts'
export { RingBatch } from './shared-ring/ring-batch.ts'
export { SharedRingBuffer } from './shared-ring/shared-ring-buffer.ts'
export type { TraceLine, TraceLoss } from './trace-pipe/parse.ts'
export { TracePipe, type TracePipeOptions, tracePipe } from './trace-pipe/trace-pipe.ts'
export { UserRecord } from './user-ring/user-record.ts'
export {
  type SpaceOptions,
  UserRingBuffer,
  type UserRingBufferOptions,
} from './user-ring/user-ring-buffer.ts'
