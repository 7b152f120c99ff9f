/**
 * LSM hooks: programs that decide whether an operation is allowed.
 *
 * Source: kernel/bpf/bpf_lsm.c.
 *
 * @module
 */

import { attachTypeSince } from '../../../abi/since.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { attachTrampoline, type TracingOptions, trampolineFacts } from './trampoline.ts'

/**
 * Attaches an `lsm` program of attach type `lsm_mac`: it decides whether an operation is allowed. Since Linux 5.7.
 * Throws as `fentry` does.
 */
export function lsm(program: ProgramHandle, options: TracingOptions = {}): Link {
  return attachTrampoline({ program, hook: 'lsm', attachType: 'lsm_mac' }, 'its LSM hook', options)
}

/** The hook `lsm`. */
export const lsmHook: HookDefinition = {
  ...trampolineFacts,
  attachesTo: 'an LSM hook',
  call: 'lsm(program)',
  since: attachTypeSince.lsm_mac,
  config: 'CONFIG_BPF_LSM',
  target: 'HOOK',
  bySection: bySection((program, target) => ({ link: lsm(program), target: `LSM hook ${target}` })),
}
