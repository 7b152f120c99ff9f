/* SPDX-License-Identifier: MIT */
/* Static variables of every size, which gcc-bpf puts at offset 0 in its BTF, and a switch that LLVM 22 compiles into a
 * jump table.
 */
#include "bpf.h"

/* The first members of the context of socket filters. */
struct packet {
	__u32 len;
	__u32 pkt_type;
	__u32 mark;
	__u32 queue_mapping;
	__u32 protocol;
};

char _license[] SEC("license") = "GPL";

static volatile signed char tiny = -1;
static volatile short small = -2;
static volatile int plain = 3;
static volatile long wide = 4;
static volatile const int limit = 5;
volatile int shared = 6;

static __attribute__((noinline)) long next(void)
{
	static volatile int count = 7;

	return ++count;
}

static __attribute__((noinline)) long again(void)
{
	static volatile int count = 70;

	return ++count;
}

/* Adds up all variables. */
SEC("socket")
int sum(struct packet *skb)
{
	return tiny + small + plain + wide + limit + shared + next() + again();
}

/* Writes each of them. */
SEC("socket")
int change(struct packet *skb)
{
	tiny = 11;
	small = 12;
	plain = 13;
	wide = 14;
	shared = 16;
	return 0;
}

/* Something else for each of many lengths. */
SEC("socket")
int choose(struct packet *skb)
{
	switch (skb->len - 50) {
	case 0: return skb->mark + 100;
	case 1: return skb->protocol ^ 5;
	case 2: return skb->mark * 3;
	case 3: return 403;
	case 4: return skb->queue_mapping + 7;
	case 5: return skb->mark - 9;
	case 6: return 606;
	case 7: return skb->protocol << 2;
	case 8: return skb->mark | 64;
	case 9: return 909;
	case 10: return skb->protocol + 12;
	case 11: return skb->mark & 3;
	case 12: return skb->mark + 1212;
	case 13: return 1313;
	case 14: return skb->pkt_type + 5;
	case 15: return skb->mark ^ 77;
	default: return 1;
	}
}
