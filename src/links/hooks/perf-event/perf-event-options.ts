/**
 * Options of perf events.
 *
 * @module
 */

import type { PerfEventSelection } from '../../../kernel/perf/event-attributes.ts'

/** Which event runs a program, how often, and where. Give one of `frequency` and `period`. */
export interface PerfEventOptions extends PerfEventSelection {
  /**
   * How many times a second to run, on each CPU: the kernel chooses the period. Not above the sysctl
   * `kernel.perf_event_max_sample_rate`. Take 99 rather than 100, which may run in step with what it measures.
   */
  frequency?: number
  /** After how many occurrences to run; of clocks, nanoseconds. */
  period?: number | bigint
  /** CPUs; those of them that are offline follow when they come online. Default: all, in the same way. */
  cpu?: number | readonly number[]
  /**
   * Only a process: the threads that it has, and with `inherit` threads and processes that these start later. Default: all
   * processes.
   */
  pid?: number
  /** Directory of a control group, whose processes alone count. Excludes `pid`. */
  cgroup?: string
  /** With `pid`: whether threads and processes that are started later count too. Default: `true`. */
  inherit?: boolean
  /** Number that the program reads with `bpf_get_attach_cookie`. Since Linux 5.15. */
  cookie?: bigint
}
