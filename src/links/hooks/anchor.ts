/**
 * Where a program goes among those that are attached to the same hook already.
 *
 * Source: include/uapi/linux/bpf.h `BPF_F_BEFORE` and so on; kernel/bpf/mprog.c.
 *
 * @module
 */

/** Relative flags of multi-program hooks. Since Linux 6.6. */
const BPF_F_BEFORE = 1 << 3
const BPF_F_AFTER = 1 << 4
const BPF_F_ID = 1 << 5
const BPF_F_LINK_RELATIVE = 1 << 13

/** Another attachment, named by an open handle or by id. */
export type Neighbour =
  | { link: { readonly fd: number } }
  | { linkId: number }
  | { program: { readonly fd: number } }
  | { programId: number }

/** A place in the order of execution: first, last, or next to another attachment. */
export type Anchor = 'first' | 'last' | { before: Neighbour } | { after: Neighbour }

/** The place as `BPF_LINK_CREATE` takes it. */
export interface AnchorFields {
  flags: number
  relative: number
}

/** Translates an anchor to flags, and the descriptor or id they refer to. */
export function anchorFields(anchor: Anchor | undefined): AnchorFields {
  if (anchor === undefined) return { flags: 0, relative: 0 }
  if (anchor === 'first') return { flags: BPF_F_BEFORE, relative: 0 }
  if (anchor === 'last') return { flags: BPF_F_AFTER, relative: 0 }
  const [side, neighbour] = 'before' in anchor ? [BPF_F_BEFORE, anchor.before] : [BPF_F_AFTER, anchor.after]
  if ('link' in neighbour) return { flags: side | BPF_F_LINK_RELATIVE, relative: neighbour.link.fd }
  if ('linkId' in neighbour)
    return { flags: side | BPF_F_LINK_RELATIVE | BPF_F_ID, relative: neighbour.linkId }
  if ('program' in neighbour) return { flags: side, relative: neighbour.program.fd }
  return { flags: side | BPF_F_ID, relative: neighbour.programId }
}
