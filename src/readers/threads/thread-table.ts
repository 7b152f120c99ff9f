/**
 * The threads that share a ring, in memory that they share, and the lock among them.
 *
 * A thread joins and gets an id, which no other thread gets later: what a dead one left can be told from what the next has
 * in its place. The lock has the id of its holder. A thread that waits for a holder that is dead takes the lock over, so
 * what is done while it is held must be right wherever it stops.
 *
 * @module
 */

import { BpfError } from '../../base/errors.ts'
import { kernelThreads, type ThreadIdentity, type ThreadLife } from './thread-life.ts'

/** Threads that share a ring at one time. */
const SLOTS = 64
/** Words of a slot: number of the thread (0: free, negative: taking it), its start, and how many had the slot. */
const SLOT_WORDS = 3
const TID = 0
const START = 1
const GENERATION = 2
/** The most that fit into an id with a slot, which has 30 bits. */
const MOST_GENERATIONS = 2 ** 24

/** The word before the slots: the holder of the lock, 0 when it is free, and a bit when threads may sleep until it is. */
const LOCK = 0
const SLEEPERS = 0x4000_0000
const FIRST_SLOT = 1

/** How often the lock is tried before a thread sleeps. */
const TRIES = 200
/** Milliseconds until the holder is looked at. */
const PATIENCE = 1

/** Words of a table. */
export const TABLE_WORDS: number = FIRST_SLOT + SLOTS * SLOT_WORDS

/** The threads and the lock. */
export class ThreadTable {
  readonly #words: Int32Array
  readonly #life: ThreadLife

  /** @param words `TABLE_WORDS` of shared memory, zeros at first */
  constructor(words: Int32Array, life: ThreadLife = kernelThreads) {
    this.#words = words
    this.#life = life
  }

  /**
   * Enters the calling thread; it may enter several times.
   *
   * @returns its id, positive
   * @throws BpfError `ERR_BUSY` when there are too many
   */
  join(): number {
    const words = this.#words
    const own = this.#life.current()
    for (let slot = 0; slot < SLOTS; slot++) {
      const at = FIRST_SLOT + slot * SLOT_WORDS
      const tid = Atomics.load(words, at + TID)
      // One that is taking the slot may have ended there.
      const holder = tid < 0 ? { tid: -tid, start: 0 } : this.#threadAt(at)
      if (tid !== 0 && this.#life.isAlive(holder)) continue
      // Others must not see the number of this thread with the start of the one before it.
      if (Atomics.compareExchange(words, at + TID, tid, -own.tid) !== tid) continue
      const generation = (Atomics.load(words, at + GENERATION) % (MOST_GENERATIONS - 1)) + 1
      Atomics.store(words, at + GENERATION, generation)
      Atomics.store(words, at + START, own.start)
      Atomics.store(words, at + TID, own.tid)
      return generation * SLOTS + slot
    }
    throw new BpfError(`${SLOTS} threads share it already`, { code: 'ERR_BUSY' })
  }

  /** Takes a thread out. */
  leave(id: number): void {
    if (this.#isCurrent(id)) Atomics.store(this.#words, this.#slotOf(id) + TID, 0)
  }

  /** Whether the thread with an id lives and has not left. */
  isAlive(id: number): boolean {
    const at = this.#slotOf(id)
    if (!this.#isCurrent(id)) return false
    const thread = this.#threadAt(at)
    return thread.tid > 0 && this.#life.isAlive(thread)
  }

  #slotOf(id: number): number {
    return FIRST_SLOT + (id % SLOTS) * SLOT_WORDS
  }

  #isCurrent(id: number): boolean {
    return Atomics.load(this.#words, this.#slotOf(id) + GENERATION) === Math.floor(id / SLOTS)
  }

  #threadAt(at: number): ThreadIdentity {
    return { tid: Atomics.load(this.#words, at + TID), start: Atomics.load(this.#words, at + START) }
  }

  /** Waits for the lock. It is held for microseconds: this thread sleeps as long. Not re-entrant. */
  lock(id: number): void {
    if (Atomics.compareExchange(this.#words, LOCK, 0, id) !== 0) this.#waitForLock(id)
  }

  #waitForLock(id: number): void {
    const words = this.#words
    for (let tries = 0; tries < TRIES; tries++) if (Atomics.compareExchange(words, LOCK, 0, id) === 0) return
    for (;;) {
      // Others may sleep beside this one: who has slept wakes the next.
      const found = Atomics.compareExchange(words, LOCK, 0, id | SLEEPERS)
      if (found === 0) return
      const held = found | SLEEPERS
      if (found !== held && Atomics.compareExchange(words, LOCK, found, held) !== found) continue
      if (Atomics.wait(words, LOCK, held, PATIENCE) !== 'timed-out') continue
      if (this.isAlive(held & ~SLEEPERS)) continue
      if (Atomics.compareExchange(words, LOCK, held, id | SLEEPERS) === held) return
    }
  }

  /** Gives the lock back. */
  unlock(): void {
    if ((Atomics.exchange(this.#words, LOCK, 0) & SLEEPERS) !== 0) Atomics.notify(this.#words, LOCK, 1)
  }
}
