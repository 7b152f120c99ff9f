// SPDX-License-Identifier: MIT
/*
 * A program for each hook that a section name can describe. All but one are optional: which of them a kernel can
 * load differs, so tests ask for one at a time. Each counts its runs in hits[] and returns a constant that lets
 * pass whatever it sees.
 */
#include "bpf.h"

enum hook {
	HOOK_RAW_TP,
	HOOK_RAW_TRACEPOINT,
	HOOK_TP,
	HOOK_TRACEPOINT,
	HOOK_TP_BTF,
	HOOK_KPROBE,
	HOOK_KRETPROBE,
	HOOK_FENTRY,
	HOOK_FEXIT,
	HOOK_FMOD_RET,
	HOOK_LSM,
	HOOK_ITER,
	HOOK_XDP,
	HOOK_TC,
	HOOK_TCX_INGRESS,
	HOOK_TCX_EGRESS,
	HOOK_CGROUP_SKB_INGRESS,
	HOOK_CGROUP_SKB_EGRESS,
	HOOK_CGROUP_SOCK_CREATE,
	HOOK_SK_LOOKUP,
	HOOK_NETFILTER,
	HOOK_SOCKET,
	HOOK_PERF_EVENT,
	HOOK_SYSCALL,
	HOOKS,
};

__u64 hits[HOOKS];

#define XDP_PASS 2
#define TCX_NEXT -1
#define TC_ACT_OK 0
#define CGROUP_ALLOW 1
#define SK_PASS 1
#define NF_ACCEPT 1

/* A program in `section` that counts and returns `verdict`. */
#define PROGRAM(section, name, hook, verdict)                \
	SEC(section)                                         \
	int name(void *ctx)                                  \
	{                                                    \
		__sync_fetch_and_add(&hits[hook], 1);        \
		return verdict;                              \
	}

PROGRAM("raw_tp/sched_switch", on_raw_tp, HOOK_RAW_TP, 0)
PROGRAM("?raw_tracepoint/sched_switch", on_raw_tracepoint, HOOK_RAW_TRACEPOINT, 0)
PROGRAM("?tp/sched/sched_switch", on_tp, HOOK_TP, 0)
PROGRAM("?tracepoint/sched/sched_process_exec", on_tracepoint, HOOK_TRACEPOINT, 0)
PROGRAM("?tp_btf/sched_switch", on_tp_btf, HOOK_TP_BTF, 0)
PROGRAM("?kprobe/do_nanosleep", on_kprobe, HOOK_KPROBE, 0)
PROGRAM("?kretprobe/do_nanosleep", on_kretprobe, HOOK_KRETPROBE, 0)
PROGRAM("?fentry/do_nanosleep", on_fentry, HOOK_FENTRY, 0)
PROGRAM("?fexit/do_nanosleep", on_fexit, HOOK_FEXIT, 0)
PROGRAM("?fmod_ret/security_file_open", on_fmod_ret, HOOK_FMOD_RET, 0)
PROGRAM("?lsm/file_open", on_lsm, HOOK_LSM, 0)
PROGRAM("?iter/task", on_iter, HOOK_ITER, 0)
PROGRAM("?xdp", on_xdp, HOOK_XDP, XDP_PASS)
PROGRAM("?tc", on_tc, HOOK_TC, TC_ACT_OK)
PROGRAM("?tcx/ingress", on_tcx_ingress, HOOK_TCX_INGRESS, TCX_NEXT)
PROGRAM("?tcx/egress", on_tcx_egress, HOOK_TCX_EGRESS, TCX_NEXT)
PROGRAM("?cgroup_skb/ingress", on_cgroup_skb_ingress, HOOK_CGROUP_SKB_INGRESS, CGROUP_ALLOW)
PROGRAM("?cgroup_skb/egress", on_cgroup_skb_egress, HOOK_CGROUP_SKB_EGRESS, CGROUP_ALLOW)
PROGRAM("?cgroup/sock_create", on_cgroup_sock_create, HOOK_CGROUP_SOCK_CREATE, CGROUP_ALLOW)
PROGRAM("?sk_lookup", on_sk_lookup, HOOK_SK_LOOKUP, SK_PASS)
PROGRAM("?netfilter", on_netfilter, HOOK_NETFILTER, NF_ACCEPT)
PROGRAM("?socket", on_socket, HOOK_SOCKET, 0)
PROGRAM("?perf_event", on_perf_event, HOOK_PERF_EVENT, 0)
PROGRAM("?syscall", on_syscall, HOOK_SYSCALL, 0)

char LICENSE[] SEC("license") = "Dual MIT/GPL";
