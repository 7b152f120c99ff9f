// SPDX-License-Identifier: MIT
/* What compilers use of each version of the instruction set, and assembly that refers to symbols. */
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} slots SEC(".maps");

__s64 numerator = -7;
__s64 denominator = 2;
__s16 narrow = -5;
__u32 below = 3;

static __noinline __used int triple(int value)
{
	barrier_var(value);
	return value * 3;
}

/* Jumps by less-than are of version 2, those on 32 bits of version 3. Returns 3 of 0 to 9. */
SEC("syscall")
int compare(void *ctx)
{
	int count = 0;

	for (__u32 i = 0; i < 10; i++) {
		barrier_var(i);
		if (i < below)
			count++;
	}
	return count;
}

/*
 * Signed division, sign extension, swaps of bytes and long jumps are of version 4; of some the compiler has others.
 * Returns -5 + 1 - 3.
 */
SEC("syscall")
int convert(void *ctx)
{
	__u32 bytes = 0x01000000;
	int sum = narrow;

	barrier_var(bytes);
	sum += __builtin_bswap32(bytes);
#if __BPF_CPU_VERSION__ >= 4
	sum += numerator / denominator;
	if (below == 3)
		asm volatile goto("gotol %l[done]" : : : : done);
	sum = 99;
done:
#else
	sum -= 3;
#endif
	return sum;
}

/* Assembly that calls a function and takes the addresses of a map and of a variable. Returns 3 * 14 + below. */
SEC("syscall")
__attribute__((naked)) int refer(void)
{
	asm volatile("r1 = %[slots] ll;"
		     "r2 = r10;"
		     "r2 += -4;"
		     "r3 = 0;"
		     "*(u32 *)(r2 + 0) = r3;"
		     "call %[lookup];"
		     "if r0 == 0 goto none%=;"
		     "r3 = 14;"
		     "*(u64 *)(r0 + 0) = r3;"
		     "r1 = *(u64 *)(r0 + 0);"
		     "call triple;"
		     "r1 = %[below] ll;"
		     "r1 = *(u32 *)(r1 + 0);"
		     "r0 += r1;"
		     "none%=:"
		     "exit;"
		     :
		     : [slots] "i"(&slots), [lookup] "i"(1), [below] "i"(&below)
		     : "memory");
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
