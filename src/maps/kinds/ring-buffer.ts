/**
 * The size of ring buffers, which is in bytes: a power of two, and whole pages.
 *
 * Source: kernel/bpf/ringbuf.c `ringbuf_map_alloc`; libbpf `adjust_ringbuf_sz`.
 *
 * @module
 */

import { pageSize } from '../../syscalls/mmap.ts'

/** The largest power of two that fits `max_entries`. */
const LARGEST = 2 ** 31

/** The size that a ring buffer gets: the least one that the kernel takes and that holds what was asked for. */
export function ringSize(wanted: number): number {
  // No size is an error, not a small ring.
  if (wanted === 0) return 0
  const rounded = Math.max(pageSize(), 2 ** Math.ceil(Math.log2(wanted)))
  return rounded <= LARGEST ? rounded : wanted
}

/** What is wrong with a size; `undefined` when nothing is. */
export function wrongRingSize(size: number): string | undefined {
  if (size === 0) return 'maxEntries is 0'
  return size > LARGEST ? `a ring buffer has at most ${LARGEST} bytes, not ${size}` : undefined
}
