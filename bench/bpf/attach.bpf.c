// SPDX-License-Identifier: MIT
/* An empty program for many functions. */
#include "bpf.h"

SEC("kprobe.multi")
int empty(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
