// SPDX-License-Identifier: MIT
/*
 * The consumer of the user ring buffer benchmark: a test run takes all records, counts them, and adds up the first word of
 * each.
 */
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} commands SEC(".maps");

__u64 records = 0;
__u64 sum = 0;

static long take(struct bpf_dynptr *record, void *context)
{
	__u32 word = 0;

	bpf_dynptr_read(&word, sizeof(word), record, 0, 0);
	records++;
	sum += word;
	return 0;
}

SEC("socket")
int drain(void *ctx)
{
	return bpf_user_ringbuf_drain(&commands, take, 0, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
