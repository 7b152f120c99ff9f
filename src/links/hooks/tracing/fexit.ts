/**
 * fexit: programs at the return of kernel functions and of other BPF programs.
 *
 * Source: kernel/bpf/trampoline.c.
 *
 * @module
 */

import type { Link, ProgramHandle } from '../../link.ts'
import { attachTrampoline, type TracingOptions } from './trampoline.ts'

/**
 * Attaches a `tracing` program of attach type `trace_fexit`: it runs when the function returns (5.5). Throws as
 * `fentry` does.
 */
export function fexit(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attachTrampoline(program, 'the return of its function', 'trace_fexit', options)
}
