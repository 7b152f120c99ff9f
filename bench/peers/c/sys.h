/* SPDX-License-Identifier: MIT */
/* bpf(2), as the system call is. */
#ifndef SYS_H
#define SYS_H

#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long sys_bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static inline int map_create(unsigned int type, unsigned int key, unsigned int value, unsigned int entries,
			     unsigned int flags)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = key,
		.value_size = value,
		.max_entries = entries,
		.map_flags = flags,
	};

	return sys_bpf(BPF_MAP_CREATE, &attr);
}

/* All commands for an element; `value` is the next key for BPF_MAP_GET_NEXT_KEY. */
static inline long map_elem(int command, int fd, const void *key, void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = fd;
	attr.key = (unsigned long)key;
	attr.value = (unsigned long)value;
	return syscall(SYS_bpf, command, &attr, offsetof(union bpf_attr, flags) + sizeof(attr.flags));
}

#endif
