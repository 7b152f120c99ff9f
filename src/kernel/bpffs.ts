/**
 * BPF file systems: where objects are pinned and tokens come from.
 *
 * @module
 */

import { BPF_FS_MAGIC } from '../abi/linux.ts'
import { fileResult } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { Directory } from '../syscalls/directory.ts'
import { systemError } from '../syscalls/errno.ts'

/** Where a BPF file system is mounted unless the caller says otherwise. */
export const DEFAULT_BPFFS = '/sys/fs/bpf'

/**
 * Checks that a directory is on a BPF file system.
 *
 * @param action what needs it: `'Cannot pin map counters at /tmp/x'`
 * @throws BpfError `ERR_NOT_BPFFS` when it is on another one, an errno's name when it cannot be reached
 */
export function requireBpffs(directory: string, action: string): void {
  openBpffs(directory, action).close()
}

/**
 * Opens a directory of a BPF file system. What is then done in the directory is done on that file system, also when
 * another process renames directories above.
 *
 * @param action what needs it: `'Cannot unpin /tmp/x'`
 * @throws BpfError `ERR_NOT_BPFFS` when it is on another file system, an errno's name when it cannot be reached
 */
export function openBpffs(directory: string, action: string): Directory {
  const opened = Directory.open(directory, action)
  try {
    if (opened.fileSystem(action) === BPF_FS_MAGIC) return opened
  } catch (error) {
    opened.close()
    throw error
  }
  opened.close()
  throw new BpfError(
    `${action}: ${directory} is not on a BPF file system (mount one with: mount -t bpf bpf ${DEFAULT_BPFFS})`,
    { code: 'ERR_NOT_BPFFS' },
  )
}

/**
 * Runs a call of `node:fs`, with its error turned into ours.
 *
 * @param action what fails with it
 * @throws BpfError with the errno's name as code
 */
export function inFileSystem<T>(action: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    const result = fileResult(error)
    if (result === undefined) throw error
    throw systemError(action, result, (error as NodeJS.ErrnoException).syscall ?? 'file system call')
  }
}
