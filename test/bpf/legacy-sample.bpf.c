// SPDX-License-Identifier: MIT
/* Maps from before BTF in the form of the kernel's samples: inner maps by position, and a NUMA node. */
#include "legacy.h"

struct sample_map_def SEC("maps") on_node = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = 4,
	.map_flags = BPF_F_NUMA_NODE,
	.numa_node = 0,
};

struct sample_map_def SEC("maps") inner = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 2,
};

struct sample_map_def SEC("maps") outer = {
	.type = BPF_MAP_TYPE_HASH_OF_MAPS,
	.key_size = sizeof(__u64),
	.value_size = sizeof(__u32),
	.max_entries = 8,
	.inner_map_idx = 1, /* inner */
};

/* Returns element 1 of the map that `outer` has under 7, or 0. */
SEC("socket")
int read_inner(void *ctx)
{
	__u64 key = 7;
	__u32 index = 1;
	void *map = bpf_map_lookup_elem(&outer, &key);
	__u64 *value = map ? bpf_map_lookup_elem(map, &index) : NULL;
	bpf_map_update_elem(&on_node, &index, &index, BPF_ANY);
	return value ? *value : 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
