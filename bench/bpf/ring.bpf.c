// SPDX-License-Identifier: MIT
/*
 * Producers of the ring buffer benchmarks. A test run of a program writes one record; with `repeat`, that many. It
 * returns 1, or 0 when the record did not fit.
 *
 * The sequence number of a record, `next`, counts records that were tried; `dropped` counts those that did not fit.
 * Both are set to 0 by the benchmark before it fills the ring.
 */
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} ring SEC(".maps");

/* What the row of decoded records reads. */
struct event {
	__u64 index; /* the sequence number */
	__u32 pid; /* its low half */
	__u32 cpu; /* the same, modulo 4 */
	__s64 delta; /* the number, negative */
	char comm[16]; /* "worker-" and a letter */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
	__type(value, struct event[0]);
} events SEC(".maps");

__u64 next = 0;
__u64 dropped = 0;

/* Words of a record of `produce_N`: each is the sequence number. */
static __always_inline int produce(__u32 words)
{
	__u64 sequence = next++;
	__u64 *record = bpf_ringbuf_reserve(&ring, words * 8, 0);

	if (!record) {
		dropped++;
		return 0;
	}
#pragma unroll
	for (__u32 i = 0; i < words; i++)
		record[i] = sequence;
	bpf_ringbuf_submit(record, 0);
	return 1;
}

SEC("socket")
int produce_8(void *ctx)
{
	return produce(1);
}

SEC("socket")
int produce_32(void *ctx)
{
	return produce(4);
}

SEC("socket")
int produce_256(void *ctx)
{
	return produce(32);
}

SEC("socket")
int produce_event(void *ctx)
{
	__u64 sequence = next++;
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		dropped++;
		return 0;
	}
	event->index = sequence;
	event->pid = sequence;
	event->cpu = sequence & 3;
	event->delta = -sequence;
	__builtin_memcpy(event->comm, "worker-\0\0\0\0\0\0\0\0", 16);
	event->comm[7] = 'a' + (__u32)sequence % 26;
	bpf_ringbuf_submit(event, 0);
	return 1;
}

/* The sequence number, and the time at which the record was made, of CLOCK_MONOTONIC. */
SEC("socket")
int produce_time(void *ctx)
{
	__u64 sequence = next++;
	__u64 *record = bpf_ringbuf_reserve(&ring, 16, 0);

	if (!record) {
		dropped++;
		return 0;
	}
	record[0] = sequence;
	record[1] = bpf_ktime_get_ns();
	bpf_ringbuf_submit(record, 0);
	return 1;
}

#define CHECKSUM 0x1e3779b1

/*
 * A record of 2 to 9 words: the sequence number, its product with CHECKSUM, and the number again up to the end. Its
 * length is 16 + (number & 7) * 8 bytes: a torn record has another length, product or word.
 */
SEC("socket")
int produce_checked(void *ctx)
{
	__u64 record[9];
	__u64 sequence = next++;

#pragma unroll
	for (int i = 0; i < 9; i++)
		record[i] = sequence;
	record[1] = sequence * CHECKSUM;
	if (bpf_ringbuf_output(&ring, record, 16 + (sequence & 7) * 8, 0)) {
		dropped++;
		return 0;
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
