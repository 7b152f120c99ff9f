// SPDX-License-Identifier: MIT
/* Functions: subprograms in .text, chains of calls, several programs in one section, a tail call. Linux 5.10. */
#include "bpf.h"

struct __sk_buff;

__u32 calls;

/* A static function: verified as part of each caller. */
static __noinline int add_three(int value)
{
	barrier_var(value);
	__sync_fetch_and_add(&calls, 1);
	return value + 3;
}

/* A global function: verified once, alone. It calls a static one. */
__noinline int times_two(int value)
{
	__sync_fetch_and_add(&calls, 1);
	return add_three(value) * 2;
}

/* Hidden: not part of the object's interface, so it is verified as if static. */
__hidden __noinline int minus_one(int value)
{
	__sync_fetch_and_add(&calls, 1);
	return times_two(value) - 1;
}

/* Weak: another object could replace it. */
__weak __noinline int identity(int value)
{
	barrier_var(value);
	return value;
}

/* Nothing calls this; it must reach no program. */
__noinline int uncalled(int value)
{
	barrier_var(value);
	return value + 1000;
}

/* No calls: this program needs nothing of .text. Returns 1. */
SEC("socket")
int first(struct __sk_buff *skb)
{
	return 1;
}

/* Behind another program in its section; a chain three deep. Returns (4 + 3) * 2 - 1 = 13; `calls` grows by 3. */
SEC("socket")
int second(struct __sk_buff *skb)
{
	return minus_one(identity(4));
}

/* The same functions reached on two ways. Returns (1 + 3) + (2 + 3) * 2 = 14; `calls` grows by 3. */
SEC("socket")
int third(struct __sk_buff *skb)
{
	return add_three(1) + times_two(2);
}

/* Left out unless asked for. Returns 99. */
SEC("?socket")
int optional(struct __sk_buff *skb)
{
	return identity(99);
}

int tail(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} programs SEC(".maps") = {
	.values = { [0] = (void *)&tail },
};

/* Which slot of `programs` to call; an empty one lets `jump` go on. */
__u32 slot = 0;

SEC("socket")
int tail(struct __sk_buff *skb)
{
	return 55;
}

/* Returns 55 through the tail call, or 56 when the slot is empty. */
SEC("socket")
int jump(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &programs, slot);
	return 56;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
