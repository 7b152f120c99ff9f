/**
 * Signals of this thread.
 *
 * Source: kernel/signal.c `rt_sigprocmask`; include/uapi/asm-generic/signal.h.
 *
 * @module
 */

import { syscallEntry } from './entry.ts'
import { errnoName } from './errno.ts'
import { allocate, type NativeMemory } from './memory.ts'
import { nr } from './numbers.ts'

const SIG_BLOCK = 0
const SIG_SETMASK = 2
const SIGPROF = 27
/** Bytes of the kernel's `sigset_t`. */
const SET_SIZE = 8

let sets: NativeMemory | undefined

/** Whether a call gave up because a signal is pending; the verifier says `EAGAIN` then. */
export function isInterrupted(result: number): boolean {
  return result < 0 && ['EAGAIN', 'EINTR'].includes(errnoName(-result))
}

/**
 * Calls with `SIGPROF` held back until the end: V8's CPU profiler sends it to this thread every millisecond or more often,
 * and commands that give up when a signal is pending would never get done.
 */
export function withoutProfiler<T>(call: () => T): T {
  const { syscall } = syscallEntry()
  sets ??= allocate(2 * SET_SIZE)
  const { address, view } = sets
  const before = address + SET_SIZE
  view.setBigUint64(0, 1n << BigInt(SIGPROF - 1), true)
  syscall(nr.rt_sigprocmask, SIG_BLOCK, address, before, SET_SIZE)
  try {
    return call()
  } finally {
    syscall(nr.rt_sigprocmask, SIG_SETMASK, before, 0, SET_SIZE)
  }
}
