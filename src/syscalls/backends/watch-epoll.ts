/**
 * Watching descriptors in a worker thread through koffi: one epoll set per thread, waited for on libuv's pool.
 *
 * koffi's `uv_poll` handle crashes the process when a worker thread ends before the handle is closed. A pending
 * call in the pool merely delays the thread's end, so each wait is limited. A pending call also keeps the event
 * loop alive; while only unreferenced watchers are active, a timer that does not asks for events without waiting.
 *
 * @module
 */

import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, O_CLOEXEC, O_NONBLOCK } from '../../abi/linux.ts'
import { EINTR } from '../../base/errno.ts'
import { closedError } from '../../base/errors.ts'
import { closeFd, makeFd, takeFd } from '../descriptor.ts'
import { systemError } from '../errno.ts'
import { nr } from '../numbers.ts'
import { duplicatePollable, EpollEvents } from './epoll.ts'
import type { FdWatcher, SyscallEntry } from './syscall-entry.ts'

/** How long the end of a thread may be delayed, in milliseconds. */
const WAIT_LIMIT = 100
/** Between two looks while only unreferenced watchers are active, in milliseconds. */
const UNREFERENCED_INTERVAL = 10
/** Events taken at once; more come with the next wait. */
const EVENTS_PER_WAIT = 64
/** `data` of the eventfd that ends a wait; watchers count from 1. */
const WAKE_TOKEN = 0

/** What the loop needs of the backend. */
export type EpollBackend = Pick<SyscallEntry, 'syscall' | 'syscallInto' | 'syscallAsync' | 'addressOf'>

/** The epoll set of a thread and its waits. */
export class EpollLoop {
  readonly #backend: EpollBackend
  readonly #watchers = new Map<number, EpollWatcher>()
  readonly #events: EpollEvents
  readonly #control: EpollEvents
  readonly #one: BigUint64Array
  readonly #oneAddress: number
  readonly #drained: BigUint64Array
  readonly #drainedAddress: number
  #nextToken = WAKE_TOKEN + 1
  #epoll = -1
  #wakeup = -1
  #waiting = false
  /** Callbacks of the last wait that have not run yet. */
  #pending = 0
  #timer: NodeJS.Timeout | undefined

  constructor(backend: EpollBackend) {
    this.#backend = backend
    this.#events = new EpollEvents(backend, EVENTS_PER_WAIT)
    this.#control = new EpollEvents(backend, 1)
    this.#one = new BigUint64Array(new ArrayBuffer(8))
    this.#one[0] = 1n
    this.#oneAddress = backend.addressOf(this.#one)
    this.#drained = new BigUint64Array(new ArrayBuffer(8))
    this.#drainedAddress = backend.addressOf(this.#drained)
  }

  /** See {@link SyscallEntry.watch}. */
  watch(fd: number, onReadable: () => void): FdWatcher {
    this.#open()
    const own = duplicatePollable(this.#backend, fd)
    const token = this.#nextToken++
    const watcher = new EpollWatcher(this, token, own, onReadable)
    this.#watchers.set(token, watcher)
    try {
      watcher.start()
      return watcher
    } catch (error) {
      watcher.close()
      throw error
    }
  }

  /** Adds a watcher to the set, or takes it out. */
  setActive(watcher: EpollWatcher, active: boolean): void {
    const result = this.#ctl(active ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, watcher.fd, watcher.token)
    if (result < 0) throw systemError(`Cannot watch descriptor ${watcher.fd}`, result, 'epoll_ctl')
    watcher.active = active
    this.update()
  }

  /** Forgets a closed watcher and closes its descriptor. */
  remove(watcher: EpollWatcher): void {
    this.#watchers.delete(watcher.token)
    closeFd(this.#backend, watcher.fd)
    this.update()
  }

  /** Waits in the way that the active watchers call for, or not at all. */
  update(): void {
    let active = false
    let referenced = false
    for (const watcher of this.#watchers.values()) {
      if (!watcher.active) continue
      active = true
      referenced ||= watcher.referenced
    }
    if (active && !referenced) {
      this.#timer ??= setInterval(() => this.#look(), UNREFERENCED_INTERVAL).unref()
    } else {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    if (referenced && !this.#waiting && this.#pending === 0) void this.#wait()
    else if (!referenced && this.#waiting) this.#endWait()
  }

  #open(): void {
    if (this.#epoll >= 0) return
    const epoll = this.#make('epoll_create1', O_CLOEXEC)
    try {
      this.#wakeup = this.#make('eventfd2', 0, O_CLOEXEC | O_NONBLOCK)
    } catch (error) {
      closeFd(this.#backend, epoll)
      throw error
    }
    this.#epoll = epoll
    this.#ctl(EPOLL_CTL_ADD, this.#wakeup, WAKE_TOKEN)
  }

  #make(syscall: 'epoll_create1' | 'eventfd2', a0: number, a1 = 0): number {
    const fd = makeFd(this.#backend, nr[syscall], a0, a1)
    const taken = fd < 0 ? fd : takeFd(this.#backend, fd)
    if (taken < 0) throw systemError('Cannot watch descriptors', taken, syscall)
    return taken
  }

  #ctl(operation: number, fd: number, token: number): number {
    this.#control.set(EPOLLIN, token)
    return this.#backend.syscall(nr.epoll_ctl, this.#epoll, operation, fd, this.#control.address)
  }

  async #wait(): Promise<void> {
    this.#waiting = true
    const { address, capacity } = this.#events
    const count = await this.#backend.syscallAsync(nr.epoll_pwait, this.#epoll, address, capacity, WAIT_LIMIT)
    this.#waiting = false
    this.#dispatch(count)
  }

  #look(): void {
    // A wait that was told to end may not have returned yet, and it would use the same events.
    if (this.#waiting || this.#pending > 0) return
    const { address, capacity } = this.#events
    this.#dispatch(this.#backend.syscall(nr.epoll_pwait, this.#epoll, address, capacity, 0))
  }

  #endWait(): void {
    this.#backend.syscall(nr.write, this.#wakeup, this.#oneAddress, 8)
  }

  #dispatch(count: number): void {
    if (count < 0 && count !== -EINTR) {
      throw systemError('Cannot wait for descriptors', count, 'epoll_pwait')
    }
    for (let i = 0; i < count; i++) {
      const token = this.#events.data(i)
      if (token === WAKE_TOKEN) {
        this.#backend.syscall(nr.read, this.#wakeup, this.#drainedAddress, 8)
        continue
      }
      const watcher = this.#watchers.get(token)
      if (watcher === undefined) continue
      this.#pending++
      // Each in its own turn of the event loop: what one throws does not reach the others.
      setImmediate(() => {
        try {
          watcher.deliver()
        } finally {
          this.#pending--
          this.update()
        }
      })
    }
    // The next wait comes after the callbacks, which drain what would end it at once.
    this.update()
  }
}

class EpollWatcher implements FdWatcher {
  readonly token: number
  readonly fd: number
  referenced = true
  active = false
  readonly #loop: EpollLoop
  readonly #onReadable: () => void
  #closed = false

  constructor(loop: EpollLoop, token: number, fd: number, onReadable: () => void) {
    this.#loop = loop
    this.token = token
    this.fd = fd
    this.#onReadable = onReadable
  }

  start(): void {
    if (this.#closed) throw closedError('Watcher')
    if (!this.active) this.#loop.setActive(this, true)
  }

  stop(): void {
    if (this.active) this.#loop.setActive(this, false)
  }

  ref(): void {
    this.#setReferenced(true)
  }

  unref(): void {
    this.#setReferenced(false)
  }

  close(): void {
    if (this.#closed) return
    this.stop()
    this.#closed = true
    this.#loop.remove(this)
  }

  /** Calls back, unless the watcher was stopped since its event came. */
  deliver(): void {
    if (this.active) this.#onReadable()
  }

  #setReferenced(referenced: boolean): void {
    if (this.referenced === referenced) return
    this.referenced = referenced
    this.#loop.update()
  }
}
