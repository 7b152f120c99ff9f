/**
 * The consumer's side of one CPU's ring of a perf buffer, in memory. No system calls.
 *
 * The memory has the layout of a mapped perf event: a page with the positions, and the data. The kernel writes records
 * one behind the other, each with a header of type, flags and size; one that reaches the end of the data goes on at its
 * start. A second mapping behind the first would show such a record in one piece, but the kernel refuses what that takes
 * (splitting the mapping, since Linux 6.17), so it is put together in memory of its own: one record a round.
 *
 * Positions are 64-bit counters of bytes that wrap around. What is between them is never more than the ring's size, so
 * their low halves say everything except what to store: the kernel subtracts all 64 bits, hence the one `BigInt64Array`
 * store, as in `ring.ts`.
 *
 * Ordering. The kernel writes records, then the head (`smp_wmb`); everything below the head is finished, so one load of
 * the head by `Atomics` (`ldar` on arm64) stands before plain loads of all records. It reads the tail before it writes
 * over what lies behind it; the tail is stored by `Atomics` after the last load of a record.
 *
 * Source: kernel/events/ring_buffer.c `perf_output_put_handle`; include/uapi/linux/perf_event.h `data_head`.
 *
 * @module
 */

import { perfRecordTypes } from '../../abi/generated/enums.ts'
import { perfEventMmapPage } from '../../abi/generated/layouts.ts'
import { BpfError } from '../../base/errors.ts'
import { ConsumedSpace } from '../consumed-space.ts'
import { decodeRecord, type RecordOrigin } from '../record.ts'
import type { RecordSource } from '../source.ts'
import { PerfRecord, type PerfView } from './perf-record.ts'

/** `struct perf_event_header`: u32 type, u16 flags, u16 size. */
const HEADER_SIZE = 8
/** What stands before the bytes of a sample: the header, and their number. */
const SAMPLE_START = 12
/** The number of lost records: behind the header and a u64 id. */
const LOST_COUNT = 16
/** More than the size of a record can say. */
const MOST_SIZE = 0x1_0000
/** The kernel aligns records to 8 bytes; what it adds belongs to the sample by its number of bytes. */
const MOST_PADDING = 7

const { sample: SAMPLE, lost: LOST } = perfRecordTypes
const nothing = new Uint8Array(new SharedArrayBuffer(0))

/** The memory of a perf event, as it is mapped. */
export interface PerfMemory {
  readonly buffer: SharedArrayBuffer
  /** Bytes of the page before the data. */
  readonly pageSize: number
  /** Bytes of the data, a power of two. */
  readonly size: number
}

/** Called when the kernel says that records of a CPU were lost, with the name of their map. */
export type LostCallback = (cpu: number, count: number, source: string) => void

/** Finds the samples in the data of a perf event. */
export class PerfSamples<T> implements PerfView<T> {
  readonly cpu: number
  /** Index in `words` of the first word of the data. */
  readonly dataWord: number
  readonly words: Int32Array
  readonly mask: number
  view: DataView
  offset = 0
  length = 0
  readonly #origin: RecordOrigin<T>
  readonly #bytes: Uint8Array<SharedArrayBuffer>
  readonly #ring: DataView
  /** Where a record that goes round the end is put together. */
  #joined: Uint8Array<SharedArrayBuffer> = nothing
  #fixed: number | undefined

  constructor({ buffer, pageSize, size }: PerfMemory, origin: RecordOrigin<T>, cpu: number) {
    this.#origin = origin
    this.cpu = cpu
    this.words = new Int32Array(buffer, 0, (pageSize + size) / 4)
    this.dataWord = pageSize / 4
    this.mask = size - 1
    this.#bytes = new Uint8Array(buffer, pageSize, size)
    this.#ring = new DataView(buffer, pageSize, size)
    this.view = this.#ring
  }

  get source(): string {
    return this.#origin.name
  }

  get data(): Uint8Array {
    const { buffer, byteOffset } = this.view
    return new Uint8Array(buffer, byteOffset + this.offset, this.length)
  }

  get value(): T {
    return decodeRecord(this.#origin, this.view, this.offset, this.length)
  }

  /** The size that all records have by their codec, or 0. */
  get #recordSize(): number {
    if (this.#fixed === undefined) {
      try {
        this.#fixed = this.#origin.codec()?.size ?? 0
      } catch {
        // Whoever asks for the value gets the error.
        this.#fixed = 0
      }
    }
    return this.#fixed
  }

  /**
   * Size of the record at an offset.
   *
   * @param available bytes from there on that have records
   * @throws BpfError `ERR_RECORD_SIZE` when it cannot be one
   */
  sizeAt(at: number, available: number): number {
    const size = this.words[this.dataWord + (at >>> 2) + 1]! >>> 16
    if (size >= HEADER_SIZE && (size & 7) === 0 && size <= available) return size
    throw this.#damaged(`a record of ${size} bytes where ${available} are left`)
  }

  /** Moves on to the sample at an offset, whose record has `size` bytes. */
  place(at: number, size: number): void {
    const sample = this.words[this.dataWord + (((at + HEADER_SIZE) & this.mask) >>> 2)]!
    if (sample < 0 || sample > size - SAMPLE_START)
      throw this.#damaged(`a sample of ${sample >>> 0} bytes in a record of ${size}`)
    const fixed = this.#recordSize
    this.length = fixed > 0 && sample >= fixed && sample - fixed <= MOST_PADDING ? fixed : sample
    if (at + size <= this.mask + 1) {
      this.view = this.#ring
      this.offset = at + SAMPLE_START
    } else {
      this.view = this.#join(at, size)
      this.offset = SAMPLE_START
    }
  }

  /** A copy of the bytes of the sample that it is at. */
  copy(): PerfRecord<T> {
    const bytes = this.view === this.#ring ? this.#bytes : this.#joined
    return new PerfRecord(bytes.slice(this.offset, this.offset + this.length), this.#origin, this.cpu)
  }

  /** How many records the record of type `lost` at an offset says were lost. */
  lostAt(at: number): number {
    const low = this.words[this.dataWord + (((at + LOST_COUNT) & this.mask) >>> 2)]! >>> 0
    const high = this.words[this.dataWord + (((at + LOST_COUNT + 4) & this.mask) >>> 2)]! >>> 0
    return high * 2 ** 32 + low
  }

  #join(at: number, size: number): DataView {
    if (this.#joined.length === 0) this.#joined = new Uint8Array(new SharedArrayBuffer(MOST_SIZE))
    const before = this.mask + 1 - at
    this.#joined.set(this.#bytes.subarray(at))
    this.#joined.set(this.#bytes.subarray(0, size - before), before)
    return new DataView(this.#joined.buffer)
  }

  #damaged(what: string): BpfError {
    return new BpfError(`Perf buffer ${this.source} is damaged on CPU ${this.cpu}: ${what}`, {
      code: 'ERR_RECORD_SIZE',
    })
  }
}

/** The ring of one CPU. Not re-entrant: `drain` must not be called from its callback. */
export class PerfRing<T> implements RecordSource<PerfRecord<T>, PerfView<T>> {
  readonly cpu: number
  /** Everything below the head is finished. */
  readonly stalled = false
  /** Records that the kernel says it had no room for. It says so with the next record that it has room for. */
  lost = 0
  readonly #samples: PerfSamples<T>
  readonly #words: Int32Array
  readonly #space: ConsumedSpace
  readonly #size: number
  readonly #onLost: LostCallback | undefined
  /** Low half of the position of the next record. */
  #position: number
  /** Bytes from `#position` on that are known to be finished; for `take`. */
  #found = 0

  constructor(memory: PerfMemory, origin: RecordOrigin<T>, cpu: number, onLost?: LostCallback) {
    this.cpu = cpu
    this.#samples = new PerfSamples(memory, origin, cpu)
    this.#words = this.#samples.words
    const tail = new BigInt64Array(memory.buffer, perfEventMmapPage.data_tail, 1)
    this.#space = new ConsumedSpace(tail, memory.size)
    this.#size = memory.size
    this.#onLost = onLost
    this.#position = Atomics.load(this.#words, perfEventMmapPage.data_tail / 4)
  }

  get name(): string {
    return this.#samples.source
  }

  /** Bytes that were not read yet, headers included. */
  get availableBytes(): number {
    return this.#space.closed ? 0 : this.#available()
  }

  #available(): number {
    const available = (Atomics.load(this.#words, perfEventMmapPage.data_head / 4) - this.#position) >>> 0
    // More than it holds was never written: there is nothing to trust in.
    return available <= this.#size ? available : 0
  }

  drain(callback: (record: PerfView<T>) => void, limit: number): number {
    const samples = this.#samples
    const space = this.#space
    const { words, dataWord, mask } = samples
    this.#found = 0
    let left = this.#available()
    let count = 0
    try {
      while (left > 0 && count < limit && !space.closed) {
        const at = this.#position & mask
        const size = this.#sizeAt(at, left)
        left -= size
        // Before the callback: it may throw, or close the ring.
        this.#advance(size)
        const type = words[dataWord + (at >>> 2)]
        if (type === SAMPLE) {
          samples.place(at, size)
          count++
          callback(samples)
        } else if (type === LOST) {
          this.#lose(samples.lostAt(at))
        }
        space.releasePortion()
      }
    } finally {
      space.release()
    }
    return count
  }

  take(): PerfRecord<T> | undefined {
    const samples = this.#samples
    while (this.#found > 0 || this.#find()) {
      const at = this.#position & samples.mask
      const size = this.#sizeAt(at, this.#found)
      this.#found -= size
      // Before anything that may throw; its space is given back further below.
      this.#advance(size)
      const type = samples.words[samples.dataWord + (at >>> 2)]
      let record: PerfRecord<T> | undefined
      if (type === SAMPLE) {
        samples.place(at, size)
        record = samples.copy()
      }
      const lost = type === LOST ? samples.lostAt(at) : 0
      this.#space.releasePortion()
      if (record !== undefined) return record
      if (lost > 0) this.#lose(lost)
    }
    return undefined
  }

  #find(): boolean {
    if (this.#space.closed) return false
    this.#space.release()
    this.#found = this.#available()
    return this.#found > 0
  }

  /** What cannot be read is skipped: without a size nothing behind it can be found. */
  #sizeAt(at: number, available: number): number {
    try {
      return this.#samples.sizeAt(at, available)
    } catch (error) {
      this.#found = 0
      this.#advance(available)
      throw error
    }
  }

  #advance(size: number): void {
    this.#position = (this.#position + size) | 0
    this.#space.bytes += size
  }

  #lose(count: number): void {
    this.lost += count
    this.#onLost?.(this.cpu, count, this.name)
  }

  settle(): void {
    this.#space.release()
  }

  /** Gives consumed space back and touches the memory no more, also when this happens in the callback of `drain`. */
  close(): void {
    this.#space.close()
    this.#found = 0
  }
}
