/**
 * tp_btf: raw tracepoints whose programs read typed arguments, through BTF.
 *
 * Source: kernel/bpf/syscall.c `bpf_raw_tracepoint_open`, libbpf `bpf_program__attach_trace`.
 *
 * @module
 */

import { attachTypeSince } from '../../../abi/since.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { type HookUse, requireAttachType, requireProgramType } from '../program-kind.ts'
import { openRawTracepoint, type RawTracepointOptions } from './raw-tracepoint.ts'

/**
 * Attaches a `tracing` program of attach type `trace_raw_tp`, whose tracepoint was named when it was
 * loaded. Since Linux 5.5.
 *
 * @throws BpfError with code `ERR_ATTACH_TYPE` when it was loaded for something else
 * @throws RangeError when the cookie does not fit 64 bits
 * @throws NotSupportedError when a cookie is given and the kernel is older than 6.10
 */
export function tpBtf(program: ProgramHandle, options: RawTracepointOptions = {}): Link {
  const what = `program ${program.name} to its tracepoint`
  // Without a name, the kernel attaches a program to whatever it was loaded for.
  const use: HookUse = { program, hook: 'tp_btf', attachType: 'trace_raw_tp' }
  requireProgramType(what, use)
  requireAttachType(program, what, 'trace_raw_tp')
  return openRawTracepoint(what, {}, options, use)
}

/** The hook `tp_btf`. */
export const tpBtfHook: HookDefinition = {
  attachesTo: 'a raw tracepoint, with typed arguments',
  call: 'tpBtf(program)',
  since: attachTypeSince.trace_raw_tp,
  linkType: 'raw_tracepoint',
  target: 'NAME',
  bySection: bySection((program, target) => ({
    link: tpBtf(program),
    target: `tracepoint ${target}, with BTF`,
  })),
}
