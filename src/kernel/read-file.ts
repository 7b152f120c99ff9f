/**
 * Files that callers name: objects, BTF, programs with symbols, configurations. The one place that reads them.
 *
 * @module
 */

import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { BpfError, closedError, fileError, withAction } from '../base/errors.ts'

/** Bytes that are read in one call, as many as a buffer and a read may have on every system: 2 GiB less one page. */
export const MAX_FILE_SIZE: number = 2 ** 31 - 4096

/** Bytes of the first buffer for a file of procfs or sysfs, whose size is not known before it is read. */
const FIRST_SIZE = 64 << 10

/** A regular file that is read where it is needed; it may be larger than memory. Also a source of an `ElfFile`. */
export class OpenFile implements Disposable {
  /** Bytes that it had when it was opened. */
  readonly size: number
  #fd: number
  readonly #action: string

  /**
   * Opens a file. What is refused, is refused as by `readRegularFile`.
   *
   * @param action what fails, for messages. Default: `'Cannot read PATH'`
   * @param flags more flags of `open`, such as `O_NOFOLLOW`
   * @throws BpfError with the errno's name as code when it cannot be opened, `ERR_NOT_A_FILE` when it is not a regular
   *   file
   */
  static open(path: string, action = `Cannot read ${path}`, flags = 0): OpenFile {
    const { fd, stats } = openRegular(path, action, flags)
    return new OpenFile(fd, stats.size, action)
  }

  private constructor(fd: number, size: number, action: string) {
    this.#fd = fd
    this.size = size
    this.#action = action
  }

  /** What the file is now, which may have grown, and may have no name any more. */
  stat(): BigIntStats {
    return fstatSync(this.#open(), { bigint: true })
  }

  /**
   * The bytes at an offset; fewer when the file ends before.
   *
   * @param into memory of that length at least, for the bytes. Default: new memory
   * @throws BpfError with code `EFBIG` when they are more than one read may return, `ERR_CLOSED` when the file is closed,
   *   else with the errno's name
   */
  read(offset: number, length: number, into?: Uint8Array): Uint8Array {
    if (length > MAX_FILE_SIZE) throw tooLarge(this.#action, `a part of ${length} bytes`, MAX_FILE_SIZE)
    const fd = this.#open()
    const buffer = into ?? Buffer.allocUnsafeSlow(length)
    try {
      let filled = 0
      while (filled < length) {
        const count = readSync(fd, buffer, filled, length - filled, offset + filled)
        if (count === 0) break
        filled += count
      }
      return buffer.subarray(0, filled)
    } catch (error) {
      throw fileError(this.#action, error)
    }
  }

  /**
   * The whole file, which may have become longer, and whose size is not known when it is of procfs or sysfs.
   *
   * @param maxSize greatest number of bytes
   * @throws BpfError as `read` does
   */
  readWhole(maxSize: number): Buffer<ArrayBuffer> {
    const fd = this.#open()
    try {
      return readAll(fd, this.size, maxSize, this.#action)
    } catch (error) {
      throw error instanceof BpfError ? error : fileError(this.#action, error)
    }
  }

  #open(): number {
    if (this.#fd < 0) throw withAction(closedError('the file'), this.#action)
    return this.#fd
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    if (this.#fd < 0) return
    closeSync(this.#fd)
    this.#fd = -1
  }
}

/**
 * Reads a regular file whole. Directories are refused, and devices, FIFOs and sockets, which may never end or never begin, without being
 * opened; what takes the place of a file in that moment is opened without waiting, and refused too.
 *
 * @param maxSize greatest number of bytes
 * @param action what fails, for messages. Default: `'Cannot read PATH'`
 * @throws BpfError with the errno's name as code when it cannot be read, `ERR_NOT_A_FILE` when it is not a regular file,
 *   `EFBIG` when it is larger than `maxSize`
 */
export function readRegularFile(
  path: string,
  maxSize: number,
  action = `Cannot read ${path}`,
): Buffer<ArrayBuffer> {
  const { fd, stats } = openRegular(path, action)
  try {
    return readAll(fd, stats.size, maxSize, action)
  } catch (error) {
    throw error instanceof BpfError ? error : fileError(action, error)
  } finally {
    closeSync(fd)
  }
}

function openRegular(path: string, action: string, flags = 0): { fd: number; stats: Stats } {
  let fd: number | undefined
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found !== undefined) requireRegular(found, action)
    fd = openSync(path, flags | constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0))
    const stats = fstatSync(fd)
    requireRegular(stats, action)
    return { fd, stats }
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    throw error instanceof BpfError ? error : fileError(action, error)
  }
}

function requireRegular(stats: Stats, action: string): void {
  if (stats.isFile()) return
  const kind = stats.isDirectory()
    ? 'a directory'
    : stats.isFIFO()
      ? 'a FIFO'
      : stats.isSocket()
        ? 'a socket'
        : 'a device'
  throw new BpfError(`${action}: ${kind}, not a regular file`, { code: 'ERR_NOT_A_FILE' })
}

/** Reads to the end, wherever that is: a file may grow, and those of procfs say that they are empty. */
function readAll(fd: number, size: number, maxSize: number, action: string): Buffer<ArrayBuffer> {
  if (size > maxSize) throw tooLarge(action, `${size} bytes`, maxSize)
  // One byte more than expected shows the end without another buffer.
  let buffer = Buffer.allocUnsafeSlow(Math.min(size > 0 ? size + 1 : FIRST_SIZE, maxSize + 1))
  let length = 0
  for (;;) {
    const count = readSync(fd, buffer, length, buffer.length - length, length)
    if (count === 0) return buffer.subarray(0, length)
    length += count
    if (length > maxSize) throw tooLarge(action, 'it', maxSize)
    if (length < buffer.length) continue
    const larger = Buffer.allocUnsafeSlow(Math.min(2 * buffer.length, maxSize + 1))
    buffer.copy(larger, 0, 0, length)
    buffer = larger
  }
}

function tooLarge(action: string, what: string, maxSize: number): BpfError {
  return new BpfError(`${action}: ${what} exceeds the limit of ${maxSize} bytes`, { code: 'EFBIG' })
}
