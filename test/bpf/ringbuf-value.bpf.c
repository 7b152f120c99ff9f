// SPDX-License-Identifier: MIT
/*
 * A ring buffer whose value is the type of its records, not an array of them. The kernel refuses the size this
 * gives, and so does libbpf's loader; but objects written for other loaders, which drop the size, look like this.
 */
#include "bpf.h"

struct pair {
	__u32 first;
	__u32 second;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct pair);
} pairs SEC(".maps");

/* Emits { 1, 2 }; returns 1, or 0 when the ring is full. */
SEC("socket")
int emit_pair(void *ctx)
{
	struct pair pair = { .first = 1, .second = 2 };
	return bpf_ringbuf_output(&pairs, &pair, sizeof(pair), 0) == 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
