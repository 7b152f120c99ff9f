// SPDX-License-Identifier: MIT
/* The other half of `linked`. */
#include "bpf.h"
#include "linked.h"

/* Defined by the first half. */
extern struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct counts);
} shared __attribute__((section(".maps")));
extern int total;

int limit = 7;

static __u64 hidden_state = 40;

__noinline int choose(int x)
{
	return x + 2;
}

static __noinline int twist(int x)
{
	return x - 3;
}

__weak __noinline int common(int x)
{
	return x ^ 5;
}

extern unsigned int LINUX_KERNEL_VERSION __kconfig;

SEC("socket")
int second(void *ctx)
{
	__u32 index = 1;
	struct counts *counts = bpf_map_lookup_elem(&shared, &index);

	if (counts)
		counts->runs += LINUX_KERNEL_VERSION != 0;
	return choose(20) + twist(total) + common(limit) + ++hidden_state;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
