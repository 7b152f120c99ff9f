// SPDX-License-Identifier: MIT
/* BTF-defined maps: every member a definition can have, on kinds of maps that Linux 5.10 has. */
#include "bpf.h"

typedef __u32 port_t;

struct address {
	__u32 prefix_length;
	__u8 octets[4];
};

struct counters {
	__u64 packets;
	__u64 bytes;
};

/* Types of key and value; sizes follow from them. A flag. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, port_t);
	__type(value, struct counters);
} by_port SEC(".maps");

/* Sizes alone: no types of key and value. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__uint(key_size, 12);
	__uint(value_size, 20);
} by_size SEC(".maps");

/* Types and, consistently, sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, 4);
	__type(key, __u32);
	__type(value, __s64);
	__uint(value_size, 8);
	__uint(max_entries, 8);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} per_cpu SEC(".maps");

/* Memory on NUMA node 0. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_NUMA_NODE);
	__uint(numa_node, 0);
	__uint(pinning, LIBBPF_PIN_NONE);
	__type(key, __u32);
	__type(value, __u32);
} on_node SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 32);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address);
	__type(value, char[16]);
} routes SEC(".maps");

/* No keys. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, __u32);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4);
	__uint(value_size, 4);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* As many entries as there are CPUs: max_entries is for the loader to fill in. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} perf SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} inner_a SEC(".maps"), inner_b SEC(".maps");

/* Values are maps of the file: a gap at 1, an unused slot at the end. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} array_of_maps SEC(".maps") = {
	.values = { [0] = &inner_a, [2] = &inner_b },
};

/* The inner map is described in place, and none is put in. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_HASH);
		__uint(max_entries, 2);
		__type(key, __u64);
		__type(value, __u64);
	});
} hash_of_maps SEC(".maps");

int jump_target(void *ctx);

/* Values are programs of the file. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jumps SEC(".maps") = {
	.values = { [1] = (void *)&jump_target },
};

SEC("socket")
int jump_target(void *ctx)
{
	return 21;
}

/* Refers to every map; returns 21 through the tail call, or 1 if that did not happen. */
SEC("socket")
int use_maps(void *ctx)
{
	port_t port = 80;
	struct counters first = { .packets = 1 };
	struct counters *known = bpf_map_lookup_elem(&by_port, &port);
	if (known)
		__sync_fetch_and_add(&known->packets, 1);
	else
		bpf_map_update_elem(&by_port, &port, &first, BPF_ANY);

	__u32 index = 0;
	__s64 *slot = bpf_map_lookup_elem(&slots, &index);
	if (slot)
		*slot -= 1;
	struct counters *mine = bpf_map_lookup_elem(&per_cpu, &index);
	if (mine)
		mine->packets++;

	/* Through the outer map: what lies in slot 2 is `inner_b`. */
	__u32 outer_index = 2;
	void *inner = bpf_map_lookup_elem(&array_of_maps, &outer_index);
	if (inner) {
		__u32 *value = bpf_map_lookup_elem(inner, &index);
		if (value)
			*value = 42;
	}

	bpf_map_push_elem(&queue, &port, BPF_ANY);
	bpf_map_push_elem(&stack, &port, BPF_ANY);
	bpf_tail_call(ctx, &jumps, 1);
	return 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
