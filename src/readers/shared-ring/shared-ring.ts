/**
 * A ring buffer that several threads read, in memory. No system calls but those of the lock.
 *
 * Finished records are claimed in batches: pieces of the ring, one behind the other, in a queue that the threads share. A
 * thread reads its batch without the lock and says then that it is done. The consumer position moves over the batches at
 * the head of the line that are done, so the kernel writes over nothing that is being read.
 *
 * An entry of the queue has the position and length of a batch, and its holder: the id of a thread, `GIVEN_BACK`, or `DONE`.
 * What a thread held that is dead, or has given back, the next one that claims gets, as a whole. A batch is done from one
 * compare-exchange on: a thread that stops before it has not done it.
 *
 * The queue is changed under the lock of `ThreadTable`, which is taken over from a thread that is dead, so it is right at
 * every step: an entry is written before the end of the queue is moved over it; the consumer position is stored, as a whole,
 * before the start is moved, and storing it again changes nothing.
 *
 * The order of loads is that of `ring.ts`: the fence stands within the lock, before the batch is read. The consumer position
 * is stored after the lock was taken for `done`, behind all loads of the batch.
 *
 * @module
 */

import { BpfError, closedError } from '../../base/errors.ts'
import type { RecordOrigin, RingView } from '../record.ts'
import type { RingMemory } from '../ring-handle.ts'
import { CurrentRecord, findFinished } from '../ring-records.ts'
import type { RecordSource } from '../source.ts'
import type { ThreadLife } from '../threads/thread-life.ts'
import { TABLE_WORDS, ThreadTable } from '../threads/thread-table.ts'
import { RingBatch } from './ring-batch.ts'

/** Batches that are out at one time, more than there are threads; a power of two. */
const ENTRIES = 256
/** The most bytes of a batch, the last record excepted: some hundred records, for which the lock is taken twice. */
const MOST_BYTES = 65536
/** Batches of a full ring, so that small ones are shared too. */
const BATCHES_PER_ROUND = 16

/** Milliseconds between two looks whether the holders of batches live, as long as there is more to claim. */
const LOOK_INTERVAL = 10

/** Words of the control memory behind the table. */
const CLOSED = TABLE_WORDS
/** Numbers of the next batch, and of the oldest one that is out. */
const NEXT = CLOSED + 1
const OLDEST = NEXT + 1
const HOLDERS = OLDEST + 1
const LENGTHS = HOLDERS + ENTRIES
/** Rounded up: positions have 8 bytes. */
const POSITIONS = (LENGTHS + ENTRIES + 1) & ~1
/** Bytes of the control memory. */
export const CONTROL_BYTES: number = POSITIONS * 4 + ENTRIES * 8

const GIVEN_BACK = 0
const DONE = -1

/** One reader of a ring. */
export class SharedRing<T> implements RecordSource<RingBatch<T>, RingView<T>> {
  readonly size: number
  readonly #words: Int32Array
  readonly #consumer: BigInt64Array
  readonly #producerWord: number
  readonly #dataWord: number
  readonly #origin: RecordOrigin<T>
  readonly #current: CurrentRecord<T>
  readonly #control: Int32Array
  readonly #positions: BigInt64Array
  readonly #table: ThreadTable
  readonly #id: number
  /** The batch that this reader has. */
  #batch: RingBatch<T> | undefined
  /** The oldest batch when this reader last claimed one. */
  #oldest = -1
  /** When it asked whether holders live, while there was more to claim. */
  #looked = 0
  #left = false

  /**
   * Joins the readers.
   *
   * @throws BpfError `ERR_BUSY` when there are too many; `ERR_CLOSED` when the ring was closed
   */
  constructor(memory: RingMemory, origin: RecordOrigin<T>, life?: ThreadLife) {
    const { buffer, pageSize, size, control } = memory
    this.size = size
    this.#origin = origin
    this.#words = new Int32Array(buffer, 0, (2 * pageSize + 2 * size) / 4)
    this.#consumer = new BigInt64Array(buffer, 0, 1)
    this.#producerWord = pageSize / 4
    this.#dataWord = (2 * pageSize) / 4
    this.#current = new CurrentRecord(new DataView(buffer, 2 * pageSize, 2 * size), origin)
    this.#control = new Int32Array(control)
    this.#positions = new BigInt64Array(control, POSITIONS * 4, ENTRIES)
    this.#table = new ThreadTable(this.#control, life)
    this.checkOpen()
    this.#id = this.#table.join()
  }

  get name(): string {
    return this.#origin.name
  }

  /** Whether the ring was closed, by whichever reader. */
  get closed(): boolean {
    return Atomics.load(this.#control, CLOSED) !== 0
  }

  /** @throws BpfError `ERR_CLOSED` */
  checkOpen(): void {
    if (this.#left || this.closed) throw closedError(`Shared ring buffer ${this.name}`)
  }

  /** Bytes that no reader has done, headers included. */
  get availableBytes(): number {
    if (this.#left || this.closed) return 0
    const between = (Atomics.load(this.#words, this.#producerWord) - Atomics.load(this.#words, 0)) >>> 0
    return between > this.size ? 0 : between
  }

  /** Nothing can be claimed, and yet the ring is readable: others have their batches, or a record is being written. */
  get stalled(): boolean {
    return this.availableBytes > 0
  }

  /**
   * Claims the next batch.
   *
   * @throws BpfError `ERR_CLOSED`; `ERR_BUSY` when this reader has one
   */
  take(): RingBatch<T> | undefined {
    if (this.#batch !== undefined)
      throw new BpfError(`This reader has batch ${this.#batch.number} of ${this.name}: it is not done`, {
        code: 'ERR_BUSY',
      })
    this.#table.lock(this.#id)
    try {
      this.checkOpen()
      this.#release()
      const oldest = Atomics.load(this.#control, OLDEST)
      // Whether a holder lives is asked of the kernel, so not each time that the oldest batch is where it was.
      const isStuck = oldest === this.#oldest && this.#isTimeToLook()
      this.#oldest = oldest
      this.#batch = this.#claimAgain(isStuck) ?? this.#claimNext() ?? this.#claimAgain(!isStuck)
      return this.#batch
    } finally {
      this.#table.unlock()
    }
  }

  #isTimeToLook(): boolean {
    const now = performance.now()
    if (now - this.#looked < LOOK_INTERVAL) return false
    this.#looked = now
    return true
  }

  /** A batch that was given back, or whose holder is dead. */
  #claimAgain(lookForDead: boolean): RingBatch<T> | undefined {
    const control = this.#control
    const next = Atomics.load(control, NEXT)
    for (let number = Atomics.load(control, OLDEST); number !== next; number = (number + 1) | 0) {
      const at = HOLDERS + (number & (ENTRIES - 1))
      const holder = Atomics.load(control, at)
      const isFree = holder === GIVEN_BACK || (lookForDead && holder !== DONE && !this.#table.isAlive(holder))
      if (isFree) {
        Atomics.store(control, at, this.#id)
        return this.#batchOf(number)
      }
    }
    return undefined
  }

  #claimNext(): RingBatch<T> | undefined {
    const control = this.#control
    const next = Atomics.load(control, NEXT)
    const oldest = Atomics.load(control, OLDEST)
    if (((next - oldest) | 0) === ENTRIES) return undefined
    const position = next === oldest ? Atomics.load(this.#consumer, 0) : this.#endOf((next - 1) | 0)
    const low = Number(BigInt.asIntN(32, position))
    const available = (Atomics.load(this.#words, this.#producerWord) - low) >>> 0
    if (available === 0 || available > this.size) return undefined
    const bytes = Math.min(available, MOST_BYTES, this.size / BATCHES_PER_ROUND)
    const length = findFinished(this.#words, this.#dataWord, this.size - 1, low, bytes, bytes)
    if (length === 0) return undefined
    const index = next & (ENTRIES - 1)
    this.#positions[index] = position
    control[LENGTHS + index] = length
    control[HOLDERS + index] = this.#id
    Atomics.store(control, NEXT, (next + 1) | 0)
    return this.#batchOf(next)
  }

  #batchOf(number: number): RingBatch<T> {
    const index = number & (ENTRIES - 1)
    const offset = Number(BigInt.asUintN(32, this.#positions[index]!)) & (this.size - 1)
    return new RingBatch(this, number >>> 0, offset, this.#control[LENGTHS + index]!)
  }

  #endOf(number: number): bigint {
    const index = number & (ENTRIES - 1)
    return BigInt.asIntN(64, this.#positions[index]! + BigInt(this.#control[LENGTHS + index]!))
  }

  /** Moves the consumer position over the oldest batches that are done. Under the lock. */
  #release(): void {
    const control = this.#control
    const next = Atomics.load(control, NEXT)
    for (let number = Atomics.load(control, OLDEST); number !== next; ) {
      if (Atomics.load(control, HOLDERS + (number & (ENTRIES - 1))) !== DONE) return
      Atomics.store(this.#consumer, 0, this.#endOf(number))
      number = (number + 1) | 0
      Atomics.store(control, OLDEST, number)
    }
  }

  /**
   * Ends this reader's batch.
   *
   * @param done whether it is done; otherwise it is given back
   * @throws BpfError `ERR_CLOSED` when the ring was closed meanwhile: the batch is not done then
   */
  end(batch: RingBatch<T>, done: boolean): void {
    if (this.#batch !== batch) return
    this.#table.lock(this.#id)
    try {
      this.#batch = undefined
      if (done) this.checkOpen()
      const at = HOLDERS + (batch.number & (ENTRIES - 1))
      Atomics.compareExchange(this.#control, at, this.#id, done ? DONE : GIVEN_BACK)
      if (done) this.#release()
    } finally {
      this.#table.unlock()
    }
  }

  /** Whether a batch is this reader's. */
  has(batch: RingBatch<T>): boolean {
    return this.#batch === batch && !this.#left
  }

  /** The record that callbacks see, to be moved. */
  get current(): CurrentRecord<T> {
    return this.#current
  }

  /** The header of the record at an offset. */
  headerAt(offset: number): number {
    return this.#words[this.#dataWord + (offset >>> 2)]!
  }

  drain(callback: (record: RingView<T>) => void, limit: number): number {
    const end = Atomics.load(this.#words, this.#producerWord)
    let count = 0
    while (count < limit) {
      const batch = this.take()
      if (batch === undefined) break
      using _givenBack = batch
      // Before the callback: it may close this reader.
      const position = Number(BigInt.asIntN(32, this.#endOf(batch.number)))
      count += batch.read(callback)
      if (!this.has(batch)) break
      batch.done()
      if (((position - end) | 0) >= 0) break
    }
    return count
  }

  settle(): void {}

  /** Gives its batch back and leaves the readers. Idempotent. */
  close(): void {
    if (this.#left) return
    if (this.#batch !== undefined) this.end(this.#batch, false)
    this.#left = true
    this.#table.leave(this.#id)
  }

  /** Closes the ring for all readers: no batch is claimed or done from now on. */
  closeAll(): void {
    this.#table.lock(this.#id)
    Atomics.store(this.#control, CLOSED, 1)
    this.#table.unlock()
  }
}
