/**
 * The one table of `SEC()` names: what each says of a program's type, attach type, flags and hook.
 *
 * Source: libbpf 1.8 `section_defs` in src/libbpf.c, with its rules of `sec_def_matches`.
 *
 * @module
 */

import { BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS } from '../abi/constants.ts'
import type { AttachType, ProgramType } from '../abi/generated/enums.ts'

/** The hook that a section name stands for: which attach function its programs belong to. */
export type Hook =
  | 'cgroup'
  | 'fentry'
  | 'fentry_multi'
  | 'fexit'
  | 'fexit_multi'
  | 'flow_dissector'
  | 'fmod_ret'
  | 'freplace'
  | 'fsession'
  | 'fsession_multi'
  | 'iter'
  | 'kprobe'
  | 'kprobe_multi'
  | 'kprobe_session'
  | 'kretprobe'
  | 'kretprobe_multi'
  | 'kretsyscall'
  | 'ksyscall'
  | 'lirc'
  | 'lsm'
  | 'lwt'
  | 'netfilter'
  | 'netkit'
  | 'perf_event'
  | 'raw_tracepoint'
  | 'sk_lookup'
  | 'sk_reuseport'
  | 'socket_filter'
  | 'sockmap'
  | 'struct_ops'
  | 'syscall'
  | 'tc'
  | 'tcx'
  | 'tp_btf'
  | 'tracepoint'
  | 'uprobe'
  | 'uprobe_multi'
  | 'uprobe_session'
  | 'uretprobe'
  | 'uretprobe_multi'
  | 'usdt'
  | 'xdp'
  | 'xdp_map'

/** A row of the table. */
export interface SectionDefinition {
  /** Name of the section; with `takesTarget` also `NAME/TARGET`. */
  readonly name: string
  /** Whether a target may follow after `/`. */
  readonly takesTarget: boolean
  readonly type: ProgramType
  /** Absent when programs are loaded without one. */
  readonly attachType?: AttachType
  /** `BPF_F_*` program flags. */
  readonly flags: number
  readonly hook: Hook
}

type Row = readonly [name: string, type: ProgramType, attachType: AttachType | undefined, hook: Hook]

const SLEEPABLE = '.s'

/**
 * In the order in which libbpf compares. `+`: a target may follow. `.s` before a `+`: sleepable. `.frags`: handles XDP
 * packets of several buffers.
 */
const rows: readonly Row[] = [
  ['socket', 'socket_filter', undefined, 'socket_filter'],
  ['sk_reuseport/migrate', 'sk_reuseport', 'sk_reuseport_select_or_migrate', 'sk_reuseport'],
  ['sk_reuseport', 'sk_reuseport', 'sk_reuseport_select', 'sk_reuseport'],
  ['kprobe+', 'kprobe', undefined, 'kprobe'],
  ['uprobe+', 'kprobe', undefined, 'uprobe'],
  ['uprobe.s+', 'kprobe', undefined, 'uprobe'],
  ['kretprobe+', 'kprobe', undefined, 'kretprobe'],
  ['uretprobe+', 'kprobe', undefined, 'uretprobe'],
  ['uretprobe.s+', 'kprobe', undefined, 'uretprobe'],
  ['kprobe.multi+', 'kprobe', 'trace_kprobe_multi', 'kprobe_multi'],
  ['kretprobe.multi+', 'kprobe', 'trace_kprobe_multi', 'kretprobe_multi'],
  ['kprobe.session+', 'kprobe', 'trace_kprobe_session', 'kprobe_session'],
  ['uprobe.multi+', 'kprobe', 'trace_uprobe_multi', 'uprobe_multi'],
  ['uretprobe.multi+', 'kprobe', 'trace_uprobe_multi', 'uretprobe_multi'],
  ['uprobe.session+', 'kprobe', 'trace_uprobe_session', 'uprobe_session'],
  ['uprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', 'uprobe_multi'],
  ['uretprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', 'uretprobe_multi'],
  ['uprobe.session.s+', 'kprobe', 'trace_uprobe_session', 'uprobe_session'],
  ['ksyscall+', 'kprobe', undefined, 'ksyscall'],
  ['kretsyscall+', 'kprobe', undefined, 'kretsyscall'],
  ['usdt+', 'kprobe', undefined, 'usdt'],
  ['usdt.s+', 'kprobe', undefined, 'usdt'],
  ['tc/ingress', 'sched_cls', 'tcx_ingress', 'tcx'],
  ['tc/egress', 'sched_cls', 'tcx_egress', 'tcx'],
  ['tcx/ingress', 'sched_cls', 'tcx_ingress', 'tcx'],
  ['tcx/egress', 'sched_cls', 'tcx_egress', 'tcx'],
  ['tc', 'sched_cls', undefined, 'tc'],
  ['classifier', 'sched_cls', undefined, 'tc'],
  ['action', 'sched_act', undefined, 'tc'],
  ['netkit/primary', 'sched_cls', 'netkit_primary', 'netkit'],
  ['netkit/peer', 'sched_cls', 'netkit_peer', 'netkit'],
  ['tracepoint+', 'tracepoint', undefined, 'tracepoint'],
  ['tp+', 'tracepoint', undefined, 'tracepoint'],
  ['tracepoint.s+', 'tracepoint', undefined, 'tracepoint'],
  ['tp.s+', 'tracepoint', undefined, 'tracepoint'],
  ['raw_tracepoint+', 'raw_tracepoint', undefined, 'raw_tracepoint'],
  ['raw_tp+', 'raw_tracepoint', undefined, 'raw_tracepoint'],
  ['raw_tracepoint.s+', 'raw_tracepoint', undefined, 'raw_tracepoint'],
  ['raw_tp.s+', 'raw_tracepoint', undefined, 'raw_tracepoint'],
  ['raw_tracepoint.w+', 'raw_tracepoint_writable', undefined, 'raw_tracepoint'],
  ['raw_tp.w+', 'raw_tracepoint_writable', undefined, 'raw_tracepoint'],
  ['tp_btf+', 'tracing', 'trace_raw_tp', 'tp_btf'],
  ['tp_btf.s+', 'tracing', 'trace_raw_tp', 'tp_btf'],
  ['fentry+', 'tracing', 'trace_fentry', 'fentry'],
  ['fmod_ret+', 'tracing', 'modify_return', 'fmod_ret'],
  ['fexit+', 'tracing', 'trace_fexit', 'fexit'],
  ['fentry.s+', 'tracing', 'trace_fentry', 'fentry'],
  ['fmod_ret.s+', 'tracing', 'modify_return', 'fmod_ret'],
  ['fexit.s+', 'tracing', 'trace_fexit', 'fexit'],
  ['fsession+', 'tracing', 'trace_fsession', 'fsession'],
  ['fsession.s+', 'tracing', 'trace_fsession', 'fsession'],
  ['fentry.multi+', 'tracing', 'trace_fentry_multi', 'fentry_multi'],
  ['fentry.multi.s+', 'tracing', 'trace_fentry_multi', 'fentry_multi'],
  ['fexit.multi+', 'tracing', 'trace_fexit_multi', 'fexit_multi'],
  ['fexit.multi.s+', 'tracing', 'trace_fexit_multi', 'fexit_multi'],
  ['fsession.multi+', 'tracing', 'trace_fsession_multi', 'fsession_multi'],
  ['fsession.multi.s+', 'tracing', 'trace_fsession_multi', 'fsession_multi'],
  ['freplace+', 'ext', undefined, 'freplace'],
  ['lsm+', 'lsm', 'lsm_mac', 'lsm'],
  ['lsm.s+', 'lsm', 'lsm_mac', 'lsm'],
  ['lsm_cgroup+', 'lsm', 'lsm_cgroup', 'cgroup'],
  ['iter+', 'tracing', 'trace_iter', 'iter'],
  ['iter.s+', 'tracing', 'trace_iter', 'iter'],
  ['syscall', 'syscall', undefined, 'syscall'],
  ['xdp.frags/devmap', 'xdp', 'xdp_devmap', 'xdp_map'],
  ['xdp/devmap', 'xdp', 'xdp_devmap', 'xdp_map'],
  ['xdp.frags/cpumap', 'xdp', 'xdp_cpumap', 'xdp_map'],
  ['xdp/cpumap', 'xdp', 'xdp_cpumap', 'xdp_map'],
  ['xdp.frags', 'xdp', 'xdp', 'xdp'],
  ['xdp', 'xdp', 'xdp', 'xdp'],
  ['perf_event', 'perf_event', undefined, 'perf_event'],
  ['lwt_in', 'lwt_in', undefined, 'lwt'],
  ['lwt_out', 'lwt_out', undefined, 'lwt'],
  ['lwt_xmit', 'lwt_xmit', undefined, 'lwt'],
  ['lwt_seg6local', 'lwt_seg6local', undefined, 'lwt'],
  ['sockops', 'sock_ops', 'cgroup_sock_ops', 'cgroup'],
  ['sk_skb/stream_parser', 'sk_skb', 'sk_skb_stream_parser', 'sockmap'],
  ['sk_skb/stream_verdict', 'sk_skb', 'sk_skb_stream_verdict', 'sockmap'],
  ['sk_skb/verdict', 'sk_skb', 'sk_skb_verdict', 'sockmap'],
  ['sk_skb', 'sk_skb', undefined, 'sockmap'],
  ['sk_msg', 'sk_msg', 'sk_msg_verdict', 'sockmap'],
  ['lirc_mode2', 'lirc_mode2', 'lirc_mode2', 'lirc'],
  ['flow_dissector', 'flow_dissector', 'flow_dissector', 'flow_dissector'],
  ['cgroup_skb/ingress', 'cgroup_skb', 'cgroup_inet_ingress', 'cgroup'],
  ['cgroup_skb/egress', 'cgroup_skb', 'cgroup_inet_egress', 'cgroup'],
  ['cgroup/skb', 'cgroup_skb', undefined, 'cgroup'],
  ['cgroup/sock_create', 'cgroup_sock', 'cgroup_inet_sock_create', 'cgroup'],
  ['cgroup/sock_release', 'cgroup_sock', 'cgroup_inet_sock_release', 'cgroup'],
  ['cgroup/sock', 'cgroup_sock', 'cgroup_inet_sock_create', 'cgroup'],
  ['cgroup/post_bind4', 'cgroup_sock', 'cgroup_inet4_post_bind', 'cgroup'],
  ['cgroup/post_bind6', 'cgroup_sock', 'cgroup_inet6_post_bind', 'cgroup'],
  ['cgroup/bind4', 'cgroup_sock_addr', 'cgroup_inet4_bind', 'cgroup'],
  ['cgroup/bind6', 'cgroup_sock_addr', 'cgroup_inet6_bind', 'cgroup'],
  ['cgroup/connect4', 'cgroup_sock_addr', 'cgroup_inet4_connect', 'cgroup'],
  ['cgroup/connect6', 'cgroup_sock_addr', 'cgroup_inet6_connect', 'cgroup'],
  ['cgroup/connect_unix', 'cgroup_sock_addr', 'cgroup_unix_connect', 'cgroup'],
  ['cgroup/sendmsg4', 'cgroup_sock_addr', 'cgroup_udp4_sendmsg', 'cgroup'],
  ['cgroup/sendmsg6', 'cgroup_sock_addr', 'cgroup_udp6_sendmsg', 'cgroup'],
  ['cgroup/sendmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_sendmsg', 'cgroup'],
  ['cgroup/recvmsg4', 'cgroup_sock_addr', 'cgroup_udp4_recvmsg', 'cgroup'],
  ['cgroup/recvmsg6', 'cgroup_sock_addr', 'cgroup_udp6_recvmsg', 'cgroup'],
  ['cgroup/recvmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_recvmsg', 'cgroup'],
  ['cgroup/getpeername4', 'cgroup_sock_addr', 'cgroup_inet4_getpeername', 'cgroup'],
  ['cgroup/getpeername6', 'cgroup_sock_addr', 'cgroup_inet6_getpeername', 'cgroup'],
  ['cgroup/getpeername_unix', 'cgroup_sock_addr', 'cgroup_unix_getpeername', 'cgroup'],
  ['cgroup/getsockname4', 'cgroup_sock_addr', 'cgroup_inet4_getsockname', 'cgroup'],
  ['cgroup/getsockname6', 'cgroup_sock_addr', 'cgroup_inet6_getsockname', 'cgroup'],
  ['cgroup/getsockname_unix', 'cgroup_sock_addr', 'cgroup_unix_getsockname', 'cgroup'],
  ['cgroup/sysctl', 'cgroup_sysctl', 'cgroup_sysctl', 'cgroup'],
  ['cgroup/getsockopt', 'cgroup_sockopt', 'cgroup_getsockopt', 'cgroup'],
  ['cgroup/setsockopt', 'cgroup_sockopt', 'cgroup_setsockopt', 'cgroup'],
  ['cgroup/dev', 'cgroup_device', 'cgroup_device', 'cgroup'],
  ['struct_ops+', 'struct_ops', undefined, 'struct_ops'],
  ['struct_ops.s+', 'struct_ops', undefined, 'struct_ops'],
  ['sk_lookup', 'sk_lookup', 'sk_lookup', 'sk_lookup'],
  ['netfilter', 'netfilter', 'netfilter', 'netfilter'],
]

/** All section names that the library knows, in the order in which they are compared. */
export const sectionDefinitions: readonly SectionDefinition[] = rows.map(
  ([pattern, type, attachType, hook]) => {
    const takesTarget = pattern.endsWith('+')
    const name = takesTarget ? pattern.slice(0, -1) : pattern
    // Programs of type `syscall` always sleep.
    const sleeps = name.endsWith(SLEEPABLE) || name === 'syscall'
    const frags = name.startsWith('xdp.frags')
    return {
      name,
      takesTarget,
      type,
      ...(attachType === undefined ? {} : { attachType }),
      flags: (sleeps ? BPF_F_SLEEPABLE : 0) | (frags ? BPF_F_XDP_HAS_FRAGS : 0),
      hook,
    }
  },
)

/** What a section name says. */
export interface ParsedSection {
  /** `undefined` when the table has no such name. */
  readonly definition: SectionDefinition | undefined
  /** What follows the name after `/`; `''` when nothing does. */
  readonly target: string
  /** Whether the name begins with `?`, which keeps the program from being loaded by default. */
  readonly optional: boolean
}

/** Reads a section name such as `'fentry/vfs_read'` or `'?tp/sched/sched_switch'`. */
export function parseSectionName(sectionName: string): ParsedSection {
  const optional = sectionName.startsWith('?')
  const name = optional ? sectionName.slice(1) : sectionName
  for (const definition of sectionDefinitions) {
    if (!name.startsWith(definition.name)) continue
    const { length } = definition.name
    if (name.length === length) return { definition, target: '', optional }
    if (definition.takesTarget && name[length] === '/') {
      return { definition, target: name.slice(length + 1), optional }
    }
  }
  return { definition: undefined, target: '', optional }
}
