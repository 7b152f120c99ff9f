/**
 * fsession: one program at the entry and the return of a kernel function.
 *
 * Source: kernel/bpf/trampoline.c.
 *
 * @module
 */

import { attachTypeSince } from '../../../abi/since.ts'
import { features } from '../../../kernel/probes/features.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { attachTrampoline, type TracingOptions, trampolineFacts } from './trampoline.ts'

/**
 * Attaches a `tracing` program of attach type `trace_fsession`: it runs when the function is entered and
 * when it returns; `bpf_session_is_return` answers which. Since Linux 7.0. Throws as `fentry` does.
 */
export function fsession(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attachTrampoline(
    { program, hook: 'fsession', attachType: 'trace_fsession' },
    'the entry and the return of its function',
    options,
  )
}

/** The hook `fsession`. */
export const fsessionHook: HookDefinition = {
  ...trampolineFacts,
  attachesTo: 'the entry and the return of a kernel function',
  call: 'fsession(program)',
  since: attachTypeSince.trace_fsession,
  feature: features.fsession,
  target: 'FUNCTION',
  bySection: bySection((program, target) => ({
    link: fsession(program),
    target: `entry and return of ${target}`,
  })),
}
