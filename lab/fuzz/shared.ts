/**
 * What the threads of the fuzzer share and tell each other.
 *
 * @module
 */

/** How a run is set up. */
export interface Run {
  readonly seed: number
  /** Number of the first input. */
  readonly first: number
  /** Number after the last input; `Infinity` for a run that ends by time. */
  readonly end: number
  /** Milliseconds since the epoch when the run ends. */
  readonly deadline: number
  /** BTF of a kernel, for CO-RE. */
  readonly kernelBtf: string
  /** Directory of the objects that are damaged; `undefined` for those of the checkout. */
  readonly objects: string | undefined
}

/** What a worker is started with. */
export interface WorkerData {
  readonly run: Run
  /** Which worker it is. */
  readonly slot: number
  readonly board: SharedArrayBuffer
}

/** An input that did what none may do. */
export interface Finding {
  readonly input: number
  readonly name: string
  /** Its first line distinguishes findings. */
  readonly what: string
}

/** What a worker has done. */
export interface Summary {
  /** Input that took longest, and its milliseconds. */
  readonly longest: { readonly input: number; readonly value: number }
  /** Input that took most memory for its size, and bytes per byte. */
  readonly largest: { readonly input: number; readonly value: number }
}

/** What a worker sends. */
export type Message = { readonly finding: Finding } | { readonly summary: Summary }

const [NEXT, DONE, REFUSED, SLOTS] = [0, 1, 2, 3]

/** Counters in memory that all threads see. */
export class Board {
  readonly #numbers: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#numbers = new Int32Array(memory)
  }

  static memory(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * (SLOTS + 2 * workers))
  }

  /** The next input for a worker, counted from 0; from now on it works at it. */
  take(slot: number): number {
    const next = Atomics.add(this.#numbers, NEXT, 1)
    Atomics.store(
      this.#numbers,
      SLOTS + 2 * slot + 1,
      Math.trunc(performance.timeOrigin + performance.now()) | 0,
    )
    Atomics.store(this.#numbers, SLOTS + 2 * slot, next)
    return next
  }

  /** What a worker works at, and since when: milliseconds that only compare with `now`. */
  current(slot: number): { next: number; since: number } {
    return {
      next: Atomics.load(this.#numbers, SLOTS + 2 * slot),
      since: Atomics.load(this.#numbers, SLOTS + 2 * slot + 1),
    }
  }

  finish(refused: boolean): void {
    Atomics.add(this.#numbers, DONE, 1)
    if (refused) Atomics.add(this.#numbers, REFUSED, 1)
  }

  get done(): number {
    return Atomics.load(this.#numbers, DONE)
  }

  get refused(): number {
    return Atomics.load(this.#numbers, REFUSED)
  }
}
