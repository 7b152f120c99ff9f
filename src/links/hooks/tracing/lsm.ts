/**
 * LSM hooks: programs that decide whether an operation is allowed.
 *
 * Source: kernel/bpf/bpf_lsm.c.
 *
 * @module
 */

import type { Link, ProgramHandle } from '../../link.ts'
import { attachTrampoline, type TracingOptions } from './trampoline.ts'

/**
 * Attaches an `lsm` program of attach type `lsm_mac`: it decides whether an operation is allowed (5.7). Throws as
 * `fentry` does.
 */
export function lsm(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attachTrampoline(program, 'its LSM hook', 'lsm_mac', options)
}
