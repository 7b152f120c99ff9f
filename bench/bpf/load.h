/* SPDX-License-Identifier: MIT */
/*
 * A program with CO-RE relocations, as tracing tools have them: it follows a task to its parent, and asks whether
 * members are there. The local types are wrong in layout on purpose: everything comes from relocation.
 */
#include "bpf.h"
#include "core.h"

struct task_struct {
	int tgid;
	int pid;
	struct task_struct *real_parent;
	unsigned long long start_time;
	char comm[16];
} __core;

#define READ(to, from) bpf_core_read(&(to), sizeof(to), &(from))

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

__u64 runs = 0;

#define PROGRAM(number) \
	SEC("raw_tp/sys_enter") \
	int program_##number(void *ctx) \
	{ \
		struct task_struct *task = (void *)bpf_get_current_task(); \
		struct task_struct *parent = NULL; \
		unsigned long long start = 0; \
		__u32 index = number; \
		int tgid = 0, pid = 0; \
		char comm[16]; \
 \
		READ(tgid, task->tgid); \
		READ(pid, task->pid); \
		READ(parent, task->real_parent); \
		READ(start, parent->start_time); \
		READ(comm, task->comm); \
		if (bpf_core_field_exists(task->start_time)) \
			runs += tgid + pid + start + comm[0]; \
		__u64 *count = bpf_map_lookup_elem(&counts, &index); \
		if (count) \
			(*count)++; \
		return 0; \
	}

#define TEN(tens) \
	PROGRAM(tens##0) \
	PROGRAM(tens##1) \
	PROGRAM(tens##2) \
	PROGRAM(tens##3) \
	PROGRAM(tens##4) \
	PROGRAM(tens##5) \
	PROGRAM(tens##6) \
	PROGRAM(tens##7) \
	PROGRAM(tens##8) \
	PROGRAM(tens##9)
