/**
 * Owned file descriptors.
 *
 * @module
 */

import { closedError } from '../base/errors.ts'
import { debugLog } from './debug.ts'
import { closeFd, disownFd, duplicateFd, FD_RANGE, isFd, takeFd } from './descriptor.ts'
import { syscallEntry } from './entry.ts'
import { systemError } from './errno.ts'

const debug = debugLog('ebpf-ts:fd')

/** Reports owners that were collected without `close`. It closes nothing: a number may have another owner by then. */
const leaks = new FinalizationRegistry<{ fd: number; what: string }>(({ fd, what }) => {
  debug?.('%s (fd %d) was garbage collected without close(); the descriptor stays open', what, fd)
})

/**
 * A file descriptor with one owner, which closes it. It is close-on-exec and never 0, 1 or 2. One that is owned by
 * a worker thread is closed when the thread ends.
 *
 * Garbage collection does not close it: what it stands for stays until `close` or the end of the process.
 * `DEBUG=ebpf-ts:fd`, set when the process starts, reports owners that were lost.
 */
export class OwnedFd implements Disposable {
  readonly #what: string
  #fd: number

  private constructor(fd: number, what: string) {
    this.#fd = fd
    this.#what = what
    if (debug !== undefined) leaks.register(this, { fd, what }, this)
  }

  /**
   * Takes over a descriptor that a system call has just made. Its number may change: use {@link OwnedFd.fd}.
   *
   * @param fd the descriptor; from now on only the owner may use or close it
   * @param what names it in messages: `'map counters'`
   * @throws RangeError when it cannot be a descriptor
   * @throws BpfError when it has to be moved and the process has no descriptor left (`EMFILE`); it is closed then
   */
  static adopt(fd: number, what: string): OwnedFd {
    if (!isFd(fd)) throw new RangeError(`Cannot adopt ${fd} as ${what}: ${FD_RANGE}`)
    const taken = takeFd(syscallEntry(), fd)
    if (taken < 0) throw systemError(`Cannot adopt ${what}`, taken, 'fcntl(F_DUPFD_CLOEXEC)')
    return new OwnedFd(taken, what)
  }

  /**
   * A duplicate of a descriptor of the caller, with its own owner.
   *
   * @param fd stays the caller's
   * @param what names it in messages: `'map counters'`
   * @throws RangeError when it cannot be a descriptor
   * @throws BpfError `EBADF` when it is not open, `EMFILE` when the process has no descriptor left
   */
  static copyOf(fd: number, what: string): OwnedFd {
    if (!isFd(fd)) throw new RangeError(`Cannot duplicate ${what}: ${FD_RANGE}`)
    const copy = duplicateFd(syscallEntry(), fd)
    if (copy < 0) throw systemError(`Cannot duplicate ${what}`, copy, 'fcntl(F_DUPFD_CLOEXEC)')
    return new OwnedFd(copy, what)
  }

  /** The descriptor's number. Throws `ERR_CLOSED` after `close` or `release`. */
  get fd(): number {
    if (this.#fd < 0) throw closedError(this.#what)
    return this.#fd
  }

  /** Whether it was closed or released. */
  get closed(): boolean {
    return this.#fd < 0
  }

  /**
   * A second descriptor for the same object, with its own owner.
   *
   * @throws BpfError `ERR_CLOSED`, or `EMFILE` when the process has no descriptor left
   */
  duplicate(): OwnedFd {
    return OwnedFd.copyOf(this.fd, this.#what)
  }

  /**
   * Gives the descriptor up without closing it; the caller owns it from now on, also beyond the end of this
   * worker thread. Its number may differ from {@link OwnedFd.fd}.
   */
  release(): number {
    const released = disownFd(syscallEntry(), this.fd)
    if (released < 0) throw systemError(`Cannot release ${this.#what}`, released, 'fcntl(F_DUPFD_CLOEXEC)')
    this.#forget()
    return released
  }

  /** Closes the descriptor. Idempotent. */
  close(): void {
    if (this.#fd < 0) return
    const fd = this.#fd
    this.#forget()
    closeFd(syscallEntry(), fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #forget(): void {
    this.#fd = -1
    leaks.unregister(this)
  }
}
