/**
 * What links of each type can do besides being closed.
 *
 * Source: `struct bpf_link_ops` of each type: `bpf_raw_tp_link_lops` in kernel/bpf/syscall.c and so on.
 *
 * @module
 */

import type { LinkType } from '../abi/generated/enums.ts'

/** What links of a type can do. */
export interface LinkAbilities {
  /** Whether they can be given another program, or a map of `struct_ops`. */
  readonly updates: boolean
  /** Whether they can be detached while their descriptors stay open. */
  readonly detaches: boolean
}

const nothing: LinkAbilities = { updates: false, detaches: false }
const everything: LinkAbilities = { updates: true, detaches: true }

/** The abilities of links by their type. */
export const linkAbilities: Readonly<Record<LinkType, LinkAbilities>> = {
  // Older kernels do not say the type: the errno does for them.
  unspec: everything,
  raw_tracepoint: nothing,
  tracing: nothing,
  cgroup: everything,
  iter: { updates: true, detaches: false },
  netns: everything,
  xdp: everything,
  perf_event: nothing,
  kprobe_multi: nothing,
  struct_ops: everything,
  netfilter: { updates: false, detaches: true },
  tcx: everything,
  uprobe_multi: nothing,
  netkit: everything,
  sockmap: everything,
  tracing_multi: nothing,
}
