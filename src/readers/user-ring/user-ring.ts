/**
 * The producers' side of a user ring buffer, in memory. No system calls but those of the lock.
 *
 * The memory has the layout of `ring.ts`, with the roles exchanged: the kernel owns the page with the consumer position, which
 * is read-only here, and everything else is ours to write. A record is reserved by its header with `BUSY`, then by moving
 * the producer position over it, in this order: the kernel must not find an old record's bytes where it looks for a header.
 * Both are done under the lock of all producers, so that the position always is at a header to be written. Records are
 * finished in any order, without the lock; the kernel stops at the first one that is busy.
 *
 * The kernel ignores the second word of these headers. It has the id of the record's producer: a busy record of a thread
 * that is dead is discarded by whoever finds it. A thread may stop anywhere: before the position was moved, its header is in
 * free space; afterwards it is a busy record with its id.
 *
 * Positions wrap around as in `ring.ts`. What is stored is all 64 bits, or the low half where the high half stays.
 *
 * Source: kernel/bpf/ringbuf.c `__bpf_user_ringbuf_peek`, `bpf_user_ringbuf_drain`; libbpf `user_ring_buffer__reserve`.
 *
 * @module
 */

import { closedError } from '../../base/errors.ts'
import type { RingMemory } from '../ring-handle.ts'
import { BUSY, DISCARDED, HEADER_SIZE, stepOf } from '../ring-records.ts'
import type { ThreadLife } from '../threads/thread-life.ts'
import { TABLE_WORDS, ThreadTable } from '../threads/thread-table.ts'

/** Word of the control memory that is 1 when the ring was closed. */
const CLOSED = TABLE_WORDS
/** Bytes of the control memory. */
export const CONTROL_BYTES: number = (TABLE_WORDS + 1) * 4

/** What `reserve` returns when the ring is full. */
export const FULL = -1

/** Whose busy records are discarded. */
type Abandoned = (producer: number) => boolean

/** One producer of a ring. */
export class UserRing {
  readonly name: string
  readonly size: number
  /** The data, twice in a row. */
  readonly view: DataView<SharedArrayBuffer>
  readonly #words: Int32Array
  readonly #producer: BigInt64Array
  readonly #producerWord: number
  readonly #dataWord: number
  readonly #control: Int32Array
  readonly #table: ThreadTable
  readonly #id: number
  #left = false

  /**
   * Joins the producers.
   *
   * @param name of the map, for messages
   * @throws BpfError `ERR_BUSY` when there are too many; `ERR_CLOSED` when the ring was closed
   */
  constructor({ buffer, pageSize, size, control }: RingMemory, name: string, life?: ThreadLife) {
    this.name = name
    this.size = size
    this.view = new DataView(buffer, 2 * pageSize, 2 * size)
    this.#words = new Int32Array(buffer, 0, (2 * pageSize + 2 * size) / 4)
    this.#producer = new BigInt64Array(buffer, pageSize, 1)
    this.#producerWord = pageSize / 4
    this.#dataWord = (2 * pageSize) / 4
    this.#control = new Int32Array(control)
    this.#table = new ThreadTable(this.#control, life)
    this.checkOpen()
    this.#id = this.#table.join()
  }

  /** Whether the ring was closed, by whichever producer. */
  get closed(): boolean {
    return Atomics.load(this.#control, CLOSED) !== 0
  }

  /** @throws BpfError `ERR_CLOSED` */
  checkOpen(): void {
    if (this.closed) throw closedError(`User ring buffer ${this.name}`)
  }

  /** Bytes that the kernel has not consumed, headers included. */
  get usedBytes(): number {
    return this.closed
      ? 0
      : (Atomics.load(this.#words, this.#producerWord) - Atomics.load(this.#words, 0)) >>> 0
  }

  /**
   * Reserves a record.
   *
   * @param length bytes, at most those that `size` leaves for them
   * @returns where it is in `view`, or `FULL`
   * @throws BpfError `ERR_CLOSED`
   */
  reserve(length: number): number {
    const step = stepOf(length)
    this.#table.lock(this.#id)
    try {
      // Plain loads, since `Atomics` are calls: the lock orders what producers store, and no store to free space comes before
      // the branch that depends on the kernel's position.
      if (this.#control[CLOSED] !== 0) this.checkOpen()
      const words = this.#words
      const position = words[this.#producerWord]!
      const used = (position - words[0]!) >>> 0
      if (used + step > this.size) {
        if (used > 0 && used <= this.size && this.#isOldestAbandoned()) this.#discard(this.#dead)
        return FULL
      }
      const offset = position & (this.size - 1)
      const header = this.#dataWord + (offset >>> 2)
      words[header] = BUSY | length
      words[header + 1] = this.#id
      this.#move(position, step)
      return offset + HEADER_SIZE
    } finally {
      this.#table.unlock()
    }
  }

  #move(position: number, step: number): void {
    const next = (position >>> 0) + step
    if (next < 2 ** 32) Atomics.store(this.#words, this.#producerWord, next | 0)
    else Atomics.store(this.#producer, 0, Atomics.load(this.#producer, 0) + BigInt(step))
  }

  /**
   * Finishes a record.
   *
   * @param offset where it is, as `reserve` returned it
   * @param length its bytes
   * @returns whether it was still reserved
   */
  finish(offset: number, length: number, discard: boolean): boolean {
    // What was reserved is discarded then, and its place may be another's.
    if (this.#left) return false
    const header = this.#dataWord + ((offset - HEADER_SIZE) >>> 2)
    const busy = BUSY | length
    const finished = discard ? length | DISCARDED : length
    return Atomics.compareExchange(this.#words, header, busy, finished) === busy
  }

  readonly #dead: Abandoned = producer => producer !== this.#id && !this.#table.isAlive(producer)

  #isOldestAbandoned(): boolean {
    const at = this.#dataWord + ((Atomics.load(this.#words, 0) & (this.size - 1)) >>> 2)
    return Atomics.load(this.#words, at) < 0 && this.#dead(this.#words[at + 1]!)
  }

  /**
   * Discards the records that threads reserved which have ended since.
   *
   * @returns how many
   */
  recover(): number {
    this.#table.lock(this.#id)
    try {
      return this.closed ? 0 : this.#discard(this.#dead)
    } finally {
      this.#table.unlock()
    }
  }

  /** Discards all records that are not finished, whoever reserved them; returns how many. */
  abandonAll(): number {
    this.#table.lock(this.#id)
    try {
      return this.#discard(() => true)
    } finally {
      this.#table.unlock()
    }
  }

  /** Under the lock: what lies between the positions stays, also when the kernel consumes it meanwhile. */
  #discard(abandoned: Abandoned): number {
    const words = this.#words
    const end = Atomics.load(words, this.#producerWord)
    let position = Atomics.load(words, 0)
    let count = 0
    if ((end - position) >>> 0 > this.size) return 0
    while (position !== end) {
      const at = this.#dataWord + ((position & (this.size - 1)) >>> 2)
      const header = Atomics.load(words, at)
      const step = stepOf(header)
      // More than what is left: another process writes here.
      if (step > (end - position) >>> 0) break
      if (header < 0 && abandoned(words[at + 1]!)) {
        const finished = (header & ~BUSY) | DISCARDED
        if (Atomics.compareExchange(words, at, header, finished) === header) count++
      }
      position = (position + step) | 0
    }
    return count
  }

  /** Discards what this producer has reserved, and leaves. */
  leave(): void {
    this.#table.lock(this.#id)
    try {
      if (!this.closed) this.#discard(producer => producer === this.#id)
    } finally {
      this.#table.unlock()
    }
    this.#left = true
    this.#table.leave(this.#id)
  }

  /** Closes the ring for all producers: none reserves from now on, and what was reserved is discarded. Then it leaves. */
  close(): void {
    this.#table.lock(this.#id)
    try {
      this.#discard(() => true)
      Atomics.store(this.#control, CLOSED, 1)
    } finally {
      this.#table.unlock()
    }
    this.leave()
  }
}
