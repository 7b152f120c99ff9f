/**
 * Random numbers that a seed determines.
 *
 * @module
 */

/** A generator of numbers; the same seeds give the same numbers on every machine. */
export class Random {
  #state: number

  /** @param seeds 32-bit numbers, all of which count: the seed of a run, the number of an input */
  constructor(...seeds: readonly number[]) {
    this.#state = 0x9e3779b9
    for (const seed of seeds) {
      this.#state ^= seed | 0
      this.#state = this.next() | 0
    }
  }

  /** The next 32 bits, as an unsigned number (splitmix32). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let bits = this.#state
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad)
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97)
    return (bits ^ (bits >>> 15)) >>> 0
  }

  /** A whole number from 0 to below `end`; 0 when `end` is less than 1. */
  below(end: number): number {
    return end < 1 ? 0 : this.next() % end
  }

  /** Whether something happens that happens once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0
  }

  /** One of several things. */
  pick<T>(things: readonly T[]): T {
    return things[this.below(things.length)]!
  }
}
