/**
 * fentry: programs at the entry of kernel functions and of other BPF programs.
 *
 * Source: kernel/bpf/trampoline.c.
 *
 * @module
 */

import { attachTypeSince } from '../../../abi/since.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { attachTrampoline, type TracingOptions, trampolineFacts } from './trampoline.ts'

/**
 * Attaches a `tracing` program of attach type `trace_fentry`: it runs when the function is entered. Since Linux 5.5.
 *
 * @throws BpfError with `ERR_PROGRAM_TYPE` or `ERR_ATTACH_TYPE` when it was loaded for something else, `EBUSY` when it is attached already
 *   or the function cannot be patched, `ENOTSUPP` when a trampoline cannot pass the function's arguments, `E2BIG` when
 *   the function has all the programs that a trampoline can call
 * @throws RangeError when the cookie does not fit 64 bits
 * @throws NotSupportedError when a cookie is given and the kernel is older than 6.0
 */
export function fentry(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attachTrampoline(
    { program, hook: 'fentry', attachType: 'trace_fentry' },
    'the entry of its function',
    options,
  )
}

/** The hook `fentry`. */
export const fentryHook: HookDefinition = {
  ...trampolineFacts,
  attachesTo: 'the entry of a kernel function',
  call: 'fentry(program)',
  since: attachTypeSince.trace_fentry,
  target: 'FUNCTION',
  bySection: bySection((program, target) => ({ link: fentry(program), target: `entry of ${target}` })),
}
