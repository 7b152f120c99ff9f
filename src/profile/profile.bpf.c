// SPDX-License-Identifier: MIT
/*
 * The programs of `ebpf-ts profile`: stacks of what runs, so many times a second, and of what waits, when it goes on.
 *
 * Each sample is a record of a ring buffer with the addresses of its stack, not an id of a stack map: ids collide, and the names
 * of code that was compiled at run time depend on the time. Records have the length that they need.
 */
#include "bpf.h"

#define MAX_FRAMES 127
#define STACK_BYTES (MAX_FRAMES * 8)
#define COMM_BYTES 16

#define BPF_F_USER_STACK (1ULL << 8)
#define BPF_RB_NO_WAKEUP (1ULL << 0)
#define BPF_RB_FORCE_WAKEUP (1ULL << 1)
#define BPF_RB_AVAIL_DATA 0

static long (*const bpf_get_current_comm)(void *buf, __u32 size) = (void *)16;
static long (*const bpf_get_stack)(void *ctx, void *buf, __u32 size, __u64 flags) = (void *)67;
static long (*const bpf_get_ns_current_pid_tgid)(__u64 dev, __u64 ino, void *nsdata, __u32 size) = (void *)120;
static __u64 (*const bpf_ringbuf_query)(void *ringbuf, __u64 flags) = (void *)134;

struct sample {
	__u64 time;  /* bpf_ktime_get_ns */
	__u64 value; /* 1, or nanoseconds that it waited */
	__u32 pid;
	__u32 tid;
	__u32 cpu;
	/* Bytes of addresses, or -errno. */
	__s32 user_size;
	__s32 kernel_size;
	__u32 reserved;
	char comm[COMM_BYTES];
	/* Those of the user stack, then those of the kernel's. */
	__u64 addresses[2 * MAX_FRAMES];
};

#define HEADER_BYTES __builtin_offsetof(struct sample, addresses)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample);
} scratch SEC(".maps");

/* What waits, by thread. The library sets how many there may be. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample);
} waiting SEC(".maps");

/* Processes that were sampled before: the first sample of each wakes the reader, so that a process is looked at while it lives. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} seen SEC(".maps");

/* Settings. */
const volatile __u32 wanted_pid = 0; /* 0: all */
const volatile bool user_stacks = true;
const volatile bool kernel_stacks = true;
const volatile __u64 min_wait = 1000;        /* nanoseconds */
const volatile __u64 wakeup_bytes = 1 << 20; /* that wait before the reader is woken */
/* The namespace of ids, where it is not the first one. */
const volatile __u64 namespace_device = 0;
const volatile __u64 namespace_inode = 0;

/* Counters. */
__u64 taken = 0;
__u64 idle = 0;
__u64 lost = 0;
__u64 overfull = 0; /* waits that had no room in `waiting` */

/* Ids of the current thread; false when the thread is not wanted. */
static __always_inline bool wanted(__u32 *pid, __u32 *tid)
{
	if (namespace_inode) {
		struct {
			__u32 pid;
			__u32 tgid;
		} ids = {};

		if (bpf_get_ns_current_pid_tgid(namespace_device, namespace_inode, &ids, sizeof(ids)))
			return false;
		*pid = ids.tgid;
		*tid = ids.pid;
	} else {
		__u64 ids = bpf_get_current_pid_tgid();

		*pid = ids >> 32;
		*tid = (__u32)ids;
	}
	return !wanted_pid || *pid == wanted_pid;
}

/* Fills in a sample of the current thread; returns the bytes of its addresses. */
static __always_inline __u32 fill(void *ctx, struct sample *sample, __u32 pid, __u32 tid)
{
	long size;
	__u32 used = 0;

	sample->time = bpf_ktime_get_ns();
	sample->pid = pid;
	sample->tid = tid;
	sample->cpu = bpf_get_smp_processor_id();
	sample->user_size = 0;
	sample->kernel_size = 0;
	sample->reserved = 0;
	bpf_get_current_comm(sample->comm, sizeof(sample->comm));
	if (user_stacks) {
		size = bpf_get_stack(ctx, sample->addresses, STACK_BYTES, BPF_F_USER_STACK);
		sample->user_size = size;
		if (size > 0)
			used = size;
	}
	/* The verifier does not know how much that is. */
	barrier_var(used);
	if (used > STACK_BYTES)
		used = STACK_BYTES;
	if (kernel_stacks) {
		size = bpf_get_stack(ctx, (char *)sample->addresses + used, STACK_BYTES, 0);
		sample->kernel_size = size;
		if (size > 0)
			used += size;
	}
	return used;
}

static __always_inline void emit(struct sample *sample, __u32 used)
{
	__u64 flags = BPF_RB_NO_WAKEUP;
	__u32 pid = sample->pid;
	__u32 size;
	__u8 yes = 1;

	if (!bpf_map_lookup_elem(&seen, &pid)) {
		bpf_map_update_elem(&seen, &pid, &yes, BPF_ANY);
		flags = BPF_RB_FORCE_WAKEUP;
	} else if (bpf_ringbuf_query(&samples, BPF_RB_AVAIL_DATA) >= wakeup_bytes) {
		flags = BPF_RB_FORCE_WAKEUP;
	}
	barrier_var(used);
	if (used > 2 * STACK_BYTES)
		used = 2 * STACK_BYTES;
	size = HEADER_BYTES + used;
	__sync_fetch_and_add(&taken, 1);
	if (bpf_ringbuf_output(&samples, sample, size, flags))
		__sync_fetch_and_add(&lost, 1);
}

SEC("perf_event")
int on_event(void *ctx)
{
	struct sample *sample;
	__u32 zero = 0, pid, tid;

	/* Of the idle task, whose id is 0 in every namespace. */
	if (!(__u32)bpf_get_current_pid_tgid()) {
		__sync_fetch_and_add(&idle, 1);
		return 0;
	}
	if (!wanted(&pid, &tid))
		return 0;
	sample = bpf_map_lookup_elem(&scratch, &zero);
	if (!sample)
		return 0;
	sample->value = 1;
	emit(sample, fill(ctx, sample, pid, tid));
	return 0;
}

/* The record of the tracepoint: Documentation/trace/events.rst, `format`. */
struct sched_switch {
	__u64 common;
	char prev_comm[COMM_BYTES];
	__s32 prev_pid;
	__s32 prev_prio;
	__s64 prev_state;
	char next_comm[COMM_BYTES];
	__s32 next_pid;
	__s32 next_prio;
};

/* States from here on are not waiting: the thread was preempted. include/linux/sched.h `TASK_REPORT_MAX`. */
#define TASK_REPORT_MAX 0x100

SEC("tracepoint/sched/sched_switch")
int on_switch(struct sched_switch *ctx)
{
	struct sample *sample;
	__u32 zero = 0, pid, tid, next = ctx->next_pid, prev = ctx->prev_pid;
	__s64 state = ctx->prev_state;
	__u64 now;

	if (prev && state > 0 && state < TASK_REPORT_MAX && wanted(&pid, &tid)) {
		sample = bpf_map_lookup_elem(&scratch, &zero);
		if (sample) {
			sample->value = fill(ctx, sample, pid, tid);
			if (bpf_map_update_elem(&waiting, &prev, sample, BPF_ANY))
				__sync_fetch_and_add(&overfull, 1);
		}
	}
	if (!next)
		return 0;
	sample = bpf_map_lookup_elem(&waiting, &next);
	if (!sample)
		return 0;
	now = bpf_ktime_get_ns();
	if (now - sample->time >= min_wait) {
		__u32 used = sample->value;

		sample->value = now - sample->time;
		sample->time = now;
		emit(sample, used);
	}
	bpf_map_delete_elem(&waiting, &next);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
