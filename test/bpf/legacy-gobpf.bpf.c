// SPDX-License-Identifier: MIT
/* Maps from before BTF in the form of gobpf: a section for each, and pins in a namespace. */
#include "legacy.h"

struct gobpf_map_def SEC("maps/unpinned") unpinned = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 1,
};

struct gobpf_map_def SEC("maps/shared") shared = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 1,
	.pinning = PIN_GLOBAL_NS,
	.namespace = "app",
};

/* Counts its runs in both maps; returns how many `shared` knows of. */
SEC("socket")
int count_runs(void *ctx)
{
	__u32 index = 0;
	__u64 *own = bpf_map_lookup_elem(&unpinned, &index);
	__u64 *all = bpf_map_lookup_elem(&shared, &index);
	if (!own || !all)
		return 0;
	++*own;
	return ++*all;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
