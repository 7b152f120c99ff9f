/**
 * The size of ring buffers, which is in bytes: a power of two, and whole pages.
 *
 * Source: kernel/bpf/ringbuf.c `ringbuf_map_alloc`; libbpf `adjust_ringbuf_sz`.
 *
 * @module
 */

import { pageSize } from '../../syscalls/mmap.ts'

/** The size that a ring buffer gets: one that is right where pages are small must do where they are large. */
export function ringSize(wanted: number): number {
  return isPowerOfTwo(wanted) && wanted < pageSize() ? pageSize() : wanted
}

/** What is wrong with a size; `undefined` when nothing is. */
export function wrongRingSize(size: number): string | undefined {
  if (isPowerOfTwo(size) && size % pageSize() === 0) return undefined
  return `the size of a ring buffer, ${size}, must be a power of 2 and a multiple of the page size ${pageSize()}`
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value))
}
