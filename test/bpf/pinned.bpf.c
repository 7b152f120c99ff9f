// SPDX-License-Identifier: MIT
/* A map pinned by its name: loading needs a BPF file system, and finds the map of an earlier load there. */
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} pinned_counter SEC(".maps");

/* Counts its runs in the map; returns how many there have been. */
SEC("socket")
int count_runs(void *ctx)
{
	__u32 index = 0;
	__u64 *runs = bpf_map_lookup_elem(&pinned_counter, &index);
	return runs ? ++*runs : 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
