/**
 * Waiting for records without keeping the event loop busy.
 *
 * @module
 */

import type { RecordSource, Watch, Watcher } from './source.ts'

/** How long to wait for a record that is being written, in milliseconds; doubled as long as it is. */
const FIRST_DELAY = 1
const LAST_DELAY = 32

interface Watched {
  /** Weak: the event loop has the watchers, and so this; a reader that was lost must not live as long as they do. */
  readonly source: WeakRef<Pick<RecordSource<unknown>, 'stalled'>>
  readonly watcher: Watcher
}

/**
 * Calls back when one of several sources may have a record. It watches only while a call of `wait` is pending, and only
 * then it keeps the process alive.
 *
 * A ring is readable for epoll as soon as its positions differ. While its oldest record is still being written it
 * therefore stays readable without anything to read; for a source that is stalled like this a timer replaces the
 * watcher.
 */
export class Readiness implements Disposable {
  readonly #watched: Watched[] = []
  readonly #waiters = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  #delay = FIRST_DELAY

  /**
   * Adds a source, which the caller keeps. One that comes while `wait` is pending is waited for too.
   *
   * @throws what `watch` throws
   */
  add(source: Pick<RecordSource<unknown>, 'stalled'>, watch: Watch): void {
    const watcher = watch(this.#wake)
    if (this.#waiters.size === 0) watcher.stop()
    this.#watched.push({ source: new WeakRef(source), watcher })
  }

  /** Takes a source out. */
  remove(source: Pick<RecordSource<unknown>, 'stalled'>): void {
    const index = this.#watched.findIndex(each => each.source.deref() === source)
    if (index !== -1) this.#watched.splice(index, 1)[0]!.watcher.close()
  }

  /** Calls back once, at some later time: when there may be a record. */
  wait(onReady: () => void): void {
    this.#waiters.add(onReady)
    if (this.#waiters.size === 1) this.#start()
  }

  /** Takes a `wait` back. */
  cancel(onReady: () => void): void {
    if (this.#waiters.delete(onReady) && this.#waiters.size === 0) this.#stop()
  }

  /** Ends it for good; pending waits are not called. Idempotent. */
  close(): void {
    this.#waiters.clear()
    this.#stop()
    for (const { watcher } of this.#watched.splice(0)) watcher.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #start(): void {
    let stalled = false
    for (const { source, watcher } of this.#watched) {
      if (source.deref()?.stalled) stalled = true
      else watcher.start()
    }
    if (stalled) {
      this.#timer = setTimeout(this.#wake, this.#delay)
      this.#delay = Math.min(this.#delay * 2, LAST_DELAY)
    } else {
      this.#delay = FIRST_DELAY
    }
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const { watcher } of this.#watched) watcher.stop()
  }

  readonly #wake = (): void => {
    this.#stop()
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const onReady of waiters) onReady()
  }
}
