/**
 * Watching a descriptor on the main thread through koffi's `uv_poll` handle.
 *
 * What the handle lacks is made up for here: it aborts the process for a descriptor that libuv does not accept, ends
 * with its JavaScript object, and calls back outside a callback scope, where promises stall and exceptions are
 * lost. Therefore descriptors are checked first, open watchers are referenced, and the callback only arms an
 * immediate.
 *
 * @module
 */

import { closedError } from '../../base/errors.ts'
import { closeFd } from '../descriptor.ts'
import { duplicatePollable } from './epoll.ts'
import type { FdWatcher, SyscallEntry } from './syscall-entry.ts'

/** koffi's handle. */
interface PollHandle {
  start(callback: () => void): void
  stop(): void
  close(): void
  ref(): void
  unref(): void
}

/** What the watcher needs of koffi. */
export interface PollBackend extends Pick<SyscallEntry, 'syscall' | 'syscallInto' | 'addressOf'> {
  poll(fd: number, callback: () => void): PollHandle
}

/** Open watchers: koffi closes a handle whose object is collected. */
const open = new Set<PollWatcher>()

/** A watcher of the main thread. */
export class PollWatcher implements FdWatcher {
  readonly #backend: PollBackend
  readonly #fd: number
  readonly #handle: PollHandle
  readonly #onReadable: () => void
  #active = true
  #closed = false

  private constructor(backend: PollBackend, fd: number, onReadable: () => void) {
    this.#backend = backend
    this.#fd = fd
    this.#onReadable = onReadable
    this.#handle = backend.poll(fd, this.#wake)
    open.add(this)
  }

  /** See {@link SyscallEntry.watch}. */
  static open(backend: PollBackend, fd: number, onReadable: () => void): PollWatcher {
    // libuv takes a descriptor once per loop, and may fail on one that is closed while it is watched.
    const own = duplicatePollable(backend, fd)
    try {
      return new PollWatcher(backend, own, onReadable)
    } catch (error) {
      closeFd(backend, own)
      throw error
    }
  }

  start(): void {
    if (this.#closed) throw closedError('Watcher')
    if (this.#active) return
    this.#active = true
    this.#handle.start(this.#wake)
  }

  stop(): void {
    if (!this.#active) return
    this.#active = false
    this.#handle.stop()
  }

  ref(): void {
    if (!this.#closed) this.#handle.ref()
  }

  unref(): void {
    if (!this.#closed) this.#handle.unref()
  }

  close(): void {
    if (this.#closed) return
    this.stop()
    this.#closed = true
    this.#handle.close()
    closeFd(this.#backend, this.#fd)
    open.delete(this)
  }

  readonly #wake = (): void => {
    // A level-triggered handle that is not stopped would fire again before the immediate runs.
    this.#handle.stop()
    setImmediate(this.#deliver)
  }

  readonly #deliver = (): void => {
    if (!this.#active) return
    try {
      this.#onReadable()
    } finally {
      // Also after a throw, which is an uncaughtException: later events must still come.
      if (this.#active) this.#handle.start(this.#wake)
    }
  }
}
