/**
 * Several sources read as one: what every reader is made of.
 *
 * @module
 */

import { BpfError, closedError } from '../base/errors.ts'
import { Readiness } from './readiness.ts'
import { type IteratedStream, RECORDS_PER_TURN, RecordIterator } from './record-iterator.ts'
import type { RecordSource, Watch } from './source.ts'

/** How to drain. */
export interface DrainOptions {
  /** Greatest number of records. Default: all that are there. */
  limit?: number
}

/** How to iterate. */
export interface RecordsOptions {
  /** Ends the iteration, without an error. */
  signal?: AbortSignal
}

/**
 * The records of several sources. They take turns, so that a busy one does not keep the others waiting.
 *
 * @typeParam R a record that was copied
 * @typeParam V a record in place, valid during a callback
 */
export class RecordStream<R, V = R> implements IteratedStream<R>, Disposable {
  readonly readiness: Readiness = new Readiness()
  readonly waiting: Set<RecordIterator<R>> = new Set()
  /** Whether `close` was called. */
  closed = false
  left: number = RECORDS_PER_TURN
  readonly #kind: string
  readonly #sources: RecordSource<R, V>[] = []
  /** Index of the source to begin with: the one after where the last call stopped early. */
  #first = 0
  #draining = false

  /** @param kind what is read, for messages: `'ring buffer'` */
  constructor(kind: string) {
    this.#kind = kind
  }

  /**
   * Adds a source, which closes with the stream.
   *
   * @param watch watches the source
   * @throws what `watch` throws; the source stays the caller's then
   */
  add(source: RecordSource<R, V>, watch: Watch): void {
    this.readiness.add(source, watch)
    this.#sources.push(source)
  }

  /** Takes a source out and closes it. Not from the callback of `drain`. */
  remove(source: RecordSource<R, V>): void {
    const index = this.#sources.indexOf(source)
    if (index === -1) return
    this.readiness.remove(source)
    this.#sources.splice(index, 1)
    if (this.#first >= this.#sources.length) this.#first = 0
    source.close()
  }

  /** Names of the sources, in the order in which they were added. */
  get names(): string[] {
    return this.#sources.map(({ name }) => name)
  }

  /**
   * Calls back for each record that is there now; as `RecordSource.drain`. It does not wait, and what is written
   * meanwhile is for the next call. An error of the callback ends the drain and is thrown. The callback may close the
   * stream.
   *
   * @returns how many records there were
   * @throws BpfError `ERR_CLOSED`; `ERR_BUSY` when called from its own callback
   * @throws RangeError when the limit is not a positive integer
   * @throws TypeError when the callback is not a function
   */
  drain(callback: (record: V) => void, options: DrainOptions = {}): number {
    const { limit = Number.POSITIVE_INFINITY } = options
    if (limit !== Number.POSITIVE_INFINITY && !(Number.isInteger(limit) && limit > 0))
      throw new RangeError(`Cannot drain ${this.#title}: limit ${limit} is not a positive integer`)
    if (typeof callback !== 'function')
      throw new TypeError(`Cannot drain ${this.#title}: the callback is not a function`)
    this.checkIdle()
    this.#draining = true
    try {
      return this.#drain(callback, limit)
    } finally {
      this.#draining = false
    }
  }

  #drain(callback: (record: V) => void, limit: number): number {
    const { length } = this.#sources
    const first = this.#first
    let count = 0
    for (let i = 0; i < length && count < limit && !this.closed; i++) {
      const index = (first + i) % length
      count += this.#sources[index]!.drain(callback, limit - count)
      // A busy source must not keep the others from their turn.
      if (count === limit) this.#first = (index + 1) % length
    }
    return count
  }

  /**
   * Iterates over copies of the records, waiting for more. It ends, without an error, when the stream is closed or the
   * signal aborts. Records are taken as they are asked for: leaving the loop loses none, and another one goes on where
   * it was left. The process is kept alive only while a record is waited for.
   *
   * @throws BpfError `ERR_CLOSED`
   * @throws TypeError when the signal is not an `AbortSignal`
   */
  records(options: RecordsOptions = {}): AsyncIterableIterator<R, undefined> {
    if (this.closed) throw this.#closedError()
    const { signal } = options
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw new TypeError(`Cannot read ${this.#title}: the signal is not an AbortSignal`)
    return new RecordIterator(this, signal)
  }

  take(): R | undefined {
    this.checkIdle()
    const sources = this.#sources
    for (let left = sources.length; left > 0; left--) {
      // No remainder: for each record that would cost more than the rest of this loop. A source may have been taken out.
      if (this.#first >= sources.length) this.#first = 0
      const record = sources[this.#first++]?.take()
      if (record !== undefined) return record
    }
    return undefined
  }

  settle(): void {
    for (const source of this.#sources) source.settle()
  }

  /** @throws BpfError `ERR_CLOSED`; `ERR_BUSY` within a callback of `drain` */
  checkIdle(): void {
    if (this.closed) throw this.#closedError()
    if (this.#draining)
      throw new BpfError(`Cannot read ${this.#title} from the callback of its own drain`, {
        code: 'ERR_BUSY',
      })
  }

  #closedError(): BpfError {
    const title = this.#title
    return closedError(title.charAt(0).toUpperCase() + title.slice(1))
  }

  get #title(): string {
    const names = new Set(this.names.filter(name => name !== ''))
    return `${this.#kind} ${[...names].join(', ')}`
  }

  /** Closes the sources and ends iterations. Idempotent. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.readiness.close()
    for (const iterator of this.waiting) iterator.end()
    for (const source of this.#sources) source.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
