/**
 * What a thread gets from another one to join a ring, checked: memory is read and written at the places that it says.
 *
 * @module
 */

import { isFd } from '../syscalls/descriptor.ts'
import { pageSize } from '../syscalls/mmap.ts'
import { requireMapType } from './claim.ts'

/**
 * What another thread of this process needs to join a ring: `share` of `SharedRingBuffer` and of `UserRingBuffer` returns it.
 * It can be sent to a worker by `workerData` or `postMessage`.
 */
export interface RingHandle {
  /** Name of the map. */
  readonly name: string
  /** Descriptor of the map, open as long as the ring is. */
  readonly fd: number
  /** The map's pages. */
  readonly buffer: SharedArrayBuffer
  /** Bytes of a page. */
  readonly pageSize: number
  /** Bytes of the ring's data, a power of two. */
  readonly size: number
  /** What the threads share besides: zeros at first; how many bytes depends on the kind of the ring. */
  readonly control: SharedArrayBuffer
}

/** The memory of a ring, and what the threads that use it share besides. */
export type RingMemory = Omit<RingHandle, 'name' | 'fd'>

/**
 * A handle as it was shared. Each property is read once; the result is a copy.
 *
 * @param kind of the ring, for messages: `'user ring buffer'`
 * @param controlBytes bytes of what the threads of such a ring share
 * @throws TypeError when it is not a handle, or its numbers do not fit its memory
 */
export function checkedHandle(kind: string, handle: RingHandle, controlBytes: number): RingHandle {
  const fail = (reason: string): never => {
    throw new TypeError(`Cannot join a ${kind}: ${reason}`)
  }
  if (typeof handle !== 'object' || handle === null) fail('what was given is not its handle')
  const { name, fd, buffer, pageSize: page, size, control } = handle
  if (!(buffer instanceof SharedArrayBuffer && control instanceof SharedArrayBuffer))
    fail('what was given is not its handle')
  if (typeof name !== 'string' || !isFd(fd)) fail('the name or the descriptor of the handle is wrong')
  const own = pageSize()
  if (page !== own) fail(`the handle has pages of ${String(page)} bytes, this machine of ${own}`)
  // The kernel rounds up to a power of two of pages.
  if (!Number.isSafeInteger(size) || size < page || !Number.isInteger(Math.log2(size)))
    fail(`${String(size)} is not the size of a ring`)
  if (buffer.byteLength !== 2 * page + 2 * size || control.byteLength !== controlBytes)
    fail('the memory of the handle is not that of a ring of this size')
  return { name, fd, buffer, pageSize: page, size, control }
}

/**
 * Checks that the descriptor of a handle is that of a map of the ring's size.
 *
 * @throws TypeError when it is not
 * @throws BpfError `ERR_NOT_A_MAP`, `EBADF`
 */
export function requireMapOf(
  { name, fd, size }: Omit<RingHandle, 'buffer' | 'control'>,
  type: 'ringbuf' | 'user_ringbuf',
): void {
  const { maxEntries } = requireMapType(fd, name, type, type === 'ringbuf' ? 'read' : 'write to')
  if (maxEntries !== size)
    throw new TypeError(`Cannot join map ${name}: it has ${maxEntries} bytes, the ring of the handle ${size}`)
}
