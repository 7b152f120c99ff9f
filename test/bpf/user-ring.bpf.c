// SPDX-License-Identifier: MIT
/*
 * The consumer of user ring buffers: a test run of `drain` takes all records that are there, and returns how many, or
 * -errno. A record has a producer, its sequence number, and a product of both: it is torn when that does not fit, and out
 * of order when the number is not above the last one of its producer.
 */
#include "bpf.h"

#define CHECKSUM 0x1e3779b1
#define PRODUCERS 8

struct command {
	__u32 producer;
	__u32 sequence;
	__u64 check;
};

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct command[0]);
} commands SEC(".maps");

__u64 received = 0;
__u64 torn = 0;
__u64 disordered = 0;
__u32 counts[PRODUCERS] = {};
__u32 last[PRODUCERS] = {};

static long take(struct bpf_dynptr *record, void *context)
{
	struct command command;
	__u32 producer;

	received++;
	if (bpf_dynptr_read(&command, sizeof(command), record, 0, 0)) {
		torn++;
		return 0;
	}
	producer = command.producer;
	if (command.check != (((__u64)producer << 32) | command.sequence) * CHECKSUM || producer >= PRODUCERS) {
		torn++;
		return 0;
	}
	if (command.sequence <= last[producer])
		disordered++;
	last[producer] = command.sequence;
	counts[producer]++;
	return 0;
}

SEC("socket")
int drain(void *ctx)
{
	return bpf_user_ringbuf_drain(&commands, take, 0, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
