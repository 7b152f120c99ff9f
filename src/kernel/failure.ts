/**
 * The error of a system call that failed, with the reason where the kernel's errno does not tell it.
 *
 * @module
 */

import { EACCES, EPERM } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { systemError } from '../syscalls/errno.ts'
import { countsMemlock } from './memlock.ts'
import { explainPermission, permissionFacts } from './permission.ts'

/**
 * Makes the error of a failed system call.
 *
 * @param what action that failed: `'Cannot load program x'`
 * @param result what the call returned: -errno
 * @param syscall such as `'bpf(BPF_PROG_LOAD)'`
 */
export function failure(what: string, result: number, syscall: string): BpfError {
  const error = systemError(what, result, syscall)
  if (result !== -EPERM && result !== -EACCES) return error
  const reason = explainPermission({ ...permissionFacts(), countsMemlock: countsMemlock() })
  if (reason === undefined) return error
  return new BpfError(`${error.message}: ${reason}`, { code: error.code, errno: -result, syscall })
}
