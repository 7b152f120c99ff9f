/**
 * Raw file descriptors: duplicating and closing them so that they are close-on-exec, never 0, 1 or 2, and do not
 * outlive a worker thread.
 *
 * A worker thread can be terminated at any point, without a word to its JavaScript. Node then closes the
 * descriptors that the thread opened with `node:fs` and did not close. Descriptors from raw system calls get
 * the same care here: one is opened with `node:fs` before the call is made, and the backend puts the new one in its
 * place by `dup3(2)` before the thread can end.
 *
 * @module
 */

import { closeSync, openSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { F_DUPFD_CLOEXEC, O_CLOEXEC } from '../abi/linux.ts'
import type { SyscallEntry } from './backends/syscall-entry.ts'
import { nr } from './numbers.ts'

type Kernel = Pick<SyscallEntry, 'syscall'>

/** A system call: its number and arguments. */
type Call = Parameters<SyscallEntry['syscall']>

/** The most that a descriptor can be: the kernel has them in an `int`. */
const MOST = 0x7fff_ffff

/** What a descriptor is, for errors about a number that cannot be one. */
export const FD_RANGE: string = `a descriptor is an integer from 0 to ${MOST}`

/** Whether a number can be a descriptor, as {@link FD_RANGE} says. */
export function isFd(fd: number): boolean {
  return Number.isInteger(fd) && fd >= 0 && fd <= MOST
}

/** Descriptors of {@link makeFd} in a worker thread that {@link takeFd} has not been asked for yet. */
const unclaimed = new Set<number>()

/**
 * Makes a system call that returns a new descriptor, which ends with this thread, or with the process on the main
 * thread. Whoever keeps it claims it with {@link takeFd}; whoever does not closes it with {@link closeFd}.
 *
 * @returns the descriptor, or -errno
 */
export function makeFd(kernel: Pick<SyscallEntry, 'syscall' | 'syscallInto'>, ...call: Call): number {
  if (isMainThread) return kernel.syscall(...call)
  const tracked = openTracked()
  return tracked < 0 ? tracked : claimLater(tracked, kernel.syscallInto(tracked, ...call))
}

/** As {@link makeFd}, without this thread waiting for the call where the backend can do that. */
export async function makeFdAsync(
  kernel: Pick<SyscallEntry, 'syscallAsync' | 'syscallIntoAsync'>,
  ...call: Call
): Promise<number> {
  if (isMainThread) return kernel.syscallAsync(...call)
  const tracked = openTracked()
  return tracked < 0 ? tracked : claimLater(tracked, await kernel.syscallIntoAsync(tracked, ...call))
}

function claimLater(tracked: number, result: number): number {
  if (result < 0) closeSync(tracked)
  else unclaimed.add(tracked)
  return result
}

/**
 * Duplicates a descriptor onto a new one that ends with this thread, or with the process on the main thread.
 *
 * @returns the new descriptor, or -errno
 */
export function duplicateFd(kernel: Kernel, fd: number): number {
  if (isMainThread) return kernel.syscall(nr.fcntl, fd, F_DUPFD_CLOEXEC, 3)
  const tracked = openTracked()
  if (tracked < 0) return tracked
  // In one step: what is there before and afterwards ends with this thread.
  const result = kernel.syscall(nr.dup3, fd, tracked, O_CLOEXEC)
  if (result < 0) closeSync(tracked)
  return result
}

/** A descriptor above 2 that Node closes with this thread, or -errno. */
function openTracked(): number {
  let fd: number
  try {
    fd = openSync('/', 'r')
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException
    if (errno === undefined) throw error
    return errno
  }
  if (fd > 2) return fd
  // A standard stream is closed. While its number is taken, the next one is higher.
  const higher = openTracked()
  closeSync(fd)
  return higher
}

/**
 * Takes over a descriptor that a system call made: the result is the same one where that will do, else a
 * duplicate, and the original is closed in any case.
 *
 * @returns the descriptor to use from now on, or -errno
 */
export function takeFd(kernel: Kernel, fd: number): number {
  if (isMainThread ? fd > 2 : unclaimed.delete(fd)) return fd
  const taken = duplicateFd(kernel, fd)
  kernel.syscall(nr.close, fd)
  return taken
}

/** Gives a descriptor of {@link takeFd} up: the result has no owner, and outlives this thread. -errno on failure. */
export function disownFd(kernel: Kernel, fd: number): number {
  if (isMainThread) return fd
  const free = kernel.syscall(nr.fcntl, fd, F_DUPFD_CLOEXEC, 3)
  if (free >= 0) closeSync(fd)
  return free
}

/**
 * Closes a descriptor of {@link makeFd}, {@link takeFd} or {@link duplicateFd}. Linux frees it even where it reports an
 * error.
 */
export function closeFd(kernel: Kernel, fd: number): void {
  if (isMainThread) {
    kernel.syscall(nr.close, fd)
    return
  }
  unclaimed.delete(fd)
  closeSync(fd)
}
