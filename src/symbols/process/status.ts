/**
 * What procfs says of a process.
 *
 * @module
 */

import { fileErrno } from '../../base/errno.ts'
import { readText } from '../../kernel/read-text.ts'

/** What distinguishes a process from others. */
export interface ProcessIdentity {
  /** When it started, in clock ticks since the boot: a later process with the same id has another. */
  readonly startTime: string
  /** Id of the process, of a thread that of its process, in the process's own namespace of ids. */
  readonly ownPid: number
  /** Effective user id. */
  readonly uid: number
}

/**
 * Reads what procfs says of a process or thread; `undefined` when it does not exist.
 *
 * Source: fs/proc/array.c `task_state`, `do_task_stat`.
 */
export function readIdentity(pid: number): ProcessIdentity | undefined {
  const status = readText(`/proc/${pid}/status`)
  const startTime = readStartTime(pid)
  if (status === undefined || startTime === undefined) return undefined
  const ids = /^NStgid:(?:\t\d+)*\t(\d+)$/m.exec(status)?.[1]
  const uid = /^Uid:\t\d+\t(\d+)/m.exec(status)?.[1]
  return { startTime, ownPid: Number(ids ?? pid), uid: Number(uid ?? 0) }
}

/** When a process or thread started; `undefined` when it does not exist. */
export function readStartTime(pid: number): string | undefined {
  // The name, in parentheses, may contain anything. Behind it, fields 3 and following.
  const stat = readText(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

/** Whether a process exists, also where procfs does not show it. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return fileErrno(error) === 'EPERM'
  }
}
