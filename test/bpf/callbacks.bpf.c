// SPDX-License-Identifier: MIT
/* Functions whose address is taken: callbacks of bpf_for_each_map_elem (Linux 5.13) and bpf_loop (5.17). */
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

static long add_value(void *map, const __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *value;
	return 0;
}

static long add_index(__u32 index, __u64 *sum)
{
	*sum += index;
	return 0;
}

/* Returns the sum of the values in `numbers`. */
SEC("socket")
int sum_map(void *ctx)
{
	__u64 sum = 0;
	bpf_for_each_map_elem(&numbers, add_value, &sum, 0);
	return sum;
}

/* Returns 0 + 1 + ... + 9 = 45. */
SEC("?socket")
int sum_loop(void *ctx)
{
	__u64 sum = 0;
	bpf_loop(10, add_index, &sum, 0);
	return sum;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
