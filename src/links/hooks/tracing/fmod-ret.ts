/**
 * fmod_ret: programs that decide what a kernel function returns.
 *
 * Source: kernel/bpf/trampoline.c.
 *
 * @module
 */

import type { Link, ProgramHandle } from '../../link.ts'
import { attachTrampoline, type TracingOptions } from './trampoline.ts'

/**
 * Attaches a `tracing` program of attach type `modify_return`: a value other than 0 is returned instead of
 * running the function, which must allow it (5.7). Throws as `fentry` does.
 */
export function fmodRet(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attachTrampoline(program, 'the return value of its function', 'modify_return', options)
}
