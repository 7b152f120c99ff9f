/**
 * Handles of rings that are not what was shared.
 *
 * @module
 */

import type { RingHandle } from '../../../src/readers/ring-handle.ts'

/** Changes of a handle, each of which must be refused with a `TypeError` before memory is touched. */
export function wrongHandles(
  { fd, pageSize, size, buffer, control }: RingHandle,
  otherMap: number,
): readonly Partial<RingHandle>[] {
  return [
    ...[0, 4, 8, 2 * pageSize, -pageSize, 2 ** 32, Number.NaN].map(pageSize => ({ pageSize })),
    ...[0, size / 2, size * 2, size + 8, -size, 1.5, Number.NaN].map(size => ({ size })),
    { buffer: new SharedArrayBuffer(8) },
    { buffer: new SharedArrayBuffer(buffer.byteLength + 8) },
    { buffer: new ArrayBuffer(buffer.byteLength) as never },
    { control: new SharedArrayBuffer(8) },
    { control: new SharedArrayBuffer(control.byteLength + 8) },
    { size: size * 2, buffer: new SharedArrayBuffer(buffer.byteLength + 2 * size) },
    ...[-1, 2 ** 32 + fd, fd + 0.5, Number.NaN, otherMap].map(fd => ({ fd })),
    { fd: undefined as never },
    { name: 5 as never },
  ]
}
