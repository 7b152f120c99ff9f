/**
 * `for await` over records.
 *
 * @module
 */

import type { Readiness } from './readiness.ts'

/** So many records may follow each other before timers, signals and I/O get their turn. */
export const RECORDS_PER_TURN = 512

/** Always written as `{ value, done }`: promises of objects with their properties in this order settle 7 ns sooner. */
type Result<R> = IteratorResult<R, undefined>

interface Pending<R> {
  resolve(result: Result<R>): void
  reject(error: unknown): void
}

/** The stream that an iterator takes its records from. */
export interface IteratedStream<R> {
  /** Copies and consumes the next record; `undefined` when none can be read now. */
  take(): R | undefined
  /** Gives the space of records that were taken back. */
  settle(): void
  /** Whether it was closed. */
  readonly closed: boolean
  readonly readiness: Readiness
  /** How many more records may be given out before the event loop has to turn. */
  left: number
  /** The iterators with a pending call, to be ended with the stream. */
  readonly waiting: Set<RecordIterator<R>>
}

/**
 * Takes one record at a time: what is not asked for stays in its source, which thereby is the queue between kernel and
 * consumer. Several calls of `next` may be pending.
 */
export class RecordIterator<R> implements AsyncIterableIterator<R, undefined> {
  readonly #stream: IteratedStream<R>
  readonly #signal: AbortSignal | undefined
  readonly #pending: Pending<R>[] = []
  #turn: NodeJS.Immediate | undefined
  #ended = false

  constructor(stream: IteratedStream<R>, signal: AbortSignal | undefined) {
    this.#stream = stream
    this.#signal = signal
  }

  next(): Promise<Result<R>> {
    if (this.#stream.closed || this.#signal?.aborted === true) this.end()
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    try {
      const record = this.#pending.length === 0 ? this.#take() : undefined
      if (record !== undefined) return Promise.resolve({ value: record, done: false })
    } catch (error) {
      return Promise.reject(error)
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject })
      if (this.#pending.length === 1) this.#wait()
    })
  }

  /** Ends the iteration; no record is lost. */
  return(): Promise<Result<R>> {
    this.end()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends the iteration, pending calls of `next` included. Idempotent. */
  end(): void {
    this.#ended = true
    this.#stream.settle()
    this.#stopWaiting()
    for (const { resolve } of this.#pending.splice(0)) resolve({ value: undefined, done: true })
  }

  #take(): R | undefined {
    if (this.#stream.left === 0) return undefined
    const record = this.#stream.take()
    if (record !== undefined) this.#stream.left--
    return record
  }

  /** Waits for records, or for the next turn of the event loop when this one had its share. */
  #wait(): void {
    // A callback of the source may have closed it, or aborted the signal, while it was asked for a record.
    if (this.#stream.closed || this.#signal?.aborted === true) {
      this.end()
      return
    }
    this.#stream.waiting.add(this)
    try {
      this.#stream.settle()
      if (this.#stream.left === 0) this.#turn = setImmediate(this.#resume)
      else this.#stream.readiness.wait(this.#resume)
      this.#signal?.addEventListener('abort', this.#abort)
    } catch (error) {
      this.#fail(error)
    }
  }

  #stopWaiting(): void {
    this.#stream.waiting.delete(this)
    clearImmediate(this.#turn)
    this.#stream.readiness.cancel(this.#resume)
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  #fail(error: unknown): void {
    const failed = this.#pending.shift()
    this.end()
    failed?.reject(error)
  }

  readonly #abort = (): void => this.end()

  readonly #resume = (): void => {
    this.#stopWaiting()
    this.#stream.left = RECORDS_PER_TURN
    try {
      while (this.#pending.length > 0) {
        const record = this.#take()
        if (record === undefined) break
        this.#pending.shift()!.resolve({ value: record, done: false })
      }
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#pending.length > 0) this.#wait()
  }
}
