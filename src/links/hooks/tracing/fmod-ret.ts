/**
 * fmod_ret: programs that decide what a kernel function returns.
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
 * Attaches a `tracing` program of attach type `modify_return`: a value other than 0 is returned instead of
 * running the function, which must allow it. Since Linux 5.7. Throws as `fentry` does.
 */
export function fmodRet(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attachTrampoline(
    { program, hook: 'fmod_ret', attachType: 'modify_return' },
    'the return value of its function',
    options,
  )
}

/** The hook `fmod_ret`. */
export const fmodRetHook: HookDefinition = {
  ...trampolineFacts,
  attachesTo: 'the return value of a kernel function',
  call: 'fmodRet(program)',
  since: attachTypeSince.modify_return,
  target: 'FUNCTION',
  bySection: bySection((program, target) => ({
    link: fmodRet(program),
    target: `return value of ${target}`,
  })),
}
