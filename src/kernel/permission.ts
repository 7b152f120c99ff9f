/**
 * Why the kernel says `EPERM` or `EACCES`: it has two errnos for a dozen reasons. This looks at each of them.
 *
 * @module
 */

import { BPF_CAPABILITIES, type Capability, lackedCapabilities } from './capabilities.ts'
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
  /** `/sys/kernel/security/lsm`: the security modules. */
  modules?: string | undefined
  /** Whether this process is in a user namespace other than the initial one. */
  inUserNamespace?: boolean
  /** Why this process has no BPF token, where it needs one. */
  noToken?: string | undefined
  /** Bytes of `RLIMIT_MEMLOCK` where maps and programs count against it (before Linux 5.11), unless unlimited. */
  memlock?: number | undefined
}

/** What the refused call asks for. */
export interface Asked {
  /** The capabilities; `undefined` when they are not known. */
  readonly capabilities: readonly Capability[] | undefined
  /** Whether a locked-down kernel may refuse it. */
  readonly lockdown: boolean
  /** Whether it takes memory that counts against `RLIMIT_MEMLOCK`. */
  readonly memory: boolean
}

/** Whether BPF is disabled for processes without CAP_BPF. */
export function isUnprivilegedDisabled({ unprivilegedBpfDisabled = '' }: PermissionFacts): boolean {
  return /^[12]/.test(unprivilegedBpfDisabled)
}

/**
 * Says which privileges of this process do not reach BPF; `undefined` when all do.
 *
 * @param asked the capabilities that a call asks for; `undefined` when they are not known
 */
export function explainPrivileges(
  facts: PermissionFacts,
  asked: readonly Capability[] | undefined = undefined,
): string | undefined {
  if (asked?.length === 0) return undefined
  if (facts.inUserNamespace === true) {
    const token = facts.noToken === undefined ? '' : `; it has no BPF token: ${facts.noToken}`
    return `this process is in a user namespace, whose capabilities do not reach BPF${token}`
  }
  const lacked = lackedCapabilities(facts.status, asked ?? BPF_CAPABILITIES)
  if (lacked.length === 0) return undefined
  // The setting is for processes without CAP_BPF.
  const disabled =
    lacked.includes('CAP_BPF') && isUnprivilegedDisabled(facts) ? ', and unprivileged BPF is disabled' : ''
  const all = lacked.length === 1 ? lacked[0] : `${lacked.slice(0, -1).join(', ')} and ${lacked.at(-1)}`
  const names = lacked.includes('CAP_SYS_ADMIN') ? all : `${all} (CAP_SYS_ADMIN would do too)`
  return `this process lacks ${names}${disabled}; run as root`
}

/** Says what stands in the way of a call, in words; `undefined` when nothing that can be seen does. */
export function explainPermission(facts: PermissionFacts, asked: Asked): string | undefined {
  return explainRefusal(facts, asked, explainPrivileges(facts, asked.capabilities))
}

/**
 * Says what stands in the way of a call, given what is known of privileges.
 *
 * @param privileges which of them are missing, in words
 */
export function explainRefusal(
  facts: PermissionFacts,
  asked: Asked,
  privileges: string | undefined,
): string | undefined {
  const reasons = privileges === undefined ? [] : [privileges]
  const lockdown = /\[(integrity|confidentiality)\]/.exec(facts.lockdown ?? '')?.[1]
  if (asked.lockdown && lockdown !== undefined) reasons.push(`the kernel is locked down (${lockdown})`)
  if (reasons.length > 0) return reasons.join('; ')
  // The kernel looks at memory after it has looked at capabilities.
  if (asked.memory && facts.memlock !== undefined && asked.capabilities !== undefined) {
    return `RLIMIT_MEMLOCK is ${facts.memlock} bytes, and kernels before 5.11 count maps and programs against it; raise it (ulimit -l), or have CAP_SYS_RESOURCE`
  }
  return asked.capabilities === undefined ? undefined : remaining(facts)
}

/** What else may refuse a call: it cannot be asked. */
function remaining({ status, modules }: PermissionFacts): string | undefined {
  const suspects: string[] = []
  if (/^Seccomp:\s*[12]/m.test(status)) suspects.push('the seccomp filter of this process')
  const others = (modules ?? '')
    .trim()
    .split(',')
    .filter(each => !PASSIVE.has(each))
  if (others.length > 0) suspects.push(`a security module (${others.join(', ')})`)
  return suspects.length === 0
    ? undefined
    : `no capability that it asks for is missing; ${suspects.join(' or ')} may refuse it`
}

/** Security modules that refuse nothing of this, or are named otherwise. */
const PASSIVE: ReadonlySet<string> = new Set([
  '',
  'capability',
  'lockdown',
  'ima',
  'evm',
  'integrity',
  'yama',
  'loadpin',
  'safesetid',
  'landlock',
])

/** Reads the facts of this process and kernel. */
export function permissionFacts(): PermissionFacts {
  return {
    status: readText('/proc/self/status') ?? '',
    unprivilegedBpfDisabled: readText('/proc/sys/kernel/unprivileged_bpf_disabled'),
    lockdown: readText('/sys/kernel/security/lockdown'),
    modules: readText('/sys/kernel/security/lsm'),
    inUserNamespace: !inInitialUserNamespace(),
    noToken: whyNoToken(),
  }
}
