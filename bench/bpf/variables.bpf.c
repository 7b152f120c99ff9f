// SPDX-License-Identifier: MIT
/* Global variables, and a program that reads one: what the rows of variables access. */
#include "bpf.h"

__u32 counter = 0;
__u64 total = 0;

SEC("socket")
int read_counter(void *ctx)
{
	return counter + (__u32)total;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
