/**
 * One program of an object alone, as `veristat` loads it: with sizes that objects leave to be set, without pins, and
 * extensions as what they would extend.
 *
 * Source: tools/testing/selftests/bpf/veristat.c `process_obj`, `fixup_obj`, `guess_prog_type_by_ctx_name`,
 * `mask_unrelated_struct_ops_progs`.
 *
 * @module
 */

import type { AttachType, ProgramType } from '../abi/generated/enums.ts'
import type { Btf } from '../btf/btf.ts'
import type { CollectionSpec } from '../collection/spec.ts'
import { mapKind } from '../maps/kinds.ts'
import type { ProgramSpec } from '../programs/spec.ts'

/** What a program is whose first parameter points to a struct; the most common one, where several share it. */
const BY_CONTEXT: Readonly<Record<string, readonly [type: ProgramType, attachType?: AttachType]>> = {
  __sk_buff: ['sched_cls'],
  sk_buff: ['sched_cls'],
  bpf_sock: ['cgroup_sock', 'cgroup_inet4_post_bind'],
  sock: ['cgroup_sock', 'cgroup_inet4_post_bind'],
  bpf_sock_addr: ['cgroup_sock_addr', 'cgroup_inet4_bind'],
  bpf_sock_addr_kern: ['cgroup_sock_addr', 'cgroup_inet4_bind'],
  bpf_sock_ops: ['sock_ops', 'cgroup_sock_ops'],
  bpf_sock_ops_kern: ['sock_ops', 'cgroup_sock_ops'],
  sk_msg_md: ['sk_msg', 'sk_msg_verdict'],
  sk_msg: ['sk_msg', 'sk_msg_verdict'],
  bpf_cgroup_dev_ctx: ['cgroup_device', 'cgroup_device'],
  bpf_sysctl: ['cgroup_sysctl', 'cgroup_sysctl'],
  bpf_sysctl_kern: ['cgroup_sysctl', 'cgroup_sysctl'],
  bpf_sockopt: ['cgroup_sockopt', 'cgroup_setsockopt'],
  bpf_sockopt_kern: ['cgroup_sockopt', 'cgroup_setsockopt'],
  sk_reuseport_md: ['sk_reuseport', 'sk_reuseport_select_or_migrate'],
  sk_reuseport_kern: ['sk_reuseport', 'sk_reuseport_select_or_migrate'],
  bpf_sk_lookup: ['sk_lookup', 'sk_lookup'],
  bpf_sk_lookup_kern: ['sk_lookup', 'sk_lookup'],
  xdp_md: ['xdp', 'xdp'],
  xdp_buff: ['xdp', 'xdp'],
  bpf_user_pt_regs_t: ['kprobe'],
  pt_regs: ['kprobe'],
  bpf_perf_event_data: ['perf_event'],
  bpf_perf_event_data_kern: ['perf_event'],
  bpf_raw_tracepoint_args: ['raw_tracepoint'],
}

/**
 * A copy of a spec that loads one of its programs and nothing else, also one that is not loaded by default.
 *
 * Maps without a size get one element, and none is pinned. Function pointers to other programs are unset. An `freplace` program, which needs a program to replace,
 * becomes of the type that its parameter suggests.
 *
 * @throws BpfError when the spec has no program of that name
 */
export function aloneSpec(spec: CollectionSpec, name: string): CollectionSpec {
  const copy = spec.copy()
  const program = copy.programs.get(name)
  for (const each of copy.programs.values()) each.autoload = each === program
  for (const map of copy.maps.values()) {
    delete map.pinning
    delete map.pinPath
    for (const [member, each] of map.programs ?? []) if (each !== name) map.programs?.delete(member)
    const { capacity } = mapKind(map.type)
    if ((map.maxEntries ?? 0) === 0 && capacity !== 'objects') map.maxEntries = 1
  }
  if (program.type === 'ext') standIn(program, program.btf ?? spec.btf)
  return copy
}

/** Gives an extension the type of what it would extend. */
function standIn(program: ProgramSpec, btf: Btf | undefined): void {
  const context = btf === undefined ? undefined : contextName(btf, program)
  const guess = context !== undefined && Object.hasOwn(BY_CONTEXT, context) ? BY_CONTEXT[context] : undefined
  if (guess === undefined) return
  const [type, attachType] = guess
  program.type = type
  delete program.attachTarget
  if (attachType === undefined) delete program.expectedAttachType
  else program.expectedAttachType = attachType
}

/** Name of the struct, or of a typedef of it, that the first parameter points to. */
function contextName(btf: Btf, { instructions }: ProgramSpec): string | undefined {
  const id = instructions[0]?.funcTypeId
  const func = id === undefined ? undefined : btf.type(id)
  if (func?.kind !== 'func') return undefined
  const proto = btf.type(func.type)
  const [context] = proto.kind === 'func_proto' ? proto.params : []
  const pointer = context === undefined ? undefined : btf.resolved(context.type)
  if (pointer?.kind !== 'ptr') return undefined
  const pointee = btf.type(pointer.type)
  if (pointee.kind === 'typedef' && Object.hasOwn(BY_CONTEXT, pointee.name)) return pointee.name
  return btf.name(btf.resolve(pointer.type))
}
