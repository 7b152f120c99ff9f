/**
 * Names that the kernel accepts for programs and maps.
 *
 * Source: kernel/bpf/syscall.c `bpf_obj_name_cpy`.
 *
 * @module
 */

import { BPF_OBJ_NAME_MAX } from '../abi/constants.ts'
import { features } from '../kernel/probes/features.ts'
import { predates } from '../kernel/probes/probe.ts'

/**
 * Cuts a name to what the kernel accepts: 15 letters, digits, `_` and, from 5.2 on, `.`; empty before 4.15,
 * which knows no names.
 */
export function objectName(name: string): string {
  if (name === '' || predates(features.objectNames)) return ''
  const dots = !predates(features.dotsInNames)
  return name.replace(dots ? /[^A-Za-z0-9_.]/g : /[^A-Za-z0-9_]/g, '').slice(0, BPF_OBJ_NAME_MAX)
}
