/**
 * Memory of a descriptor at an address of its own, for maps whose addresses the kernel and its programs share with this
 * process. It is reached through `/proc/self/mem`, where an address that nothing lies at is an error, not a signal.
 *
 * @module
 */

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { MAP_FIXED_NOREPLACE, MAP_SHARED, PROT_READ, PROT_WRITE } from '../abi/linux.ts'
import { BpfError, fileError } from '../base/errors.ts'
import { syscallEntry } from './entry.ts'
import { systemError } from './errno.ts'
import { nr } from './numbers.ts'

const MEMORY = '/proc/self/mem'

/** A mapping of a descriptor, held until it is closed. */
export class MappedRange implements Disposable {
  /** Where it begins. */
  readonly address: number
  /** Bytes. */
  readonly length: number
  #closed = false

  private constructor(address: number, length: number) {
    this.address = address
    this.length = length
  }

  /**
   * Maps a descriptor for reading and writing, from its start.
   *
   * @param length bytes, a multiple of the page size
   * @param address where, if it must be there
   * @throws BpfError when the kernel refuses: `EEXIST` when something lies at the address
   */
  static map(fd: number, length: number, address?: number): MappedRange {
    const flags = address === undefined ? MAP_SHARED : MAP_SHARED | MAP_FIXED_NOREPLACE
    const result = syscallEntry().syscall(nr.mmap, address ?? 0, length, PROT_READ | PROT_WRITE, flags, fd, 0)
    if (result < 0) throw systemError(`Cannot map ${length} bytes`, result, 'mmap')
    return new MappedRange(result, length)
  }

  /**
   * Copies bytes out.
   *
   * @param offset from the start of the mapping
   * @throws RangeError when they are not within the mapping
   * @throws BpfError `ERR_CLOSED` after `close`, the errno's name when they cannot be read
   */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    this.#check('read', offset, length)
    const bytes = new Uint8Array(length)
    access('r', 'read', length, (fd, done) =>
      readSync(fd, bytes, done, length - done, this.address + offset + done),
    )
    return bytes
  }

  /**
   * Copies bytes in. Throws as `read` does.
   *
   * @param offset from the start of the mapping
   */
  write(offset: number, bytes: Uint8Array): void {
    this.#check('write', offset, bytes.length)
    access('r+', 'write', bytes.length, (fd, done) =>
      writeSync(fd, bytes, done, bytes.length - done, this.address + offset + done),
    )
  }

  #check(action: string, offset: number, length: number): void {
    if (this.#closed)
      throw new BpfError(`Cannot ${action} memory: its mapping is closed`, { code: 'ERR_CLOSED' })
    if (!(Number.isInteger(offset) && offset >= 0 && length >= 0 && offset + length <= this.length))
      throw new RangeError(
        `Cannot ${action} memory: ${length} bytes at ${offset} are not within ${this.length} bytes`,
      )
  }

  /** Unmaps it; what the descriptor is of keeps its bytes. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    syscallEntry().syscall(nr.munmap, this.address, this.length)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Reads or writes until all bytes are done. */
function access(
  flags: 'r' | 'r+',
  action: string,
  length: number,
  step: (fd: number, done: number) => number,
): void {
  try {
    const fd = openSync(MEMORY, flags)
    try {
      for (let done = 0; done < length; ) done += step(fd, done)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw fileError(`Cannot ${action} memory`, error)
  }
}
