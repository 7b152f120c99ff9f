// SPDX-License-Identifier: MIT
/* A 64-bit member of a map definition: the address of an arena (Linux 6.9), given with __ulong(). */
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16); /* pages */
	__ulong(map_extra, 1ULL << 44);
} arena SEC(".maps");

SEC("syscall")
int nothing(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
