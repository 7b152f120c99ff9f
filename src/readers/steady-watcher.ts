/**
 * Watching perf events. A perf event says only once that it has something to read: asking it clears what it says, and
 * whoever begins to watch asks. What was written just before would wait for the next record then. So these are watched
 * all the time, and whoever begins to wait looks once more.
 *
 * Source: kernel/events/core.c `perf_poll`, which exchanges `rb->poll` for 0; fs/eventpoll.c `ep_insert`, which polls, and
 * `ep_send_events`, which polls again.
 *
 * @module
 */

import type { FdWatcher } from '../syscalls/backends/syscall-entry.ts'
import type { Watch, Watcher } from './source.ts'

/** A watcher that watches from its making to its end. Between `stop` and `start` it remembers wake-ups. */
class SteadyWatcher implements Watcher {
  readonly #watcher: FdWatcher
  readonly #onReadable: () => void
  #waiting = true
  /** Whether there may be something that the waiting side has not looked for since. */
  #missed = true
  #look: NodeJS.Immediate | undefined

  constructor(open: (onReadable: () => void) => FdWatcher, onReadable: () => void) {
    this.#onReadable = onReadable
    this.#watcher = open(this.#wake)
    this.#scheduleLook()
  }

  start(): void {
    this.#waiting = true
    this.#watcher.ref()
    this.#scheduleLook()
  }

  stop(): void {
    this.#waiting = false
    clearImmediate(this.#look)
    this.#watcher.unref()
  }

  close(): void {
    this.stop()
    this.#watcher.close()
  }

  /** Looks when the event loop has begun to watch: that is before its immediates. */
  #scheduleLook(): void {
    if (this.#missed) this.#look = setImmediate(this.#wakeLater)
  }

  readonly #wakeLater = (): void => {
    this.#missed = false
    if (this.#waiting) this.#onReadable()
  }

  readonly #wake = (): void => {
    // koffi begins anew to watch after each call.
    this.#missed = true
    if (this.#waiting) this.#onReadable()
  }
}

/** Makes such watchers. */
export function steadyWatch(open: (onReadable: () => void) => FdWatcher): Watch {
  return onReadable => new SteadyWatcher(open, onReadable)
}
