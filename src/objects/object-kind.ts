/**
 * What a descriptor refers to. The kernel's info command does not tell: given a program where a map is expected, it
 * writes the facts of the program.
 *
 * Source: kernel/bpf/syscall.c `bpf_map_new_fd`, `bpf_prog_new_fd`, `bpf_link_prime`, `bpf_link_new_fd`: the names of their inodes.
 *
 * @module
 */

import { readlinkSync } from 'node:fs'

/** Kinds of objects that can be pinned and have a descriptor of their own. */
export type ObjectKind = 'map' | 'program' | 'link'

const kinds: ReadonlyMap<string, ObjectKind> = new Map([
  ['anon_inode:bpf-map', 'map'],
  ['anon_inode:bpf-prog', 'program'],
  ['anon_inode:bpf_link', 'link'],
  // A link that was opened by id or from a pin.
  ['anon_inode:bpf-link', 'link'],
])

/**
 * Says what a descriptor refers to: a kind of BPF object, or what procfs shows of anything else, such as
 * `'socket:[123]'`.
 *
 * @returns `undefined` without procfs
 */
export function objectKind(fd: number): string | undefined {
  let target: string
  try {
    target = readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
  return kinds.get(target) ?? target
}
