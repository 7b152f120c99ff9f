/**
 * Whose something in the kernel is: tests name what they make after their process, so that what a killed run left can be
 * told from what a running one needs.
 *
 * @module
 */

import { readFileSync, readlinkSync } from 'node:fs'

/** Environment variable that every process has which a test started. */
const VARIABLE = 'EBPF_TS_TEST_OWNER'

/** Number of this process's namespace of process ids. */
function namespaceId(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))![0]
}

/** When a process started, in ticks; `undefined` when it is gone. Its id alone may be another's by now. */
function startOf(pid: string | number): string | undefined {
  try {
    // The name in parentheses may hold anything. Source: proc_pid_stat(5), field 22.
    return /.*\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1]?.split(' ')[19]
  } catch {
    return undefined
  }
}

/** The name of this process, such as `'4026531836_1234_567890'`. */
export const OWNER: string = [namespaceId(), process.pid, startOf('self')].join('_')

/** An owner inside a longer name. */
const PATTERN = /(\d+)_(\d+)_(\d+)/

/** Whether a name has the owner of a process that is gone; one of another namespace cannot be known to be. */
export function isStale(name: string): boolean {
  const [, namespace, pid, start] = PATTERN.exec(name) ?? []
  return pid !== undefined && namespace === namespaceId() && startOf(pid) !== start
}

/** From now on processes that this one starts have its name in their environment. */
export function ownChildren(): void {
  process.env[VARIABLE] = OWNER
}

/** Owner of a process, by its environment; `undefined` when no test started it. */
export function ownerOf(pid: string | number): string | undefined {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
    return variables.find(each => each.startsWith(`${VARIABLE}=`))?.slice(VARIABLE.length + 1)
  } catch {
    return undefined
  }
}
