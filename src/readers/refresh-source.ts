/**
 * A source without records, for what a reader does from time to time by itself. When that fails, whoever reads gets the
 * error: it has nobody else to go to.
 *
 * @module
 */

import type { RecordSource, Watcher } from './source.ts'

/** Milliseconds between two times. */
const INTERVAL = 1000

/** Calls back once a second, as long as the process lives for other reasons. */
export class RefreshSource<R, V> implements RecordSource<R, V> {
  readonly name = ''
  readonly stalled = false
  readonly #timer: NodeJS.Timeout
  #failure: { error: unknown } | undefined
  #onReadable: (() => void) | undefined

  /** @param refresh may throw; it ends the looking by `'gone'` */
  constructor(refresh: () => unknown) {
    this.#timer = setInterval(() => {
      try {
        if (refresh() === 'gone') this.close()
      } catch (error) {
        this.#failure = { error }
        this.#onReadable?.()
      }
    }, INTERVAL).unref()
  }

  /** Watches it: see `Watch`. */
  readonly watch = (onReadable: () => void): Watcher => ({
    start: () => {
      this.#onReadable = onReadable
    },
    stop: () => {
      this.#onReadable = undefined
    },
    close: () => {},
  })

  take(): undefined {
    this.#fail()
  }

  drain(): number {
    this.#fail()
    return 0
  }

  #fail(): void {
    if (this.#failure === undefined) return
    const { error } = this.#failure
    this.#failure = undefined
    throw error
  }

  settle(): void {}

  close(): void {
    clearInterval(this.#timer)
  }
}
