/**
 * Calls that a signal interrupts.
 *
 * Source: kernel/signal.c `rt_sigprocmask`; include/uapi/asm-generic/signal.h; libbpf `sys_bpf_prog_load`.
 *
 * @module
 */

import { EAGAIN, EINTR } from '../base/errno.ts'
import { syscallEntry } from './entry.ts'
import { allocate } from './memory.ts'
import { nr } from './numbers.ts'

const SIG_BLOCK = 0
const SIG_SETMASK = 2
const SIGPROF = 27
/** Bytes of the kernel's `sigset_t`. */
const SET_SIZE = 8
/** How often a call is made at most. */
export const ATTEMPTS = 100

/** Whether a call gave up because a signal is pending; the verifier says `EAGAIN` then. */
export function isInterrupted(result: number): boolean {
  return result === -EAGAIN || result === -EINTR
}

/**
 * Makes a call, and again when a signal interrupts it. V8's CPU profiler sends `SIGPROF` to this thread every millisecond
 * or more often: what takes longer would never get done, so that signal is held back then.
 *
 * @param call returns its result or -errno, and may be repeated
 */
export function uninterrupted(call: () => number): number {
  let result = call()
  for (let attempt = 1; attempt < ATTEMPTS && isInterrupted(result); attempt++) result = withoutProfiler(call)
  return result
}

function withoutProfiler(call: () => number): number {
  const { syscall } = syscallEntry()
  const { address, view } = allocate(2 * SET_SIZE)
  const before = address + SET_SIZE
  view.setBigUint64(0, 1n << BigInt(SIGPROF - 1), true)
  if (syscall(nr.rt_sigprocmask, SIG_BLOCK, address, before, SET_SIZE) < 0) return call()
  try {
    return call()
  } finally {
    syscall(nr.rt_sigprocmask, SIG_SETMASK, before, 0, SET_SIZE)
  }
}
