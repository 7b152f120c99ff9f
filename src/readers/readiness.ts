/**
 * Waiting for records without keeping the event loop busy.
 *
 * @module
 */

import type { FdWatcher } from '../syscalls/backends/syscall-entry.ts'
import { syscallEntry } from '../syscalls/entry.ts'
import type { Ring } from './ring.ts'

/** How long to wait for a record that is being written, in milliseconds; doubled while nothing comes of it. */
const FIRST_DELAY = 1
const LAST_DELAY = 32

interface Watched {
  readonly ring: Ring
  readonly watcher: FdWatcher
}

/**
 * Tells when one of several rings may have a record. It watches only while somebody waits, and only then it keeps the
 * process alive.
 *
 * A ring is readable for epoll as soon as its positions differ. While its oldest record is still being written it
 * therefore stays readable without anything to read; for such a ring a timer replaces the watcher.
 */
export class Readiness implements Disposable {
  readonly #watched: Watched[] = []
  readonly #waiters = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  #delay = FIRST_DELAY

  /**
   * Adds a ring. The descriptor may be closed afterwards.
   *
   * @throws BpfError when it cannot be watched
   */
  add(ring: Ring, fd: number): void {
    const watcher = syscallEntry().watch(fd, this.#wake)
    watcher.stop()
    this.#watched.push({ ring, watcher })
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

  /** Ends it for good; who waits is not called. Idempotent. */
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
    for (const { ring, watcher } of this.#watched) {
      if (ring.stalled) stalled = true
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
