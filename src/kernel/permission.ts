/**
 * Why the kernel says `EPERM`: it has one errno for a dozen reasons. This looks at each of them.
 *
 * @module
 */

import { lackedCapabilities } from './capabilities.ts'
import { readText } from './read-text.ts'
import { whyNoToken } from './tokens/automatic.ts'
import { inInitialUserNamespace } from './user-namespace.ts'

/** What is looked at; injectable for tests. */
export interface PermissionFacts {
  /** `/proc/self/status`. */
  status: string
  /** `/proc/sys/kernel/unprivileged_bpf_disabled`. */
  unprivilegedBpfDisabled?: string | undefined
  /** `/sys/kernel/security/lockdown`: the active mode is in brackets. */
  lockdown?: string | undefined
  /** Whether this process is in a user namespace other than the initial one. */
  inUserNamespace?: boolean
  /** Why this process has no BPF token, where it needs one. */
  noToken?: string | undefined
  /** Whether memory of maps and programs counts against `RLIMIT_MEMLOCK` (before Linux 5.11). */
  countsMemlock?: boolean
}

/** Says which privileges of this process do not reach BPF; `undefined` when all do. */
export function explainPrivileges(facts: PermissionFacts): string | undefined {
  const lacked = lackedCapabilities(facts.status)
  if (facts.inUserNamespace === true) {
    const token = facts.noToken === undefined ? '' : `; it has no BPF token: ${facts.noToken}`
    return `this process is in a user namespace, whose capabilities do not reach BPF${token}`
  }
  if (lacked.length === 0) return undefined
  // The setting is for processes without CAP_BPF.
  const disabled =
    lacked.includes('CAP_BPF') && /^[12]/.test(facts.unprivilegedBpfDisabled ?? '')
      ? ', and unprivileged BPF is disabled'
      : ''
  return `this process lacks ${lacked.join(', ')} and CAP_SYS_ADMIN${disabled}; run as root`
}

/** Says what stands in the way of BPF, in words; `undefined` when nothing that can be seen does. */
export function explainPermission(facts: PermissionFacts): string | undefined {
  return explainRefusal(facts, explainPrivileges(facts))
}

/**
 * Says what stands in the way of BPF, given what is known of privileges.
 *
 * @param privileges which of them are missing, in words
 */
export function explainRefusal(facts: PermissionFacts, privileges: string | undefined): string | undefined {
  const reasons = privileges === undefined ? [] : [privileges]
  const lockdown = /\[(integrity|confidentiality)\]/.exec(facts.lockdown ?? '')?.[1]
  if (lockdown !== undefined) reasons.push(`the kernel is locked down (${lockdown})`)
  const seccomp = /^Seccomp:\s*([12])/m.exec(facts.status)?.[1]
  if (seccomp !== undefined && reasons.length === 0)
    reasons.push('a seccomp filter of this process may refuse it')
  if (facts.countsMemlock === true && reasons.length === 0) reasons.push('RLIMIT_MEMLOCK may be too low')
  return reasons.length === 0 ? undefined : reasons.join('; ')
}

/** Reads the facts of this process and kernel. */
export function permissionFacts(): PermissionFacts {
  return {
    status: readText('/proc/self/status') ?? '',
    unprivilegedBpfDisabled: readText('/proc/sys/kernel/unprivileged_bpf_disabled'),
    lockdown: readText('/sys/kernel/security/lockdown'),
    inUserNamespace: !inInitialUserNamespace(),
    noToken: whyNoToken(),
  }
}
