/**
 * Kernel memory as a `SharedArrayBuffer`.
 *
 * A growable SharedArrayBuffer reserves whole pages of its own; `mmap(MAP_FIXED)` lays the kernel's pages over the
 * reservation. What is left of it when the mapping is closed are anonymous zero pages, so a stale view reads
 * zeros and never faults; when the last reference is gone V8 unmaps the range, kernel pages included.
 *
 * A shared buffer keeps its mapping in every worker it was sent to, and `close` in one closes it for all. The
 * children that Node spawns replace their memory at once, so they inherit nothing.
 *
 * @module
 */

import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../abi/linux.ts'
import { EINVAL } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import type { SyscallEntry } from './backends/syscall-entry.ts'
import { syscallEntry } from './entry.ts'
import { systemError } from './errno.ts'
import { nr } from './numbers.ts'

/** A range of the buffer and what lies there. Offsets and lengths are in bytes and multiples of the page size. */
export interface MappingRegion {
  /** Where in the buffer it starts. */
  offset: number
  /** Its length. */
  length: number
  /** Writing to a `'read'` region kills the process with SIGSEGV: never give out a view of it as writable. */
  access: 'read' | 'read_write'
  /** Whether the mapping is private, as some files of sysfs demand. Default: shared. */
  private?: boolean
  /** What to map; the descriptor may be closed afterwards. */
  fd: number
  /** Where in the file it starts. */
  fileOffset: number
}

let cachedPageSize: number | undefined

/** Bytes of a page: 4096 on x64; 4, 16 or 64 KiB on arm64. */
export const pageSize: () => number = () => {
  cachedPageSize ??= findPageSize(syscallEntry().syscall)
  return cachedPageSize
}

/**
 * Bytes of a page, by trial: mmap(2) refuses a file offset that is not a multiple of them with `EINVAL`, also without a file.
 *
 * @param syscall of the backend
 * @throws BpfError when the kernel refuses for another reason, such as a limit of memory
 */
export function findPageSize(syscall: SyscallEntry['syscall']): number {
  for (let size = 4096; size < 0x10000; size *= 2) {
    const address = syscall(nr.mmap, 0, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, size)
    if (address === -EINVAL) continue
    if (address < 0) throw systemError('Cannot find the size of a page', address, 'mmap')
    syscall(nr.munmap, address, size)
    return size
  }
  return 0x10000
}

/**
 * A mapping. Make views of its buffer with explicit offset and length: views that track the length of a growable buffer
 * are many times slower.
 */
export class SharedMapping implements Disposable {
  /** The memory. Zero pages after `close`. */
  readonly buffer: SharedArrayBuffer
  readonly #address: number
  #closed = false

  private constructor(length: number) {
    this.buffer = new SharedArrayBuffer(length, { maxByteLength: length })
    this.#address = syscallEntry().addressOf(new Uint8Array(this.buffer))
    if (this.#address % pageSize() !== 0) {
      throw new BpfError('Cannot map memory: this JavaScript engine does not align shared buffers to pages', {
        code: 'ERR_BACKEND',
      })
    }
  }

  /**
   * Maps regions into a new buffer; what no region covers is zero pages. On failure nothing stays mapped.
   *
   * @param length bytes of the buffer, a multiple of the page size
   * @throws RangeError when something is not a multiple of the page size or lies outside
   * @throws BpfError when the kernel refuses a region
   */
  static create(length: number, regions: readonly MappingRegion[]): SharedMapping {
    checkPages(length, 'length')
    if (length === 0) throw new RangeError('Cannot map memory: length is 0')
    for (const region of regions) {
      checkPages(region.offset, 'offset')
      checkPages(region.length, 'length of a region')
      checkPages(region.fileOffset, 'file offset')
      if (region.length === 0 || region.offset + region.length > length) {
        throw new RangeError(
          `Cannot map memory: ${region.length} bytes at ${region.offset} are not within ${length} bytes`,
        )
      }
    }
    const mapping = new SharedMapping(length)
    for (const { offset, length: size, access, private: isPrivate, fd, fileOffset } of regions) {
      const protection = access === 'read' ? PROT_READ : PROT_READ | PROT_WRITE
      const kind = isPrivate === true ? MAP_PRIVATE : MAP_SHARED
      const result = syscallEntry().syscall(
        nr.mmap,
        mapping.#address + offset,
        size,
        protection,
        kind | MAP_FIXED,
        fd,
        fileOffset,
      )
      if (result < 0) {
        mapping.close()
        throw systemError(`Cannot map ${size} bytes at offset ${fileOffset}`, result, 'mmap')
      }
    }
    return mapping
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Takes the kernel's pages away. Views stay usable and read zeros. Idempotent.
   *
   * @throws BpfError when the kernel has no memory for the change (`ENOMEM`); the mapping is then as before
   */
  close(): void {
    if (this.#closed) return
    const result = syscallEntry().syscall(
      nr.mmap,
      this.#address,
      this.buffer.byteLength,
      PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
      -1,
      0,
    )
    if (result < 0) throw systemError('Cannot unmap memory', result, 'mmap')
    this.#closed = true
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function checkPages(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0 || value % pageSize() !== 0) {
    throw new RangeError(
      `Cannot map memory: ${what} ${value} is not a multiple of the page size ${pageSize()}`,
    )
  }
}
