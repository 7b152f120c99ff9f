// SPDX-License-Identifier: MIT
/* Replacements for functions of `functions.bpf.c`; each is for a target that is named before it is loaded. */
#include "bpf.h"

/* How often a replacement ran, and its last argument. */
__u64 runs;
__u64 argument;

static __noinline int record(int value)
{
	__sync_fetch_and_add(&runs, 1);
	argument = value;
	return 0;
}

/* In the place of `int times_two(int)`: returns ten times the argument. */
SEC("?freplace/times_two")
int times_ten(int value)
{
	record(value);
	return value * 10;
}

/* In the same place: returns a hundred times the argument. */
SEC("?freplace/times_two")
int times_hundred(int value)
{
	record(value);
	return value * 100;
}

/* Its arguments are not those of `times_two`. */
SEC("?freplace/times_two")
int other_arguments(__u64 *value, int more)
{
	return more;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
