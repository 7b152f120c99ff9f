/**
 * fexit: programs at the return of kernel functions and of other BPF programs.
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
 * Attaches a `tracing` program of attach type `trace_fexit`: it runs when the function returns. Since Linux 5.5. Throws
 * as `fentry` does.
 */
export function fexit(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attachTrampoline(
    { program, hook: 'fexit', attachType: 'trace_fexit' },
    'the return of its function',
    options,
  )
}

/** The hook `fexit`. */
export const fexitHook: HookDefinition = {
  ...trampolineFacts,
  attachesTo: 'the return of a kernel function',
  call: 'fexit(program)',
  since: attachTypeSince.trace_fexit,
  target: 'FUNCTION',
  bySection: bySection((program, target) => ({ link: fexit(program), target: `return of ${target}` })),
}
