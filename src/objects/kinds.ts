/**
 * The kinds of kernel objects, and what differs between them for the object layer.
 *
 * Source: kernel/bpf/syscall.c `bpf_map_new_fd`, `bpf_prog_new_fd`, `bpf_link_prime`, `bpf_link_new_fd`, and
 * kernel/bpf/btf.c `__btf_new_fd` (names of the inodes); include/uapi/linux/bpf.h `struct bpf_map_info` and so on.
 *
 * @module
 */

import { btfInfo, linkInfo, mapInfo, progInfo } from '../abi/generated/layouts.ts'

/** A kind of object that has a descriptor and an id. */
export type ObjectKind = 'map' | 'program' | 'link' | 'btf'

/** What the object layer knows of a kind. */
export interface KindFacts {
  /** One of them in messages, as in `'Descriptor 7 is a program, not a map'`. */
  readonly noun: string
  /** Many of them in messages. */
  readonly plural: string
  /** How the kernel's commands and fields begin: `prog_get_fd_by_id`. */
  readonly prefix: 'map' | 'prog' | 'link' | 'btf'
  /** Code of the error for a descriptor of something else. */
  readonly code: 'ERR_NOT_A_MAP' | 'ERR_NOT_A_PROGRAM' | 'ERR_NOT_A_LINK' | 'ERR_NOT_A_BTF_OBJECT'
  /** What procfs shows of its descriptors. A link that was opened by id or from a pin has another name. */
  readonly files: readonly string[]
  /** Its info struct: bytes, and where the id is. */
  readonly info: { readonly $size: number; readonly id: number }
}

/** The kinds by name. */
export const kinds: Readonly<Record<ObjectKind, KindFacts>> = {
  map: {
    noun: 'map',
    plural: 'maps',
    prefix: 'map',
    code: 'ERR_NOT_A_MAP',
    files: ['anon_inode:bpf-map'],
    info: mapInfo,
  },
  program: {
    noun: 'program',
    plural: 'programs',
    prefix: 'prog',
    code: 'ERR_NOT_A_PROGRAM',
    files: ['anon_inode:bpf-prog'],
    info: progInfo,
  },
  link: {
    noun: 'link',
    plural: 'links',
    prefix: 'link',
    code: 'ERR_NOT_A_LINK',
    files: ['anon_inode:bpf_link', 'anon_inode:bpf-link'],
    info: linkInfo,
  },
  btf: {
    noun: 'BTF object',
    plural: 'BTF objects',
    prefix: 'btf',
    code: 'ERR_NOT_A_BTF_OBJECT',
    files: ['anon_inode:btf'],
    info: btfInfo,
  },
}
