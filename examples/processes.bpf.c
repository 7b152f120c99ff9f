// SPDX-License-Identifier: MIT
/*
 * Reports every program that starts and every process that ends.
 *
 * Needs Linux 5.10 with BTF. Compiled with test/bpf/build.sh; the object is committed, so running the example
 * takes no compiler.
 */
#include "bpf.h"
#include "kernel.h"

enum event_kind {
	EXEC = 1,
	EXIT = 2,
};

/* One record of `events`. Members that do not apply to the kind of the record are zero. */
struct event {
	enum event_kind kind;
	__u32 pid; /* of the process: what the kernel calls tgid */
	__u32 ppid;
	__u32 uid;
	__s32 exit_code; /* what the process passed to exit() */
	__s32 signal; /* number of the signal that ended the process, or 0 */
	__u64 lifetime_ns; /* since the fork, on the monotonic clock */
	char comm[16];
	char filename[64]; /* what exec was given, cut to fit */
};

/*
 * `value` says what the records are, for decoding them through BTF. A ring buffer has no values and the kernel
 * wants their size to be 0, which that of `event[0]` is; so libbpf loads this object too.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct event[0]);
} events SEC(".maps");

/* Processes that lived shorter than this are not reported when they end. Set before loading. */
const volatile unsigned long long min_lifetime_ns = 0;

/* Records lost because the reader was too slow. */
unsigned long long dropped = 0;

/* Reserves a record and fills in what both kinds share; NULL when the ring buffer is full. */
static __always_inline struct event *start_record(enum event_kind kind, struct task_struct *task)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&dropped, 1);
		return NULL;
	}

	/* The ring buffer hands out used memory. */
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->pid = task->tgid;
	event->ppid = task->real_parent->tgid;
	event->uid = bpf_get_current_uid_gid();
	bpf_probe_read_kernel_str(event->comm, sizeof(event->comm), task->comm);
	return event;
}

/* Arguments of the tracepoint: struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm. */
SEC("tp_btf/sched_process_exec")
int on_exec(unsigned long long *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct linux_binprm *bprm = (void *)ctx[2];

	struct event *event = start_record(EXEC, task);
	if (!event)
		return 0;
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), bprm->filename);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Argument of the tracepoint: struct task_struct *task. Later kernels append more. */
SEC("tp_btf/sched_process_exit")
int on_exit(unsigned long long *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	/* A process ends once, each of its threads too: the leader stands for the process. */
	if (task->pid != task->tgid)
		return 0;
	unsigned long long lifetime_ns = bpf_ktime_get_ns() - task->start_time;
	if (lifetime_ns < min_lifetime_ns)
		return 0;

	struct event *event = start_record(EXIT, task);
	if (!event)
		return 0;
	int status = task->exit_code;
	event->exit_code = status >> 8 & 0xff;
	event->signal = status & 0x7f;
	event->lifetime_ns = lifetime_ns;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
