/**
 * Why the kernel says `EPERM`: it has one errno for a dozen reasons. This looks at them before it guesses.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN } from '../abi/linux.ts'

/** Capabilities that BPF asks for, by their bit in `CapEff`. */
const CAPABILITIES = { CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF } as const

/** What is looked at; injectable for tests. */
export interface PermissionFacts {
  /** `/proc/self/status`. */
  status: string
  /** `/proc/sys/kernel/unprivileged_bpf_disabled`. */
  unprivilegedBpfDisabled?: string | undefined
  /** `/sys/kernel/security/lockdown`: the active mode is in brackets. */
  lockdown?: string | undefined
  /** `/proc/self/uid_map`. */
  uidMap?: string | undefined
  /** Whether memory of maps and programs counts against `RLIMIT_MEMLOCK` (before 5.11). */
  countsMemlock?: boolean
}

/** Says which privileges of this process do not reach BPF; `undefined` when all do. */
export function explainPrivileges(facts: PermissionFacts): string | undefined {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(facts.status)?.[1] ?? '0'}`)
  const has = (name: keyof typeof CAPABILITIES): boolean =>
    ((effective >> BigInt(CAPABILITIES[name])) & 1n) === 1n
  if (!has('CAP_SYS_ADMIN')) {
    const missing = (['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'] as const).filter(name => !has(name))
    if (missing.length === 0) return undefined
    // The setting is for processes without CAP_BPF.
    const disabled =
      !has('CAP_BPF') && /^[12]/.test(facts.unprivilegedBpfDisabled ?? '')
        ? ', and unprivileged BPF is disabled'
        : ''
    return `this process lacks ${missing.join(', ')} and CAP_SYS_ADMIN${disabled}; run as root`
  }
  if (facts.uidMap !== undefined && !/^\s*0\s+0\s+4294967295\s*$/.test(facts.uidMap)) {
    return 'this process is in a user namespace, whose capabilities do not reach BPF'
  }
  return undefined
}

/** Says what stands in the way of BPF, in words; `undefined` when nothing that can be seen does. */
export function explainPermission(facts: PermissionFacts): string | undefined {
  const privileges = explainPrivileges(facts)
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
    status: read('/proc/self/status') ?? '',
    unprivilegedBpfDisabled: read('/proc/sys/kernel/unprivileged_bpf_disabled'),
    lockdown: read('/sys/kernel/security/lockdown'),
    uidMap: read('/proc/self/uid_map'),
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
