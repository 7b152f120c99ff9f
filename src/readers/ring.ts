/**
 * The consumer's side of one ring buffer, in memory. No system calls.
 *
 * The memory has the layout of the map's file: a page with the consumer position, a page with the producer position,
 * and the data twice in a row, so that a record which wraps around lies in one piece. Only the first page is
 * writable: an atomic store, exchange or compare-exchange anywhere else would end the process.
 *
 * Positions are 64-bit counters of bytes that wrap around. What is between them is never more than the ring's size,
 * at most 2^31, so their low halves say everything except what to store: the kernel subtracts all 64 bits. Storing
 * halves would show it a wrong position in between, hence the one `BigInt64Array` store, which V8 makes a single
 * 64-bit store (`xchg` on x86-64, `stlr` on arm64; both machines are little-endian, with the low half first).
 *
 * Ordering. Positions go through `Atomics`, sequentially consistent: everything we read is read before the position
 * that gives it back, and a new position is visible before the next look at the producer's, on which the kernel's
 * decision to wake us relies. `Atomics.load` is a call that costs more than all else that is done for a record, so
 * headers are read by plain loads, a batch of them ahead of the records, and one fence stands between the headers and
 * what lies behind them: a record is read after the header that says it is finished.
 * - V8 moves no load over a call, and the operations of `Atomics` are calls.
 * - x86-64 does not reorder loads.
 * - On arm64 the fence is `stlr` then `ldar`: loads before an `stlr` stay before it, an `ldar` is not done before an
 *   earlier `stlr`, and nothing behind an `ldar` is done before it (Arm ARM, "ordered-before": [L]; po; [A]).
 * A finished header does not change until its space is given back, so it may be read again behind the fence.
 *
 * Source: kernel/bpf/ringbuf.c, Documentation/bpf/ringbuf.rst.
 *
 * @module
 */

import { ConsumedSpace, RELEASES_PER_ROUND } from './consumed-space.ts'
import { type RecordOrigin, RingRecord, type RingView } from './record.ts'
import { CurrentRecord, DISCARDED, findFinished, HEADER_SIZE, LENGTH_MASK, stepOf } from './ring-records.ts'
import type { RecordSource } from './source.ts'

/** Bytes of headers and records that are looked at in one go: few enough to be in the cache when they are read. */
const BATCH = 16384

/** One ring. Not re-entrant: `drain` must not be called from its callback. */
export class Ring<T> implements RecordSource<RingRecord<T>, RingView<T>> {
  /** Bytes of its data. */
  readonly size: number
  readonly #words: Int32Array
  /** Index in `#words` of the low half of the producer position. */
  readonly #producerWord: number
  readonly #dataWord: number
  readonly #bytes: Uint8Array<SharedArrayBuffer>
  readonly #origin: RecordOrigin<T>
  readonly #current: CurrentRecord<T>
  readonly #space: ConsumedSpace
  /** Low half of the position of the next record for `take`, as long as `#found` is not 0. */
  #next = 0
  /** Bytes of finished records from there on. */
  #found = 0

  /**
   * @param buffer the memory, laid out as described above
   * @param pageSize bytes of a page
   * @param size bytes of the ring's data, a power of two
   */
  constructor(buffer: SharedArrayBuffer, pageSize: number, size: number, origin: RecordOrigin<T>) {
    const dataOffset = 2 * pageSize
    this.#origin = origin
    this.size = size
    this.#words = new Int32Array(buffer, 0, (dataOffset + 2 * size) / 4)
    this.#space = new ConsumedSpace(new BigInt64Array(buffer, 0, 1), size)
    this.#producerWord = pageSize / 4
    this.#dataWord = dataOffset / 4
    this.#bytes = new Uint8Array(buffer, dataOffset, 2 * size)
    this.#current = new CurrentRecord(new DataView(buffer, dataOffset, 2 * size), origin)
  }

  /** Name of the map. */
  get name(): string {
    return this.#origin.name
  }

  /** Bytes that were not read yet, headers and discarded records included. */
  get availableBytes(): number {
    const between = this.#between
    return between > this.size ? 0 : between - this.#space.bytes
  }

  /**
   * Whether there is something in the ring that cannot be read yet: the oldest record is still being written, and
   * all later ones have to wait for it.
   */
  get stalled(): boolean {
    const between = this.#between
    if (between === this.#space.bytes || between > this.size) return between > this.size
    const offset = (Atomics.load(this.#words, 0) + this.#space.bytes) & (this.size - 1)
    return Atomics.load(this.#words, this.#dataWord + (offset >>> 2)) < 0
  }

  /** More than the ring holds when another reader has moved the consumer position: there is nothing to read then. */
  get #between(): number {
    // Loading is all that Atomics may do to read-only memory: it is a plain load.
    const consumer = Atomics.load(this.#words, 0)
    return (Atomics.load(this.#words, this.#producerWord) - consumer) >>> 0
  }

  /**
   * Calls back for the records that are there now, oldest first. A record is consumed when its callback returns,
   * throws, or closes the ring.
   *
   * @param limit greatest number of records
   * @returns how many there were
   */
  drain(callback: (record: RingView<T>) => void, limit: number): number {
    const space = this.#space
    space.release()
    this.#found = 0
    let available = this.availableBytes
    let position = Atomics.load(this.#words, 0)
    let count = 0
    const batch = Math.min(BATCH, this.size / RELEASES_PER_ROUND)
    try {
      while (available > 0 && count < limit && !space.closed) {
        const ready = this.#findReady(position, Math.min(available, batch), limit - count)
        if (ready === 0) break
        count += this.#deliver(position, ready, callback)
        position = (position + ready) | 0
        available -= ready
        space.releasePortion()
      }
    } finally {
      space.release()
    }
    return count
  }

  #findReady(position: number, bytes: number, limit: number): number {
    return findFinished(this.#words, this.#dataWord, this.size - 1, position, bytes, limit)
  }

  /** Calls back for finished records; returns how many were not discarded. Stops when the callback closes the ring. */
  #deliver(position: number, ready: number, callback: (record: RingView<T>) => void): number {
    const words = this.#words
    const dataWord = this.#dataWord
    const mask = this.size - 1
    const current = this.#current
    const space = this.#space
    const before = space.bytes
    let count = 0
    let known = 0
    let step = HEADER_SIZE
    for (let done = 0; done < ready; ) {
      const offset = (position + done) & mask
      const header = words[dataWord + (offset >>> 2)]!
      if (header !== known) {
        known = header
        step = stepOf(header)
      }
      done += step
      // Before the callback: it may throw, or close the ring.
      space.bytes = before + done
      if ((known & DISCARDED) !== 0) continue
      count++
      current.offset = offset + HEADER_SIZE
      current.length = known & LENGTH_MASK
      callback(current)
      if (space.closed) break
    }
    return count
  }

  /**
   * Copies the oldest record and consumes it; `undefined` when no record is finished. Space is given back for several
   * records at a time, at the latest with the last one; {@link Ring.settle} does so at once.
   */
  take(): RingRecord<T> | undefined {
    while (this.#found > 0 || this.#find()) {
      const at = this.#next & (this.size - 1)
      const header = this.#words[this.#dataWord + (at >>> 2)]!
      const step = stepOf(header)
      const start = at + HEADER_SIZE
      // Of all ways to copy the one that makes no view of the shared memory, which would cost as much again.
      const data = this.#bytes.slice(start, start + (header & LENGTH_MASK))
      this.#next = (this.#next + step) | 0
      this.#found -= step
      this.#space.bytes += step
      this.#space.releasePortion()
      if ((header & DISCARDED) === 0) return new RingRecord(data, this.#origin)
    }
    return undefined
  }

  /** Looks for finished records to take, and gives the space of those before them back. */
  #find(): boolean {
    if (this.#space.closed) return false
    // Before looking: the kernel wakes a reader for the first record behind the consumer position.
    this.#space.release()
    this.#next = Atomics.load(this.#words, 0)
    this.#found = this.#findReady(this.#next, Math.min(this.availableBytes, BATCH), BATCH)
    return this.#found > 0
  }

  /** Gives the space of all consumed records back. */
  settle(): void {
    this.#space.release()
  }

  /** Gives consumed space back and touches the memory no more, also when this happens in the callback of `drain`. */
  close(): void {
    this.#space.close()
    this.#found = 0
  }
}
