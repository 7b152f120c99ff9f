// SPDX-License-Identifier: MIT
/*
 * Data sections of a kind: one that user space cannot map, one that is the object's own, one that can be made larger, one
 * with more elements than a codec takes, metadata for bpftool. And inner maps with a lock in their values.
 */
#include "bpf.h"

struct bpf_spin_lock {
	__u32 val;
};

static long (*const bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*const bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;

/* The kernel does not map values with a lock. */
struct bpf_spin_lock lock SEC(".data.locked");
__u64 locked SEC(".data.locked") = 5;

/* Nothing in it is for others. */
static volatile __u64 own SEC(".data.own") = 7;

/* The array at the end grows with the section. */
__u32 before SEC(".data.large") = 1;
__u32 large[4] SEC(".data.large") = { 10, 20, 30, 40 };

__u16 huge[(1 << 20) + 1];
__u32 beside_huge;

const char bpf_metadata_owner[] SEC(".rodata") = "ebpf-ts";

struct guarded {
	struct bpf_spin_lock lock;
	__u32 value;
};

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct guarded);
} one SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { &one },
};

/* Adds one to each section, and returns the last element of `large`. */
SEC("tc")
int count(void *ctx)
{
	__u32 last = sizeof(large) / sizeof(large[0]) - 1;

	locked++;
	own++;
	before++;
	huge[0]++;
	beside_huge++;
	barrier_var(last);
	return last < 4 ? large[last] : 0;
}

/* Writes 9 to the map that `outer` has at 0, under its lock. */
SEC("?tc")
int set_guarded(void *ctx)
{
	__u32 key = 0;
	struct guarded *found;
	void *map = bpf_map_lookup_elem(&outer, &key);

	if (map == NULL)
		return 1;
	found = bpf_map_lookup_elem(map, &key);
	if (found == NULL)
		return 2;
	bpf_spin_lock(&found->lock);
	found->value = 9;
	bpf_spin_unlock(&found->lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
