// SPDX-License-Identifier: MIT
/* Maps from before BTF in their shortest form, beside a BTF-defined map. */
#include "legacy.h"

struct counters {
	__u64 packets;
	__u64 bytes;
};

struct bpf_map_def SEC("maps") slots = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 4,
};

/* Types of key and value by annotation; a flag. */
struct bpf_map_def SEC("maps") by_port = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct counters),
	.max_entries = 128,
	.map_flags = BPF_F_NO_PREALLOC,
};
BPF_ANNOTATE_KV_PAIR(by_port, __u32, struct counters);

/* One section for one map. */
struct bpf_map_def SEC("maps/queue") queue = {
	.type = BPF_MAP_TYPE_QUEUE,
	.value_size = sizeof(__u32),
	.max_entries = 8,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} modern SEC(".maps");

/* Counts its runs in `slots[1]` and twice in `modern[1]`, and queues the first number; returns the second. */
SEC("socket")
int count_runs(void *ctx)
{
	__u32 index = 1;
	__u64 *runs = bpf_map_lookup_elem(&slots, &index);
	__u64 *doubled = bpf_map_lookup_elem(&modern, &index);
	if (!runs || !doubled)
		return 0;
	__u32 number = ++*runs;
	bpf_map_push_elem(&queue, &number, BPF_ANY);
	struct counters counters = { .packets = number, .bytes = 64 };
	bpf_map_update_elem(&by_port, &number, &counters, BPF_ANY);
	*doubled += 2;
	return *doubled;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
