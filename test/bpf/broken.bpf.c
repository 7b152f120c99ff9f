// SPDX-License-Identifier: MIT
/* Programs that the verifier must refuse, each for one reason. */
#include "bpf.h"

struct __sk_buff {
	__u32 len;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* Loads, so that the object as a whole is a valid one. */
SEC("socket")
int valid(struct __sk_buff *skb)
{
	return 0;
}

/* What the lookup returned may be NULL. */
SEC("?socket")
int unchecked_lookup(struct __sk_buff *skb)
{
	__u32 key = 0;
	return *(__u32 *)bpf_map_lookup_elem(&map, &key);
}

/* A loop that never ends. */
SEC("?socket")
int endless_loop(struct __sk_buff *skb)
{
	for (;;)
		asm volatile("");
}

/* A record that is reserved and never handed over. */
SEC("?socket")
int unreleased_record(struct __sk_buff *skb)
{
	__u64 *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (record)
		*record = 1;
	return 0;
}

/* A member of the context that is not there. */
SEC("?socket")
int outside_context(struct __sk_buff *skb)
{
	return *(__u32 *)((void *)skb + 4096);
}

/* A write below the frame of 512 bytes. */
SEC("?socket")
int stack_out_of_bounds(struct __sk_buff *skb)
{
	asm volatile("*(u64 *)(r10 - 520) = r1" : : : "memory");
	return 0;
}

/* An index into the stack that nothing bounds. */
SEC("?socket")
int unbounded_index(struct __sk_buff *skb)
{
	volatile char buffer[8] = {};
	return buffer[skb->len];
}

/* A register that was never written. */
SEC("?socket")
int uninitialised_register(struct __sk_buff *skb)
{
	int result;
	asm volatile("%0 = r5" : "=r"(result));
	return result;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
