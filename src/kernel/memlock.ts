/**
 * Locked memory: before 5.11 maps and programs count against `RLIMIT_MEMLOCK`, whose default is too low.
 *
 * Source: libbpf `bump_rlimit_memlock`, `probe_memcg_account`.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { RLIMIT_MEMLOCK } from '../abi/linux.ts'
import { syscallEntry } from '../syscalls/entry.ts'
import { allocate } from '../syscalls/memory.ts'
import { nr } from '../syscalls/numbers.ts'
import { readText } from './read-text.ts'
import { isAtLeast } from './version.ts'

const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn

let raised = false

/** Whether this kernel counts the memory of maps and programs against `RLIMIT_MEMLOCK` (before 5.11). */
export function countsMemlock(): boolean {
  return !isAtLeast(featureSince.memoryAccounting)
}

/** Bytes of this process's `RLIMIT_MEMLOCK` where it limits BPF; `undefined` where it does not, or is unlimited. */
export function memlockLimit(): number | undefined {
  if (!countsMemlock()) return undefined
  const soft = /^Max locked memory\s+(\d+)/m.exec(readText('/proc/self/limits') ?? '')?.[1]
  return soft === undefined ? undefined : Number(soft)
}

/**
 * Lifts `RLIMIT_MEMLOCK` of this process once, on kernels where it limits BPF; elsewhere does nothing.
 * Without the privilege to do so, what is created next will fail with `EPERM` and say why.
 */
export function raiseMemlockLimit(): void {
  if (raised) return
  raised = true
  if (!countsMemlock()) return
  const limit = allocate(16)
  limit.view.setBigUint64(0, RLIM_INFINITY, true)
  limit.view.setBigUint64(8, RLIM_INFINITY, true)
  syscallEntry().syscall(nr.prlimit64, 0, RLIMIT_MEMLOCK, limit.address, 0)
}
