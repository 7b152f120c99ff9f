/**
 * Netfilter: programs at the hooks that iptables and nftables use.
 *
 * Source: net/netfilter/nf_bpf_link.c `bpf_nf_link_attach`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { programTypeSince } from '../../../abi/since.ts'
import { createLink } from '../../create-link.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'
import { byCall, type HookDefinition } from '../definition.ts'
import { type HookUse, requireProgramType } from '../program-kind.ts'

/** Where to attach in netfilter. */
export interface NetfilterOptions {
  /** Protocol family. */
  family: 'ipv4' | 'ipv6'
  hook: 'pre_routing' | 'local_in' | 'forward' | 'local_out' | 'post_routing'
  /** Order among all users of the hook, iptables and nftables included; lower runs first. */
  priority: number
  /** Defragment packets first. Since Linux 6.6. */
  defragment?: boolean
}

const NFPROTO = { ipv4: 2, ipv6: 10 } as const
const NF_INET = { pre_routing: 0, local_in: 1, forward: 2, local_out: 3, post_routing: 4 } as const
const BPF_F_NETFILTER_IP_DEFRAG = 1

/**
 * Attaches a netfilter program in this network namespace. Since Linux 6.4.
 *
 * @throws BpfError with `EBUSY` when another BPF program has the same hook and priority
 */
export function netfilter(program: ProgramHandle, options: NetfilterOptions): Link {
  const { family, hook, priority, defragment } = options
  const what = `program ${program.name} to netfilter ${family} ${hook}`
  const use: HookUse = { program, hook: 'netfilter' }
  requireProgramType(what, use)
  return new KernelLink(
    createLink({
      what,
      use,
      fields: {
        prog_fd: program.fd,
        attach_type: attachTypes.netfilter,
        netfilter: {
          pf: NFPROTO[family],
          hooknum: NF_INET[hook],
          priority,
          flags: defragment === true ? BPF_F_NETFILTER_IP_DEFRAG : 0,
        },
      },
    }),
  )
}

/** The hook `netfilter`. */
export const netfilterHook: HookDefinition = {
  attachesTo: 'a netfilter hook of a network namespace',
  call: "netfilter(program, { family: 'ipv4', hook: 'local_in', priority: 0 })",
  since: programTypeSince.netfilter,
  linkType: 'netfilter',
  bySection: byCall('it needs a protocol family, a hook and a priority'),
}
