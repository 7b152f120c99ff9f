/**
 * A piece of a ring buffer that one of several readers has.
 *
 * @module
 */

import type { RingView } from '../record.ts'
import { type CurrentRecord, DISCARDED, HEADER_SIZE, LENGTH_MASK, stepOf } from '../ring-records.ts'

/** The reader that a batch is of. */
export interface BatchReader<T> {
  readonly current: CurrentRecord<T>
  /** The header of the record at an offset. */
  headerAt(offset: number): number
  /** Whether the batch is the reader's. */
  has(batch: RingBatch<T>): boolean
  /** Ends the batch. */
  end(batch: RingBatch<T>, done: boolean): void
  /** @throws BpfError `ERR_CLOSED` */
  checkOpen(): void
}

/**
 * Some records of a ring buffer, in the order in which they were written, which no other reader gets as long as this one has
 * them. They count as seen when `done` has returned, and not before: whatever ends this thread earlier, another reader gets
 * the whole batch again, under the same number. `using` gives back a batch that is not done.
 *
 * @typeParam T what the value of a record is
 */
export class RingBatch<T = unknown> implements Disposable {
  /** Counts the batches of the ring, from 0, modulo 2^32. A batch that another reader gets again keeps its number. */
  readonly number: number
  /** Bytes of its records and their headers, discarded ones included. */
  readonly length: number
  readonly #reader: BatchReader<T>
  readonly #offset: number

  /** @internal */
  constructor(reader: BatchReader<T>, number: number, offset: number, length: number) {
    this.#reader = reader
    this.number = number
    this.#offset = offset
    this.length = length
  }

  /**
   * Calls back for each record, in place, oldest first. An error of the callback ends it and is thrown; so does closing the
   * reader within it, without an error.
   *
   * @param callback gets a view that is valid until it returns; see {@link RingView}
   * @returns how many records there were
   * @throws BpfError `ERR_CLOSED` when the ring was closed
   * @throws TypeError when the callback is not a function
   */
  read(callback: (record: RingView<T>) => void): number {
    if (typeof callback !== 'function')
      throw new TypeError('Cannot read a batch: the callback is not a function')
    const reader = this.#reader
    const { current } = reader
    let count = 0
    for (let done = 0; done < this.length && reader.has(this); ) {
      const header = reader.headerAt(this.#offset + done)
      // Memory that was taken away is zeros, and so may be the header of an empty record.
      if (header === 0) reader.checkOpen()
      const offset = this.#offset + done + HEADER_SIZE
      done += stepOf(header)
      if ((header & DISCARDED) !== 0) continue
      count++
      current.offset = offset
      current.length = header & LENGTH_MASK
      callback(current)
    }
    return count
  }

  /**
   * Says that its records were seen, and gives their space back once all older ones were seen too. Does nothing when the batch
   * was ended already.
   *
   * @throws BpfError `ERR_CLOSED` when the ring was closed meanwhile: the records do not count as seen
   */
  done(): void {
    this.#reader.end(this, true)
  }

  /** Lets another reader have it, or this one again. Does nothing when the batch was ended already. */
  giveBack(): void {
    this.#reader.end(this, false)
  }

  [Symbol.dispose](): void {
    this.giveBack()
  }
}
