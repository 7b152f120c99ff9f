/**
 * Why the kernel does not attach a program that may sleep to a tracepoint: where the tracepoint is, nothing may sleep.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_probe_register`; kernel/events/core.c `__perf_event_set_bpf_prog`.
 *
 * @module
 */

import { BPF_F_SLEEPABLE } from '../../../abi/constants.ts'
import type { ProgramHandle } from '../../link.ts'

/**
 * The reason of `EINVAL`, by whether the kernel attaches a program that may not sleep.
 *
 * @param others names tracepoints that let programs sleep: `'sys_enter and sys_exit'`
 * @param attaches tries that
 * @returns `undefined` when the program may not sleep, is not known, or this is not the reason
 */
export function explainSleepable(
  { spec }: ProgramHandle,
  others: string,
  attaches: () => boolean,
): string | undefined {
  if (((spec?.flags ?? 0) & BPF_F_SLEEPABLE) === 0 || !attaches()) return undefined
  return `the program may sleep, and this tracepoint does not let programs sleep, as ${others} do`
}
