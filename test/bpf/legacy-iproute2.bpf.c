// SPDX-License-Identifier: MIT
/* Maps from before BTF in the form of iproute2: every kind of pin, and a map of maps. */
#include "legacy.h"

#define INNER_ID 42

struct bpf_elf_map SEC("maps") unpinned = {
	.type = BPF_MAP_TYPE_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u64),
	.max_elem = 1,
	.pinning = PIN_NONE,
};

struct bpf_elf_map SEC("maps") of_object = {
	.type = BPF_MAP_TYPE_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u64),
	.max_elem = 1,
	.pinning = PIN_OBJECT_NS,
};

struct bpf_elf_map SEC("maps") of_all = {
	.type = BPF_MAP_TYPE_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u64),
	.max_elem = 1,
	.pinning = PIN_GLOBAL_NS,
};

/* The template of the inner maps of `outer`, and its element 1. */
struct bpf_elf_map SEC("maps") inner = {
	.type = BPF_MAP_TYPE_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u64),
	.max_elem = 1,
	.id = INNER_ID,
	.inner_idx = 1,
};

struct bpf_elf_map SEC("maps") outer = {
	.type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u32),
	.max_elem = 2,
	.inner_id = INNER_ID,
};

static __always_inline __u64 add_one(void *map)
{
	__u32 index = 0;
	__u64 *value = bpf_map_lookup_elem(map, &index);
	return value ? ++*value : 0;
}

/* Counts its runs in every map; `inner` is reached through `outer`. Returns how many `of_all` knows of. */
SEC("socket")
int count_runs(void *ctx)
{
	__u32 index = 1;
	void *map = bpf_map_lookup_elem(&outer, &index);
	if (map)
		add_one(map);
	add_one(&unpinned);
	add_one(&of_object);
	return add_one(&of_all);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
