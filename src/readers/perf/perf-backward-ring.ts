/**
 * The ring of one CPU that the kernel writes over: the newest records are always there, and the reader looks at them while
 * the kernel pauses. No system calls.
 *
 * The kernel writes such a ring from its end to its start: the head counts down, and the newest record begins at it. Read
 * upwards from there, records get older, until where the last look began, or until the end of the newest round, where
 * a record may be cut. The memory is mapped read-only, which is what makes the kernel write over it.
 *
 * Source: kernel/events/ring_buffer.c `perf_output_begin_backward`, `perf_mmap` (`VM_WRITE`).
 *
 * @module
 */

import { perfRecordTypes } from '../../abi/generated/enums.ts'
import { perfEventMmapPage } from '../../abi/generated/layouts.ts'
import type { RecordOrigin } from '../record.ts'
import type { RecordSource } from '../source.ts'
import type { PerfRecord, PerfView } from './perf-record.ts'
import { type PerfMemory, PerfSamples } from './perf-ring.ts'

/** The ring of one CPU. Its owner pauses the kernel before it reads. Not re-entrant. */
export class PerfBackwardRing<T> implements RecordSource<PerfRecord<T>, PerfView<T>> {
  readonly cpu: number
  readonly stalled = false
  readonly lost = 0
  readonly #samples: PerfSamples<T>
  readonly #head: BigInt64Array
  readonly #size: bigint
  /** Where the newest record began at the last look. */
  #seen = 0n
  #position = 0n
  /** Bytes from the position on that were not looked at. */
  #left = 0
  #closed = false

  constructor(memory: PerfMemory, origin: RecordOrigin<T>, cpu: number) {
    this.cpu = cpu
    this.#samples = new PerfSamples(memory, origin, cpu)
    this.#head = new BigInt64Array(memory.buffer, perfEventMmapPage.data_head, 1)
    this.#size = BigInt(memory.size)
  }

  get name(): string {
    return this.#samples.source
  }

  /** Bytes that were not read: those left of this look, and those that were written since it began. */
  get availableBytes(): number {
    return this.#closed ? 0 : this.#left + this.#written()
  }

  #written(): number {
    const written = BigInt.asUintN(64, this.#seen - Atomics.load(this.#head, 0))
    return Number(written < this.#size ? written : this.#size)
  }

  /** Begins a look, once the kernel pauses. */
  begin(): void {
    if (this.#left > 0 || this.#closed) return
    this.#left = this.#written()
    this.#position = Atomics.load(this.#head, 0)
    this.#seen = this.#position
  }

  drain(callback: (record: PerfView<T>) => void, limit: number): number {
    let count = 0
    while (count < limit && this.#next()) {
      count++
      callback(this.#samples)
    }
    return count
  }

  take(): PerfRecord<T> | undefined {
    return this.#next() ? this.#samples.copy() : undefined
  }

  /** Moves on to the next older sample. */
  #next(): boolean {
    const samples = this.#samples
    while (this.#left > 0 && !this.#closed) {
      const at = Number(BigInt.asUintN(32, this.#position)) & samples.mask
      const word = samples.dataWord + (at >>> 2)
      const size = samples.words[word + 1]! >>> 16
      // The oldest one was cut by the newest, or nothing was ever written here.
      if (size === 0 || size > this.#left) break
      samples.sizeAt(at, this.#left)
      this.#left -= size
      this.#position += BigInt(size)
      if (samples.words[word] !== perfRecordTypes.sample) continue
      samples.place(at, size)
      return true
    }
    this.#left = 0
    return false
  }

  settle(): void {}

  close(): void {
    this.#left = 0
    this.#closed = true
  }
}
