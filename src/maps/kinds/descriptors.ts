/**
 * Maps whose values are set by descriptor: of programs, maps, perf events, control groups, sockets. What the kernel gives
 * back is something else: an id, a cookie, or nothing.
 *
 * Source: kernel/bpf/arraymap.c `bpf_fd_array_map_update_elem`; net/core/sock_map.c `sock_map_update_elem_sys`.
 *
 * @module
 */

import { FD_RANGE, isFd } from '../../syscalls/descriptor.ts'

/** Anything that owns a descriptor, such as a program, a map or a socket: what maps of descriptors are given. */
export interface DescriptorOwner {
  readonly fd: number
}

/** Whether a value owns a descriptor. */
export function isDescriptorOwner(value: unknown): value is DescriptorOwner {
  return typeof value === 'object' && value !== null && 'fd' in value && typeof value.fd === 'number'
}

/**
 * Writes a descriptor as a value. Values of socket maps may have 8 bytes, and the memory may hold the cookie of a socket
 * that was looked up.
 *
 * @param valueSize bytes of the map's values
 * @throws RangeError when the number cannot be a descriptor
 */
export function encodeDescriptor(fd: number, view: DataView, offset: number, valueSize: number): void {
  if (!isFd(fd)) throw new RangeError(`fd ${fd}: ${FD_RANGE}`)
  view.setUint32(offset, fd, true)
  for (let at = 4; at < valueSize; at++) view.setUint8(offset + at, 0)
}
