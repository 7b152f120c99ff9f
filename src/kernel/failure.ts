/**
 * The error of a system call that failed, with the reason where the kernel's errno does not say it.
 *
 * @module
 */

import { EACCES, EPERM } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { systemError } from '../syscalls/errno.ts'
import { countsMemlock } from './memlock.ts'
import { explainPermission, explainRefusal, permissionFacts } from './permission.ts'
import type { TokenUse } from './tokens/delegation.ts'
import type { TokenHandle } from './tokens/handle.ts'
import { explainToken } from './tokens/refusal.ts'

/**
 * Makes the error of a failed system call.
 *
 * @param what action that failed: `'Cannot load program x'`
 * @param result what the call returned: -errno
 * @param syscall such as `'bpf(BPF_PROG_LOAD)'`
 * @param token that the call was made with
 * @param use what the call needs of a token
 */
export function failure(
  what: string,
  result: number,
  syscall: string,
  token?: TokenHandle,
  use?: TokenUse,
): BpfError {
  const error = systemError(what, result, syscall)
  if (result !== -EPERM && result !== -EACCES) return error
  const facts = { ...permissionFacts(), countsMemlock: countsMemlock() }
  const reason =
    token === undefined || use === undefined
      ? explainPermission(facts)
      : explainRefusal(facts, explainToken(token, use, facts.status))
  if (reason === undefined) return error
  return new BpfError(`${error.message}: ${reason}`, { code: error.code, errno: -result, syscall })
}
