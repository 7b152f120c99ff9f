/**
 * Which threads of this process live. A worker can be terminated at any point, without a word to its JavaScript; the kernel
 * knows that it is gone.
 *
 * @module
 */

import { ESRCH } from '../../base/errno.ts'
import { readText } from '../../kernel/read-text.ts'
import { syscallEntry } from '../../syscalls/entry.ts'
import { nr } from '../../syscalls/numbers.ts'

/** A thread. Numbers of threads are used again; no two with one number start in one tick of the clock. */
export interface ThreadIdentity {
  /** Number of the thread, positive. */
  readonly tid: number
  /** When it started, the low 32 bits of clock ticks since boot; 0 when procfs does not say. */
  readonly start: number
}

/** Questions about threads, which the kernel answers. */
export interface ThreadLife {
  /** The calling thread. */
  current(): ThreadIdentity
  /** Whether a thread of this process lives. */
  isAlive(thread: ThreadIdentity): boolean
}

/** Fields of `/proc/PID/task/TID/stat` behind the name, which ends with the last `)`: `starttime` is the 22nd of all. */
const START_FIELD = 22 - 3

function startOf(tid: number): number {
  const stat = readText(`/proc/self/task/${tid}/stat`)
  const field = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[START_FIELD]
  return field === undefined ? 0 : Number(BigInt.asIntN(32, BigInt(field)))
}

/** The threads as the kernel has them. */
export const kernelThreads: ThreadLife = {
  current() {
    const tid = syscallEntry().syscall(nr.gettid)
    return { tid, start: startOf(tid) }
  },
  isAlive({ tid, start }) {
    const { syscall } = syscallEntry()
    // Signal 0 is not sent: the kernel only looks for the thread.
    if (syscall(nr.tgkill, process.pid, tid, 0) === -ESRCH) return false
    const found = start === 0 ? 0 : startOf(tid)
    return found === 0 || found === start
  },
}
