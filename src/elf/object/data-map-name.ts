/**
 * What the kernel calls the map of a data section: the object's name goes before the section's, so that tools that list
 * maps show whose variables they are.
 *
 * Source: libbpf `internal_map_name`, `bpf_object__new`.
 *
 * @module
 */

import { BPF_OBJ_NAME_MAX } from '../../abi/constants.ts'

/** Characters that are kept for the section's name, also when it is shorter. */
const LEAST_SECTION_NAME = 7

/**
 * The name of a data section's map in the kernel: up to eight characters of the object's name and the section's,
 * `'my_agent.rodata'` for `my_agent.bpf.o`. A section with a second dot, `'.data.mine'`, has its own name alone.
 *
 * @param file name of the object, with or without a path; `undefined` when it is not known
 */
export function dataMapName(file: string | undefined, section: string): string {
  const kept = Math.min(BPF_OBJ_NAME_MAX, Math.max(LEAST_SECTION_NAME, section.length))
  const base = section.indexOf('.', 1) === -1 ? (file?.slice(file.lastIndexOf('/') + 1) ?? '') : ''
  const [object = ''] = base.split('.', 1)
  return (object.slice(0, BPF_OBJ_NAME_MAX - kept) + section.slice(0, kept)).replace(/[^A-Za-z0-9_.]/g, '_')
}
