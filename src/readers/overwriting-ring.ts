/**
 * The reader of a ring buffer whose producers write over the oldest records (`BPF_F_RB_OVERWRITE`, Linux 6.19), in memory.
 * No system calls.
 *
 * Behind the producer position lies the overwrite position, where the oldest record begins that is still there. The kernel
 * moves it before it writes a header over what it has passed. So a record is copied first, and counts when the overwrite
 * position has not passed it afterwards: a fence stands between the copy and that look, as `ring.ts` explains it. The kernel
 * has no use for the consumer position but to wake a reader for the record that lies there.
 *
 * How many records were overwritten is not known, as their headers are gone; how many bytes is.
 *
 * Positions are all 64 bits: a reader may fall behind by any number of rounds.
 *
 * Source: kernel/bpf/ringbuf.c `__bpf_ringbuf_reserve`, `ringbuf_avail_data_sz`.
 *
 * @module
 */

import { ConsumedSpace } from './consumed-space.ts'
import { type RecordOrigin, RingRecord, type RingView } from './record.ts'
import { CurrentRecord, DISCARDED, HEADER_SIZE, LENGTH_MASK, loadFence, stepOf } from './ring-records.ts'
import type { RecordSource } from './source.ts'

/** Where the overwrite position is in the producer's page: behind that position, and one that only the kernel needs. */
const OVERWRITE_OFFSET = 16

/** How often the producers may outrun the reader within one call. */
const TRIES = 1000

/** One ring. Not re-entrant. */
export class OverwritingRing<T> implements RecordSource<RingRecord<T>, RingView<T>> {
  readonly size: number
  /** Bytes of records that were written over before they were read, headers included. */
  overwrittenBytes = 0
  readonly #words: Int32Array
  readonly #producer: BigInt64Array
  readonly #overwrite: BigInt64Array
  readonly #dataWord: number
  readonly #bytes: Uint8Array<SharedArrayBuffer>
  readonly #origin: RecordOrigin<T>
  readonly #space: ConsumedSpace
  /** Where the next record is looked for. */
  #position: bigint
  /** The last copy, and the record that a callback sees in it. */
  #copy: Uint8Array<ArrayBuffer>
  #current: CurrentRecord<T>

  /** As the constructor of `Ring`. */
  constructor(buffer: SharedArrayBuffer, pageSize: number, size: number, origin: RecordOrigin<T>) {
    this.#origin = origin
    this.size = size
    this.#words = new Int32Array(buffer, 0, (2 * pageSize + 2 * size) / 4)
    this.#dataWord = (2 * pageSize) / 4
    this.#bytes = new Uint8Array(buffer, 2 * pageSize, 2 * size)
    const consumer = new BigInt64Array(buffer, 0, 1)
    this.#space = new ConsumedSpace(consumer, size)
    this.#position = Atomics.load(consumer, 0)
    this.#producer = new BigInt64Array(buffer, pageSize, 1)
    this.#overwrite = new BigInt64Array(buffer, pageSize + OVERWRITE_OFFSET, 1)
    this.#copy = new Uint8Array(0)
    this.#current = new CurrentRecord(new DataView(this.#copy.buffer), origin)
  }

  get name(): string {
    return this.#origin.name
  }

  get availableBytes(): number {
    if (this.#space.closed) return 0
    const producer = Atomics.load(this.#producer, 0)
    const behind = BigInt.asIntN(64, Atomics.load(this.#overwrite, 0) - this.#position)
    const between = BigInt.asIntN(64, producer - this.#position) - (behind > 0n ? behind : 0n)
    return between < 0n ? 0 : Math.min(Number(between), this.size)
  }

  get stalled(): boolean {
    return this.availableBytes > 0 && this.#header < 0 && !this.#skipOverwritten()
  }

  get #header(): number {
    const offset = Number(BigInt.asUintN(32, this.#position)) & (this.size - 1)
    return Atomics.load(this.#words, this.#dataWord + (offset >>> 2))
  }

  /** Passes over what was overwritten; returns whether there was something. */
  #skipOverwritten(): boolean {
    const bytes = BigInt.asIntN(64, Atomics.load(this.#overwrite, 0) - this.#position)
    if (bytes <= 0n) return false
    this.overwrittenBytes += Number(bytes)
    this.#advance(bytes)
    return true
  }

  #advance(bytes: bigint): void {
    this.#position = BigInt.asIntN(64, this.#position + bytes)
    this.#space.bytes += Number(bytes)
  }

  /**
   * Copies the oldest record that is there and consumes it.
   *
   * @returns its length; `undefined` when no record is finished
   */
  #next(): number | undefined {
    for (let tries = 0; tries < TRIES && !this.#space.closed; tries++) {
      const producer = Atomics.load(this.#producer, 0)
      this.#skipOverwritten()
      const available = BigInt.asIntN(64, producer - this.#position)
      if (available === 0n) return undefined
      // The producers went round between the two looks.
      if (available < 0n) continue
      const header = this.#header
      const step = stepOf(header)
      const isWhole = header >= 0 && step <= available
      if (isWhole && (header & DISCARDED) === 0) this.#copyRecord(header & LENGTH_MASK)
      loadFence()
      // What was read may be of two records, the header too.
      if (this.#skipOverwritten()) continue
      if (!isWhole) return undefined
      this.#advance(BigInt(step))
      if ((header & DISCARDED) === 0) return header & LENGTH_MASK
    }
    return undefined
  }

  #copyRecord(length: number): void {
    if (this.#copy.length < length) {
      this.#copy = new Uint8Array(2 ** Math.ceil(Math.log2(length)))
      this.#current = new CurrentRecord(new DataView(this.#copy.buffer), this.#origin)
    }
    const start = (Number(BigInt.asUintN(32, this.#position)) & (this.size - 1)) + HEADER_SIZE
    this.#copy.set(this.#bytes.subarray(start, start + length))
  }

  /** As `Ring.drain`; the callback sees a copy. */
  drain(callback: (record: RingView<T>) => void, limit: number): number {
    const end = Atomics.load(this.#producer, 0)
    let count = 0
    try {
      while (count < limit && BigInt.asIntN(64, end - this.#position) > 0n) {
        const length = this.#next()
        if (length === undefined) break
        count++
        this.#current.length = length
        callback(this.#current)
        this.#space.releasePortion()
      }
    } finally {
      this.#space.release()
    }
    return count
  }

  take(): RingRecord<T> | undefined {
    const length = this.#next()
    if (length === undefined) return undefined
    this.#space.releasePortion()
    return new RingRecord(this.#copy.slice(0, length), this.#origin)
  }

  settle(): void {
    this.#space.release()
  }

  close(): void {
    this.#space.close()
  }
}

/** Makes the reader of such a ring; as the constructor. */
export function overwritingRing<T>(
  buffer: SharedArrayBuffer,
  pageSize: number,
  size: number,
  origin: RecordOrigin<T>,
): OverwritingRing<T> {
  return new OverwritingRing(buffer, pageSize, size, origin)
}
