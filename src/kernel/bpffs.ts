/**
 * BPF file systems: where objects are pinned and tokens come from.
 *
 * @module
 */

import { statfsSync } from 'node:fs'
import { BPF_FS_MAGIC } from '../abi/linux.ts'
import { BpfError } from '../base/errors.ts'
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
  if (inFileSystem(action, () => statfsSync(directory).type) === BPF_FS_MAGIC) return
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
    const { errno, syscall } = error as NodeJS.ErrnoException
    if (errno === undefined) throw error
    throw systemError(action, errno, syscall ?? 'file system call')
  }
}
