/**
 * Space of a ring that was read: the consumer's position, and when it is stored.
 *
 * The kernel's decision to wake a reader, and the space that producers see, rely on that position: it is stored after the
 * last load of what lies before it, by one 64-bit store.
 *
 * @module
 */

/** Space is given back at least every so many parts of the ring, for producers not to wait for the end of a drain. */
export const RELEASES_PER_ROUND = 8

/** What was consumed of one ring and not given back. */
export class ConsumedSpace {
  /** Bytes consumed since the position was stored. */
  bytes = 0
  /** Whether the memory is no longer touched. */
  closed = false
  readonly #position: BigInt64Array
  readonly #portion: number

  /**
   * @param position the consumer's position in the shared memory: one element
   * @param size bytes of the ring
   */
  constructor(position: BigInt64Array, size: number) {
    this.#position = position
    this.#portion = size / RELEASES_PER_ROUND
  }

  /** Gives the space back when it is an eighth of the ring. */
  releasePortion(): void {
    if (this.bytes >= this.#portion) this.release()
  }

  /** Stores the position, unless nothing was consumed or the ring was closed. */
  release(): void {
    if (this.bytes === 0 || this.closed) return
    const { bytes } = this
    this.bytes = 0
    Atomics.store(this.#position, 0, Atomics.load(this.#position, 0) + BigInt(bytes))
  }

  /** Gives all back, and touches the memory no more. */
  close(): void {
    this.release()
    this.closed = true
  }
}
