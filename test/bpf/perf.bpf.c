// SPDX-License-Identifier: MIT
/*
 * Records of perf buffers and of a ring buffer whose definitions cannot say of what type they are: global pointers do.
 */
#include "bpf.h"

#define BPF_F_CURRENT_CPU 0xffffffffULL

static long (*const bpf_perf_event_output)(void *ctx, void *map, __u64 flags, void *data, __u64 size) = (void *)25;

struct event {
	__u32 number;
	__u8 small; /* number, cut off */
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} untyped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} ring SEC(".maps");

struct event *events_record;
const struct event *ring_record;
/* Points to anything. */
void *untyped_record;

__u32 next_number = 0;

/* Sends one record to each of the three; returns how many arrived. */
SEC("socket")
int send(void *ctx)
{
	struct event event = { .number = next_number++ };
	int sent = 0;

	event.small = event.number;
	sent += bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event)) == 0;
	sent += bpf_perf_event_output(ctx, &untyped, BPF_F_CURRENT_CPU, &event, sizeof(event)) == 0;
	sent += bpf_ringbuf_output(&ring, &event, sizeof(event), 0) == 0;
	return sent;
}

/* The same when a process begins another program. */
SEC("tp/sched/sched_process_exec")
int on_exec(void *ctx)
{
	struct event event = { .number = next_number++ };

	event.small = event.number;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	bpf_perf_event_output(ctx, &untyped, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
