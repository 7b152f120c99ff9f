// SPDX-License-Identifier: MIT
/* An object that only counts: nothing comes out of it but its maps. */
#include "bpf.h"

struct who {
	__u32 uid;
};

/* A histogram as libbpf-tools have it: slots of powers of two, from 0. */
struct hist {
	__u32 slots[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct who);
	__type(value, __u64);
} by_user SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} by_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hist);
} hists SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 4);
} untyped SEC(".maps");

__u64 total = 0;

SEC("raw_tracepoint/sched_process_exec")
int on_exec(void *ctx)
{
	struct who who = { .uid = (__u32)bpf_get_current_uid_gid() };
	__u32 zero = 0, one = 1;
	struct hist *hist;
	__u64 *count, first = 1;

	__sync_fetch_and_add(&total, 1);
	count = bpf_map_lookup_elem(&by_user, &who);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&by_user, &who, &first, BPF_ANY);
	count = bpf_map_lookup_elem(&by_cpu, &one);
	if (count)
		(*count)++;
	hist = bpf_map_lookup_elem(&hists, &zero);
	if (hist)
		__sync_fetch_and_add(&hist->slots[3], 1);
	bpf_map_update_elem(&untyped, &one, &one, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
