/* SPDX-License-Identifier: MIT */
/*
 * The few members of kernel structs that the programs read. Order and offsets do not matter: every access is
 * relocated to the running kernel's layout.
 */
#ifndef EBPF_TS_KERNEL_H
#define EBPF_TS_KERNEL_H

#include "core.h"

typedef int pid_t;

struct task_struct {
	pid_t pid;
	pid_t tgid;
	int exit_code;
	__u64 start_time;
	char comm[16];
	struct task_struct *real_parent;
} __core;

struct linux_binprm {
	const char *filename;
} __core;

#endif
