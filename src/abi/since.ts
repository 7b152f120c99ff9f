/**
 * First Linux release with each map type, program type, attach type and link type.
 *
 * An entry counts from the first release whose `include/uapi/linux/bpf.h` has it. Distributions bring some of them to
 * older kernels, and leave some out of newer ones: what the running kernel has is for the probes of `ebpf-ts/kernel`
 * to say.
 *
 * Source: git history of include/uapi/linux/bpf.h.
 *
 * @module
 */

import type { AttachType, LinkType, MapType, ProgramType } from './generated/enums.ts'

/** A Linux release without its patch level: `'5.10'`. */
export type LinuxRelease = `${number}.${number}`

/** First release with each map type. */
export const mapTypeSince: Readonly<Record<MapType, LinuxRelease>> = {
  unspec: '3.18',
  hash: '3.19',
  array: '3.19',
  prog_array: '4.2',
  perf_event_array: '4.3',
  percpu_hash: '4.6',
  percpu_array: '4.6',
  stack_trace: '4.6',
  cgroup_array: '4.8',
  lru_hash: '4.10',
  lru_percpu_hash: '4.10',
  lpm_trie: '4.11',
  array_of_maps: '4.12',
  hash_of_maps: '4.12',
  devmap: '4.14',
  sockmap: '4.14',
  cpumap: '4.15',
  xskmap: '4.18',
  sockhash: '4.18',
  cgroup_storage_deprecated: '4.19',
  cgroup_storage: '4.19',
  reuseport_sockarray: '4.19',
  percpu_cgroup_storage_deprecated: '4.20',
  percpu_cgroup_storage: '4.20',
  queue: '4.20',
  stack: '4.20',
  sk_storage: '5.2',
  devmap_hash: '5.4',
  struct_ops: '5.6',
  ringbuf: '5.8',
  inode_storage: '5.10',
  task_storage: '5.11',
  bloom_filter: '5.16',
  user_ringbuf: '6.1',
  cgrp_storage: '6.2',
  arena: '6.9',
  insn_array: '6.19',
  rhash: '7.2',
}

/** First release with each program type. */
export const programTypeSince: Readonly<Record<ProgramType, LinuxRelease>> = {
  unspec: '3.18',
  socket_filter: '3.19',
  kprobe: '4.1',
  sched_cls: '4.1',
  sched_act: '4.1',
  tracepoint: '4.7',
  xdp: '4.8',
  perf_event: '4.9',
  cgroup_skb: '4.10',
  cgroup_sock: '4.10',
  lwt_in: '4.10',
  lwt_out: '4.10',
  lwt_xmit: '4.10',
  sock_ops: '4.13',
  sk_skb: '4.14',
  cgroup_device: '4.15',
  sk_msg: '4.17',
  raw_tracepoint: '4.17',
  cgroup_sock_addr: '4.17',
  lwt_seg6local: '4.18',
  lirc_mode2: '4.18',
  sk_reuseport: '4.19',
  flow_dissector: '4.20',
  cgroup_sysctl: '5.2',
  raw_tracepoint_writable: '5.2',
  cgroup_sockopt: '5.3',
  tracing: '5.5',
  struct_ops: '5.6',
  ext: '5.6',
  lsm: '5.7',
  sk_lookup: '5.9',
  syscall: '5.14',
  netfilter: '6.4',
}

/** First release with each attach type. */
export const attachTypeSince: Readonly<Record<AttachType, LinuxRelease>> = {
  cgroup_inet_ingress: '4.10',
  cgroup_inet_egress: '4.10',
  cgroup_inet_sock_create: '4.10',
  cgroup_sock_ops: '4.13',
  sk_skb_stream_parser: '4.14',
  sk_skb_stream_verdict: '4.14',
  cgroup_device: '4.15',
  sk_msg_verdict: '4.17',
  cgroup_inet4_bind: '4.17',
  cgroup_inet6_bind: '4.17',
  cgroup_inet4_connect: '4.17',
  cgroup_inet6_connect: '4.17',
  cgroup_inet4_post_bind: '4.17',
  cgroup_inet6_post_bind: '4.17',
  cgroup_udp4_sendmsg: '4.18',
  cgroup_udp6_sendmsg: '4.18',
  lirc_mode2: '4.18',
  flow_dissector: '4.20',
  cgroup_sysctl: '5.2',
  cgroup_udp4_recvmsg: '5.2',
  cgroup_udp6_recvmsg: '5.2',
  cgroup_getsockopt: '5.3',
  cgroup_setsockopt: '5.3',
  trace_raw_tp: '5.5',
  trace_fentry: '5.5',
  trace_fexit: '5.5',
  modify_return: '5.7',
  lsm_mac: '5.7',
  trace_iter: '5.8',
  cgroup_inet4_getpeername: '5.8',
  cgroup_inet6_getpeername: '5.8',
  cgroup_inet4_getsockname: '5.8',
  cgroup_inet6_getsockname: '5.8',
  xdp_devmap: '5.8',
  cgroup_inet_sock_release: '5.9',
  xdp_cpumap: '5.9',
  sk_lookup: '5.9',
  xdp: '5.9',
  sk_skb_verdict: '5.13',
  sk_reuseport_select: '5.14',
  sk_reuseport_select_or_migrate: '5.14',
  perf_event: '5.15',
  trace_kprobe_multi: '5.18',
  lsm_cgroup: '6.0',
  struct_ops: '6.4',
  netfilter: '6.4',
  tcx_ingress: '6.6',
  tcx_egress: '6.6',
  trace_uprobe_multi: '6.6',
  cgroup_unix_connect: '6.7',
  cgroup_unix_sendmsg: '6.7',
  cgroup_unix_recvmsg: '6.7',
  cgroup_unix_getpeername: '6.7',
  cgroup_unix_getsockname: '6.7',
  netkit_primary: '6.7',
  netkit_peer: '6.7',
  trace_kprobe_session: '6.10',
  trace_uprobe_session: '6.13',
  trace_fsession: '7.0',
  trace_fentry_multi: '7.2',
  trace_fexit_multi: '7.2',
  trace_fsession_multi: '7.2',
}

/**
 * First release with each link type. Links of `struct_ops` are in the kernel's own use at first, and for user space
 * to make since 6.4.
 */
export const linkTypeSince: Readonly<Record<LinkType, LinuxRelease>> = {
  unspec: '5.8',
  raw_tracepoint: '5.8',
  tracing: '5.8',
  cgroup: '5.8',
  iter: '5.8',
  netns: '5.8',
  xdp: '5.9',
  perf_event: '5.15',
  kprobe_multi: '5.18',
  struct_ops: '5.19',
  netfilter: '6.4',
  tcx: '6.6',
  uprobe_multi: '6.6',
  netkit: '6.7',
  sockmap: '6.10',
  tracing_multi: '7.2',
}

/**
 * Compares releases: negative when the first is the older one, 0 when they are the same.
 */
export function compareReleases(a: LinuxRelease, b: LinuxRelease): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number)
  const [majorB = 0, minorB = 0] = b.split('.').map(Number)
  return majorA - majorB || minorA - minorB
}
