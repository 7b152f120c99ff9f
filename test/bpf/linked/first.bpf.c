// SPDX-License-Identifier: MIT
/* One half of `linked`, which bpftool makes of it and of second.bpf.c: what it defines for both. */
#include "bpf.h"
#include "linked.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct counts);
} shared SEC(".maps");

int total = 100;
int __weak limit = 1;

/* The strong one of the other half is taken. */
__weak __noinline int choose(int x)
{
	return x + 1;
}

/* Both halves have a function of this name, and they differ. */
static __noinline int twist(int x)
{
	return x * 3;
}

/* Both have this too, and of these it does not matter which. */
__weak __noinline int common(int x)
{
	return x ^ 5;
}

SEC("socket")
int first(void *ctx)
{
	return choose(10) + twist(total) + common(limit);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
