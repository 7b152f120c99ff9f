/**
 * Making a token of a BPF file system, with the reason when the kernel refuses.
 *
 * Source: kernel/bpf/token.c `bpf_token_create`.
 *
 * @module
 */

import { closeSync, constants, openSync } from 'node:fs'
import { featureSince } from '../../abi/feature-since.ts'
import { EINVAL, ENOENT, EOPNOTSUPP, EPERM } from '../../base/errno.ts'
import { BpfError } from '../../base/errors.ts'
import { bpf } from '../../syscalls/bpf.ts'
import { systemError } from '../../syscalls/errno.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { inFileSystem, requireBpffs } from '../bpffs.ts'
import { lackedCapabilities } from '../capabilities.ts'
import { lacking } from '../lacking.ts'
import { readText } from '../read-text.ts'

const TOKEN_SYSCALL = 'bpf(BPF_TOKEN_CREATE)'

/**
 * Creates a token. Since Linux 6.9.
 *
 * @param path where the BPF file system is mounted
 * @throws NotSupportedError when the kernel has no tokens
 * @throws BpfError with the reason when it refuses: `ERR_NOT_BPFFS`, `ENOENT` when nothing is delegated, `EPERM`,
 *   `EOPNOTSUPP` in the initial user namespace
 */
export function createToken(path: string): OwnedFd {
  const action = tokenAction(path)
  const directory = inFileSystem(action, () => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY))
  let result: number
  try {
    result = bpf('token_create', { bpffs_fd: directory })
  } finally {
    closeSync(directory)
  }
  if (result >= 0) return OwnedFd.adopt(result, `BPF token of ${path}`)
  throw refusal(action, path, result)
}

/** What fails when a token cannot be created; the message of the error begins with it, a colon and a space. */
export function tokenAction(path: string): string {
  return `Cannot create a BPF token of ${path}`
}

/** The result of asking for a token of a descriptor that is not open: `-EBADF` from a kernel that has tokens. */
export function tryToken(): number {
  return bpf('token_create', { bpffs_fd: -1 })
}

function refusal(action: string, path: string, result: number): BpfError {
  const error = systemError(action, result, TOKEN_SYSCALL)
  const options = { code: error.code, errno: -result, syscall: TOKEN_SYSCALL, cause: error }
  if (result === -EINVAL) {
    if (tryToken() === -EINVAL) return lacking('A BPF token', featureSince.token, { action, ...options })
    requireBpffs(path, action)
  }
  const reason = reasonOf(path, result)
  return reason === undefined ? error : new BpfError(`${action}: ${reason} (${error.code})`, options)
}

function reasonOf(path: string, result: number): string | undefined {
  switch (result) {
    case -EINVAL:
      return `${path} is not the root of a BPF file system`
    case -ENOENT:
      return 'its mount delegates nothing (mount options delegate_cmds, delegate_maps, delegate_progs, delegate_attachs)'
    case -EOPNOTSUPP:
      return 'this process is in the initial user namespace, where capabilities take the place of tokens'
    case -EPERM: {
      const status = readText('/proc/self/status')
      if (status === undefined) return undefined
      return lackedCapabilities(status).includes('CAP_BPF')
        ? 'this process lacks CAP_BPF in its user namespace'
        : 'the BPF file system is of another user namespace than this process, or a security module refuses'
    }
    default:
      return undefined
  }
}
