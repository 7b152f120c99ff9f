/**
 * The error of a system call that failed, with the reason where the kernel's errno does not say it.
 *
 * @module
 */

import { EACCES, EPERM } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { systemError } from '../syscalls/errno.ts'
import { lackedCapabilities } from './capabilities.ts'
import { memlockLimit } from './memlock.ts'
import { neededCapabilities } from './needed-capabilities.ts'
import {
  type Asked,
  explainPermission,
  explainRefusal,
  isUnprivilegedDisabled,
  type PermissionFacts,
  permissionFacts,
} from './permission.ts'
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
 * @param use the types that the call is about, and what it needs of a token
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
  const facts = { ...permissionFacts(), memlock: memlockLimit() }
  const reason = explain(facts, result, syscall, token, use)
  if (reason === undefined) return error
  return new BpfError(`${error.message}: ${reason}`, { code: error.code, errno: -result, syscall })
}

function explain(
  facts: PermissionFacts,
  result: number,
  syscall: string,
  token: TokenHandle | undefined,
  use: TokenUse | undefined,
): string | undefined {
  const asked: Asked = {
    capabilities: neededCapabilities(syscall, use, isUnprivilegedDisabled(facts)),
    lockdown: !NEVER_LOCKED.test(syscall),
    memory: /BPF_(?:PROG_LOAD|MAP_CREATE)/.test(syscall),
  }
  if (token !== undefined && use !== undefined)
    return explainRefusal(facts, asked, explainToken(token, use, facts.status, asked.capabilities))
  if (result === -EACCES && asked.capabilities?.length === 0 && FILES.test(syscall))
    return explainMode(facts.status) ?? explainPermission(facts, asked)
  return explainPermission(facts, asked)
}

/** Calls that a locked-down kernel lets through. */
const NEVER_LOCKED = /BPF_(?:MAP_|BTF_|OBJ_|\w+_GET_FD_BY_ID|\w+_GET_NEXT_ID|ENABLE_STATS|TASK_FD_QUERY)/
/** Calls that go by paths. */
const FILES = /BPF_OBJ_|^open|^write|^read|^mkdir|^unlink/

/**
 * Modes of files concern users without a capability of their own for it. The errno is that of security modules too, and
 * which component of the path refuses is not known here.
 */
function explainMode(status: string): string | undefined {
  if (lackedCapabilities(status, ['CAP_DAC_OVERRIDE']).length === 0) return undefined
  const user = /^Uid:\s*\d+\s+(\d+)/m.exec(status)?.[1] ?? 'of this process'
  return `user ${user} lacks CAP_DAC_OVERRIDE; the mode of the file, that of a directory above it, or a security module refuses access`
}
