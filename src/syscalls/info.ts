/**
 * Facts about kernel objects, by descriptor and by id.
 *
 * @module
 */

import { attr } from '../abi/generated/layouts.ts'
import { attrResult32, bpf } from './bpf.ts'
import type { NativeMemory } from './memory.ts'

/**
 * `BPF_OBJ_GET_INFO_BY_FD` (4.13): facts about a program, map, link or BTF object.
 *
 * @param fd of the object
 * @param info where to write; its length says how much is wanted. What it holds is input too (places for
 *   arrays), so it is zeros unless the caller means otherwise
 * @returns bytes that this kernel knows, or -errno
 */
export function getInfo(fd: number, info: NativeMemory): number {
  const result = bpf('obj_get_info_by_fd', { bpf_fd: fd, info_len: info.bytes.length, info: info.bytes })
  return result < 0 ? result : attrResult32(attr.info.info_len)
}

/** The commands that walk the ids of all objects of a kind: maps and programs 4.13, BTF 5.4, links 5.8. */
export type NextIdCommand = 'map_get_next_id' | 'prog_get_next_id' | 'link_get_next_id' | 'btf_get_next_id'

/**
 * The id that follows. Needs `CAP_SYS_ADMIN`.
 *
 * @param after an id, not necessarily of a living object; 0 for the first
 * @returns the id, or -errno: -ENOENT after the last
 */
export function nextId(command: NextIdCommand, after: number): number {
  const result = bpf(command, { start_id: after })
  return result < 0 ? result : attrResult32(attr.get_id.next_id)
}
