// SPDX-License-Identifier: MIT
/* Tail calls in the form of iproute2: the name of a section says where its program belongs. */
#include "legacy.h"

/* The first number of the sections below, in any base. */
#define JUMPS_ID 7

struct bpf_elf_map SEC("maps") jumps = {
	.type = BPF_MAP_TYPE_PROG_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u32),
	.max_elem = 3,
	.id = JUMPS_ID,
};

/* Has an id too, but holds no programs. */
struct bpf_elf_map SEC("maps") numbers = {
	.type = BPF_MAP_TYPE_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u32),
	.max_elem = 1,
	.id = 8,
};

/* Returns what the program at index 1 returns. */
SEC("socket")
int jump(void *ctx)
{
	bpf_tail_call(ctx, &jumps, 1);
	return -1;
}

/* What these are is for the loader to know: the name of their sections does not tell. */
SEC("7/1")
int first(void *ctx)
{
	bpf_tail_call(ctx, &jumps, 2);
	return 1;
}

SEC("0x7/02")
int second(void *ctx)
{
	return 2;
}

SEC("8/0")
int nowhere(void *ctx)
{
	return 3;
}

SEC("9/0")
int unknown(void *ctx)
{
	return 4;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
