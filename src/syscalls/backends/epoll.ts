/**
 * `epoll(7)` and `struct epoll_event`.
 *
 * Source: include/uapi/linux/eventpoll.h; the struct is packed on x86-64 only (`EPOLL_PACKED`).
 *
 * @module
 */

import { EPOLL_CTL_ADD, EPOLLIN, O_CLOEXEC } from '../../abi/linux.ts'
import { EPERM } from '../../base/errno.ts'
import { BpfError } from '../../base/errors.ts'
import { closeFd, duplicateFd, makeFd } from '../descriptor.ts'
import { systemError } from '../errno.ts'
import { nr } from '../numbers.ts'
import type { SyscallEntry } from './syscall-entry.ts'

const DATA_OFFSET = process.arch === 'x64' ? 4 : 8

/** Bytes of a `struct epoll_event`. */
export const EPOLL_EVENT_SIZE: number = DATA_OFFSET + 8

/** Room for events: the kernel writes them, or reads the first. */
export class EpollEvents {
  readonly capacity: number
  readonly address: number
  readonly #view: DataView

  constructor(entry: Pick<SyscallEntry, 'addressOf'>, capacity: number) {
    const bytes = new Uint8Array(new ArrayBuffer(capacity * EPOLL_EVENT_SIZE))
    this.capacity = capacity
    this.address = entry.addressOf(bytes)
    this.#view = new DataView(bytes.buffer)
  }

  /** Fills the first event. */
  set(events: number, data: number): void {
    this.#view.setUint32(0, events, true)
    this.#view.setUint32(DATA_OFFSET, data, true)
  }

  /** The low half of an event's `data`. */
  data(index: number): number {
    return this.#view.getUint32(index * EPOLL_EVENT_SIZE + DATA_OFFSET, true)
  }
}

/**
 * Duplicates a descriptor that is to be watched. Whether it can be, only epoll knows, and only by trying.
 *
 * @throws BpfError `EPERM` for a regular file, `EBADF` for a descriptor that is not open
 */
export function duplicatePollable(
  entry: Pick<SyscallEntry, 'syscall' | 'syscallInto' | 'addressOf'>,
  fd: number,
): number {
  const epoll = makeFd(entry, nr.epoll_create1, O_CLOEXEC)
  if (epoll < 0) throw watchError(fd, epoll, 'epoll_create1')
  const events = new EpollEvents(entry, 1)
  events.set(EPOLLIN, 0)
  const result = entry.syscall(nr.epoll_ctl, epoll, EPOLL_CTL_ADD, fd, events.address)
  closeFd(entry, epoll)
  if (result < 0) throw watchError(fd, result, 'epoll_ctl')
  const own = duplicateFd(entry, fd)
  if (own < 0) throw watchError(fd, own, 'fcntl(F_DUPFD_CLOEXEC)')
  return own
}

/**
 * The error of a descriptor that cannot be watched.
 *
 * @param result -errno
 */
export function watchError(fd: number, result: number, syscall: string): BpfError {
  const what = `Cannot watch descriptor ${fd}`
  if (result !== -EPERM) return systemError(what, result, syscall)
  // epoll says EPERM where a file has no notion of readiness; "operation not permitted" would mislead.
  return new BpfError(`${what}: its kind of file cannot be waited for (EPERM)`, {
    code: 'EPERM',
    errno: -result,
    syscall,
  })
}
