/**
 * `perf_event_open(2)` and `ioctl(2)`.
 *
 * @module
 */

import { makeFd } from './descriptor.ts'
import { syscallEntry } from './entry.ts'
import { nr } from './numbers.ts'

/**
 * Opens a perf event.
 *
 * @param attr a `struct perf_event_attr` (layout `perfEventAttr`), its `size` filled in
 * @param pid process, or -1 for all, or 0 for this one
 * @param cpu CPU, or -1 for all
 * @param groupFd group leader, or -1
 * @param flags `PERF_FLAG_*`
 * @returns the descriptor, or -errno
 */
export function perfEventOpen(
  attr: Uint8Array,
  pid: number,
  cpu: number,
  groupFd: number,
  flags: number,
): number {
  const entry = syscallEntry()
  return makeFd(entry, nr.perf_event_open, entry.addressOf(attr), pid, cpu, groupFd, flags)
}

/**
 * `ioctl(2)`.
 *
 * @param arg a number, or the address of memory that stays referenced
 * @returns the result, or -errno
 */
export function ioctl(fd: number, request: number, arg: number): number {
  return syscallEntry().syscall(nr.ioctl, fd, request, arg)
}
