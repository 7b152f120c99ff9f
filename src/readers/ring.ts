/**
 * The consumer's side of one ring buffer, in memory. No system calls.
 *
 * The memory has the layout of the map's file: a page with the consumer position, a page with the producer position,
 * and the data twice in a row, so that a record which wraps around lies in one piece. Only the first page is
 * writable: an atomic store, exchange or compare-exchange anywhere else would end the process.
 *
 * Positions are 64-bit counters of bytes that wrap around. What is between them is never more than the ring's size,
 * at most 2^31, so their low halves tell everything except what to store: the kernel subtracts all 64 bits. Storing
 * halves would show it a wrong position in between, hence the one `BigInt64Array` store, which V8 makes a single
 * 64-bit store (`xchg` on x86-64, `stlr` on arm64; both machines are little-endian, with the low half first).
 *
 * Ordering is that of `Atomics`, sequentially consistent: what the kernel wrote before it published a position or a
 * header is seen after loading it; everything we read is read before the position that gives it back; and a new position
 * is visible before the next look at the producer's, on which the kernel's decision to wake us relies.
 *
 * Source: kernel/bpf/ringbuf.c, Documentation/bpf/ringbuf.rst.
 *
 * @module
 */

import { copyBytes } from '../codecs.ts'
import { decodeRecord, type RecordSource, RingRecord, type RingView } from './record.ts'

/** `BPF_RINGBUF_HDR_SZ`: u32 length and flags, u32 page offset. */
const HEADER_SIZE = 8
const DISCARDED = 0x4000_0000
const LENGTH_MASK = 0x3fff_ffff
/** Space is given back at least every so many parts of the ring, for producers not to wait for the end of a drain. */
const RELEASES_PER_ROUND = 8

/** The record that a callback sees. */
class CurrentRecord implements RingView {
  readonly view: DataView
  offset = 0
  length = 0
  readonly #source: RecordSource

  constructor(view: DataView, source: RecordSource) {
    this.view = view
    this.#source = source
  }

  get source(): string {
    return this.#source.name
  }

  get data(): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + this.offset, this.length)
  }

  decode(): unknown {
    return decodeRecord(this.#source, this.view, this.offset, this.length)
  }
}

/** One ring. Not re-entrant: `drain` must not be called from its callback. */
export class Ring {
  /** Where its records come from. */
  readonly source: RecordSource
  /** Bytes of its data. */
  readonly size: number
  readonly #words: Int32Array
  readonly #consumer: BigInt64Array
  /** Index in `#words` of the low half of the producer position. */
  readonly #producerWord: number
  readonly #dataWord: number
  readonly #current: CurrentRecord
  /** Bytes consumed since the consumer position was stored. */
  #consumed = 0
  #closed = false

  /**
   * @param buffer the memory, laid out as described above
   * @param pageSize bytes of a page
   * @param size bytes of the ring's data, a power of two
   */
  constructor(buffer: SharedArrayBuffer, pageSize: number, size: number, source: RecordSource) {
    const dataOffset = 2 * pageSize
    this.source = source
    this.size = size
    this.#words = new Int32Array(buffer, 0, (dataOffset + 2 * size) / 4)
    this.#consumer = new BigInt64Array(buffer, 0, 1)
    this.#producerWord = pageSize / 4
    this.#dataWord = dataOffset / 4
    this.#current = new CurrentRecord(new DataView(buffer, dataOffset, 2 * size), source)
  }

  /** Bytes from the consumer position to the producer position, headers and discarded records included. */
  get availableBytes(): number {
    const between = this.#between
    return between > this.size ? 0 : between
  }

  /**
   * Whether there is something in the ring that cannot be read yet: the oldest record is still being written, and
   * all later ones have to wait for it.
   */
  get stalled(): boolean {
    const between = this.#between
    if (between === 0 || between > this.size) return between > this.size
    const offset = Atomics.load(this.#words, 0) & (this.size - 1)
    return Atomics.load(this.#words, this.#dataWord + (offset >>> 2)) < 0
  }

  /** More than the ring holds when somebody else has moved the consumer position: nothing there is for us then. */
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
  drain(callback: (record: RingView) => void, limit: number): number {
    let available = this.availableBytes
    let count = 0
    const current = this.#current
    const mask = this.size - 1
    const releaseAt = this.size / RELEASES_PER_ROUND
    let position = Atomics.load(this.#words, 0)
    try {
      while (available > 0 && count < limit && !this.#closed) {
        const offset = position & mask
        const header = Atomics.load(this.#words, this.#dataWord + (offset >>> 2))
        // BPF_RINGBUF_BUSY_BIT is the sign.
        if (header < 0) break
        const length = header & LENGTH_MASK
        const step = HEADER_SIZE + ((length + 7) & ~7)
        position = (position + step) | 0
        available -= step
        this.#consumed += step
        if ((header & DISCARDED) === 0) {
          count++
          current.offset = offset + HEADER_SIZE
          current.length = length
          callback(current)
        }
        if (this.#consumed >= releaseAt) this.#release()
      }
    } finally {
      this.#release()
    }
    return count
  }

  /** Copies the oldest record and consumes it; `undefined` when there is none. */
  take(): RingRecord | undefined {
    let taken: RingRecord | undefined
    this.drain(({ view, offset, length }) => {
      taken = new RingRecord(copyBytes(view, offset, length), this.source)
    }, 1)
    return taken
  }

  /** Gives consumed space back and touches the memory no more, also when this happens in the callback of `drain`. */
  close(): void {
    this.#release()
    this.#closed = true
  }

  /** Stores the consumer position, unless nothing changed. */
  #release(): void {
    if (this.#consumed === 0 || this.#closed) return
    const consumed = this.#consumed
    this.#consumed = 0
    Atomics.store(this.#consumer, 0, Atomics.load(this.#consumer, 0) + BigInt(consumed))
  }
}
