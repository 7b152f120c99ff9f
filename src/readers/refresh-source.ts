/**
 * A source without records, for what a reader does from time to time by itself. When that fails, whoever reads gets the
 * error: no other caller would.
 *
 * @module
 */

import type { RecordSource, Watch } from './source.ts'

/** Milliseconds between two times. */
const INTERVAL = 1000

/** Calls back once a second, as long as the process lives for other reasons and the source is referenced. */
export class RefreshSource<R, V> implements RecordSource<R, V> {
  readonly name = ''
  readonly stalled = false
  readonly #refresh: () => void
  readonly #timer: NodeJS.Timeout
  #failure: { error: unknown } | undefined
  readonly #waiting: { onReadable?: (() => void) | undefined } = {}

  /** @param refresh may throw */
  constructor(refresh: () => void) {
    this.#refresh = refresh
    // The timer must not keep a reader that was lost.
    const self = new WeakRef(this)
    const timer = setInterval(() => {
      const source = self.deref()
      if (source === undefined) clearInterval(timer)
      else source.#tick()
    }, INTERVAL).unref()
    this.#timer = timer
  }

  #tick(): void {
    try {
      this.#refresh()
    } catch (error) {
      this.#failure = { error }
      this.#waiting.onReadable?.()
    }
  }

  /** Watches it. The watcher does not keep it. */
  get watch(): Watch {
    const waiting = this.#waiting
    return onReadable => ({
      start() {
        waiting.onReadable = onReadable
      },
      stop() {
        waiting.onReadable = undefined
      },
      close() {},
    })
  }

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
