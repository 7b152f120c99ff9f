/**
 * Which capabilities a call asks for: blaming another one would send the reader the wrong way.
 *
 * Source: kernel/bpf/syscall.c `bpf_prog_load` (`is_net_admin_prog_type`, `is_perfmon_prog_type`), `map_create`,
 * `__sys_bpf`; kernel/events/core.c `perf_event_open`, `perf_kprobe_event_init`.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { type MapType, mapTypes, type ProgramType, programTypes } from '../abi/generated/enums.ts'
import { enumName } from '../abi/names.ts'
import type { Capability } from './capabilities.ts'
import type { TokenUse } from './tokens/delegation.ts'
import { isAtLeast } from './version.ts'

const NET: readonly Capability[] = ['CAP_BPF', 'CAP_NET_ADMIN']
const TRACE: readonly Capability[] = ['CAP_BPF', 'CAP_PERFMON']
const BPF: readonly Capability[] = ['CAP_BPF']
const NETWORK_MAP: readonly Capability[] = ['CAP_NET_ADMIN']
const ADMIN: readonly Capability[] = ['CAP_SYS_ADMIN']

/** What programs need: nothing where the list is empty, unless unprivileged BPF is disabled; `undefined` is not known. */
const programs: Readonly<Record<ProgramType, readonly Capability[] | undefined>> = {
  unspec: undefined,
  socket_filter: [],
  cgroup_skb: [],
  sk_reuseport: BPF,
  sk_lookup: BPF,
  syscall: BPF,
  kprobe: TRACE,
  tracepoint: TRACE,
  perf_event: TRACE,
  raw_tracepoint: TRACE,
  raw_tracepoint_writable: TRACE,
  tracing: TRACE,
  lsm: TRACE,
  struct_ops: TRACE,
  ext: ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'],
  sched_cls: NET,
  sched_act: NET,
  xdp: NET,
  lwt_in: NET,
  lwt_out: NET,
  lwt_xmit: NET,
  lwt_seg6local: NET,
  sk_skb: NET,
  sk_msg: NET,
  flow_dissector: NET,
  cgroup_device: NET,
  cgroup_sock: NET,
  cgroup_sock_addr: NET,
  cgroup_sockopt: NET,
  cgroup_sysctl: NET,
  sock_ops: NET,
  netfilter: NET,
  // Some kernels ask for CAP_NET_ADMIN too, others do not.
  lirc_mode2: undefined,
}

/** Maps that need no capability, unless unprivileged BPF is disabled; those that are in neither set need CAP_BPF. */
const plainMaps: ReadonlySet<MapType | number> = new Set<MapType>([
  'array',
  'percpu_array',
  'prog_array',
  'perf_event_array',
  'cgroup_array',
  'array_of_maps',
  'hash',
  'percpu_hash',
  'hash_of_maps',
  'ringbuf',
  'user_ringbuf',
  'cgroup_storage',
  'percpu_cgroup_storage',
])
/** Maps that need CAP_NET_ADMIN, and CAP_BPF only where unprivileged BPF is disabled. */
const networkMaps: ReadonlySet<MapType | number> = new Set<MapType>([
  'sockmap',
  'sockhash',
  'devmap',
  'devmap_hash',
  'xskmap',
])

/** Commands that go by ids of the whole system, or concern it. */
const OF_THE_SYSTEM = /^bpf\(BPF_(?:\w+_GET_FD_BY_ID|\w+_GET_NEXT_ID|ENABLE_STATS|TASK_FD_QUERY)\)$/

/**
 * The capabilities that a call asks for; `CAP_SYS_ADMIN` stands for each of the others.
 *
 * @param syscall such as `'bpf(BPF_PROG_LOAD)'`
 * @param use the types that it is about
 * @param disabled whether BPF is disabled for processes without CAP_BPF
 * @returns `undefined` when it is not known
 */
export function neededCapabilities(
  syscall: string,
  use: TokenUse | undefined,
  disabled: boolean,
): readonly Capability[] | undefined {
  if (OF_THE_SYSTEM.test(syscall)) return ADMIN
  if (syscall === 'perf_event_open') return ['CAP_PERFMON']
  if (!syscall.startsWith('bpf(')) return []
  const known = ofTypes(syscall, use)
  if (known === undefined) return undefined
  const asks = disabled && (LOADS.test(syscall) || !isAtLeast(featureSince.unprivilegedCommands))
  return asks && !known.includes('CAP_BPF') ? ['CAP_BPF', ...known] : known
}

/** What is disabled for processes without CAP_BPF on every kernel. */
const LOADS = /BPF_(?:PROG_LOAD|MAP_CREATE|BTF_LOAD)/

function ofTypes(syscall: string, use: TokenUse | undefined): readonly Capability[] | undefined {
  if (syscall === 'bpf(BPF_BTF_LOAD)') return BPF
  if (syscall === 'bpf(BPF_PROG_LOAD)') {
    const type = enumName(programTypes, use?.programType ?? 0)
    return (programs as Readonly<Record<string, readonly Capability[] | undefined>>)[type]
  }
  if (syscall === 'bpf(BPF_MAP_CREATE)') {
    const type = enumName(mapTypes, use?.mapType ?? 0)
    if (plainMaps.has(type)) return []
    return networkMaps.has(type) ? NETWORK_MAP : BPF
  }
  // Files and descriptors; of links it depends on the hook.
  return /BPF_(?:MAP|OBJ|PROG_(?:RUN|TEST_RUN|BIND_MAP))_?/.test(syscall) ? [] : undefined
}
