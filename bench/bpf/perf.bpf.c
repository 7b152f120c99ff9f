// SPDX-License-Identifier: MIT
/*
 * Producers of the perf buffer benchmarks, as those of ring.bpf.c. A record is padded by the kernel: one of 8 bytes arrives
 * as 12.
 */
#include "bpf.h"

static long (*const bpf_perf_event_output)(void *ctx, void *map, __u64 flags, void *data, __u64 size) = (void *)25;

#define BPF_F_CURRENT_CPU 0xffffffffULL
#define CHECKSUM 0x1e3779b1

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

__u64 next = 0;
__u64 dropped = 0;

static __always_inline int send(void *ctx, void *record, __u64 size)
{
	if (bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, record, size)) {
		dropped++;
		return 0;
	}
	return 1;
}

/* Words of a record of `produce_N`: each is the sequence number. */
#define PRODUCE(words)                                  \
	__u64 record[words];                            \
	__u64 sequence = next++;                        \
                                                        \
	_Pragma("unroll") for (int i = 0; i < words; i++) \
		record[i] = sequence;                   \
	return send(ctx, record, sizeof(record))

SEC("socket")
int produce_8(void *ctx)
{
	PRODUCE(1);
}

SEC("socket")
int produce_32(void *ctx)
{
	PRODUCE(4);
}

SEC("socket")
int produce_256(void *ctx)
{
	PRODUCE(32);
}

/* The sequence number, and the time at which the record was made, of CLOCK_MONOTONIC. */
SEC("socket")
int produce_time(void *ctx)
{
	__u64 record[2] = { next++, bpf_ktime_get_ns() };

	return send(ctx, record, sizeof(record));
}

/* As that of ring.bpf.c; without a codec, the length is 12 + 8 * (number & 7) + 8 with the padding. */
SEC("socket")
int produce_checked(void *ctx)
{
	__u64 record[9];
	__u64 sequence = next++;

#pragma unroll
	for (int i = 0; i < 9; i++)
		record[i] = sequence;
	record[1] = sequence * CHECKSUM;
	return send(ctx, record, 16 + (sequence & 7) * 8);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
