/**
 * Directories by descriptor: what is done in one is done in that one, wherever its path leads meanwhile.
 *
 * Source: open(2), unlinkat(2), mkdirat(2), fstatat(2), fstatfs(2).
 *
 * @module
 */

import { constants } from 'node:fs'
import { AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_PATH } from '../abi/linux.ts'
import { makeFd } from './descriptor.ts'
import { syscallEntry } from './entry.ts'
import { systemError } from './errno.ts'
import { OwnedFd } from './fd.ts'
import { allocate, type NativeMemory, nativeString } from './memory.ts'
import { nr } from './numbers.ts'

/** Bytes for `struct stat` and `struct statfs`, which have 144 and 120 at most. */
const STAT_SPACE = 256
/** Offset of `st_ino` in `struct stat`, after `st_dev`; the same on x64 and arm64. */
const ST_INO = 8

/** A directory that is held by a descriptor. */
export class Directory implements Disposable {
  readonly #fd: OwnedFd

  private constructor(fd: OwnedFd) {
    this.#fd = fd
  }

  /**
   * Opens a directory; symbolic links are followed.
   *
   * @param action what fails with it: `'Cannot unpin /sys/fs/bpf/a'`
   * @throws BpfError with the errno's name as code
   */
  static open(path: string, action: string): Directory {
    return Directory.#openAt(AT_FDCWD, path, 0, action)
  }

  /**
   * Opens a directory in this one, which must not be a symbolic link.
   *
   * @param action what fails with it
   * @throws BpfError with the errno's name as code, `ENOTDIR` for a symbolic link
   */
  open(name: string, action: string): Directory {
    return Directory.#openAt(this.#fd.fd, name, constants.O_NOFOLLOW, action)
  }

  static #openAt(at: number, path: string, flags: number, action: string): Directory {
    const all = O_PATH | O_CLOEXEC | constants.O_DIRECTORY | flags
    const result = withString(path, address => makeFd(syscallEntry(), nr.openat, at, address, all, 0))
    if (result < 0) throw systemError(action, result, 'openat')
    return new Directory(OwnedFd.adopt(result, `directory ${path}`))
  }

  /**
   * Magic number of the file system that it is on.
   *
   * @param action what fails with it
   * @throws BpfError with the errno's name as code
   */
  fileSystem(action: string): number {
    const buffer = allocate(STAT_SPACE)
    const result = syscallEntry().syscall(nr.fstatfs, this.#fd.fd, buffer.address)
    if (result < 0) throw systemError(action, result, 'fstatfs')
    return Number(buffer.view.getBigInt64(0, true))
  }

  /** What distinguishes an entry from every other one, also from a later one of its name; `undefined` when it is not there. */
  identify(name: string): string | undefined {
    const buffer = allocate(STAT_SPACE)
    const result = withString(name, address =>
      syscallEntry().syscall(nr.newfstatat, this.#fd.fd, address, buffer.address, AT_SYMLINK_NOFOLLOW),
    )
    if (result < 0) return undefined
    return `${buffer.view.getBigUint64(0, true)}:${buffer.view.getBigUint64(ST_INO, true)}`
  }

  /** Makes a directory in this one: 0, or -errno. */
  make(name: string, mode: number): number {
    return withString(name, address => syscallEntry().syscall(nr.mkdirat, this.#fd.fd, address, mode))
  }

  /** Removes an entry, a directory only where it is asked for: 0, or -errno. */
  remove(name: string, kind: 'file' | 'directory'): number {
    const flags = kind === 'directory' ? AT_REMOVEDIR : 0
    return withString(name, address => syscallEntry().syscall(nr.unlinkat, this.#fd.fd, address, flags))
  }

  /** Closes the descriptor. Idempotent. */
  close(): void {
    this.#fd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Makes a call with the address of a string. */
function withString(text: string, make: (address: number) => number): number {
  const memory = nativeString(text)
  referenced.push(memory)
  try {
    return make(memory.address)
  } finally {
    referenced.length = 0
  }
}

/** The string of the call that is being made: referenced from here, the collector cannot take it. */
const referenced: NativeMemory[] = []
