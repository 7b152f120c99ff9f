/**
 * Waiting until the kernel has consumed records of a user ring buffer.
 *
 * The map is writable for epoll as long as a single byte is free, so only its wake-ups are of use: each drain that consumed
 * something wakes whoever waits. An epoll set of its own takes them by their edges, and is readable itself when one
 * came since it was last emptied.
 *
 * Source: kernel/bpf/ringbuf.c `ringbuf_map_poll_user`, `bpf_user_ringbuf_drain`; epoll(7), "Edge-triggered".
 *
 * @module
 */

import { EPOLL_CTL_ADD, EPOLLET, EPOLLOUT, O_CLOEXEC } from '../../abi/linux.ts'
import { EpollEvents } from '../../syscalls/backends/epoll.ts'
import { makeFd } from '../../syscalls/descriptor.ts'
import { syscallEntry } from '../../syscalls/entry.ts'
import { systemError } from '../../syscalls/errno.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { nr } from '../../syscalls/numbers.ts'
import { Readiness } from '../readiness.ts'

/** Milliseconds after which a wait ends by itself: producers that died may be what the kernel waits for. */
const PATIENCE = 100

/** The wake-ups of one map. */
export class FreeSpace implements Disposable {
  readonly #epoll: OwnedFd
  readonly #events: EpollEvents
  readonly #readiness = new Readiness()
  readonly #source = { stalled: false }
  readonly #waiting = new Set<() => void>()

  /**
   * @param fd of the map; it stays the caller's
   * @throws BpfError when the kernel refuses
   */
  constructor(fd: number) {
    const entry = syscallEntry()
    const epoll = makeFd(entry, nr.epoll_create1, O_CLOEXEC)
    if (epoll < 0) throw systemError('Cannot wait for space', epoll, 'epoll_create1')
    this.#epoll = OwnedFd.adopt(epoll, 'an epoll set')
    this.#events = new EpollEvents(entry, 1)
    try {
      this.#events.set(EPOLLOUT | EPOLLET, 0)
      const own = this.#epoll.fd
      const result = entry.syscall(nr.epoll_ctl, own, EPOLL_CTL_ADD, fd, this.#events.address)
      if (result < 0) throw systemError('Cannot wait for space', result, 'epoll_ctl')
      this.#readiness.add(this.#source, onReadable => entry.watch(own, onReadable))
    } catch (error) {
      this.#epoll.close()
      throw error
    }
  }

  /**
   * Forgets the wake-ups so far, which end the waits that began before. What is free is looked at afterwards.
   */
  clear(): void {
    const { address, capacity } = this.#events
    const count = syscallEntry().syscall(nr.epoll_pwait, this.#epoll.fd, address, capacity, 0)
    if (count > 0) this.#wakeAll()
  }

  #wakeAll(): void {
    for (const ready of [...this.#waiting]) ready()
  }

  /**
   * Waits for a wake-up since the last `clear`, for `close`, or a tenth of a second.
   *
   * @throws the signal's reason when it aborts
   */
  wait(signal: AbortSignal | undefined): Promise<void> {
    // Code of the caller may have aborted it while there was a look for space.
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#readiness.cancel(ready)
        this.#waiting.delete(ready)
        signal?.removeEventListener('abort', abort)
      }
      const ready = (): void => {
        end()
        resolve()
      }
      const abort = (): void => {
        end()
        reject(signal?.reason)
      }
      const timer = setTimeout(ready, PATIENCE)
      this.#waiting.add(ready)
      signal?.addEventListener('abort', abort)
      try {
        this.#readiness.wait(ready)
      } catch (error) {
        end()
        reject(error)
      }
    })
  }

  /** Ends all waits. Idempotent. */
  close(): void {
    this.#wakeAll()
    this.#readiness.close()
    this.#epoll.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
