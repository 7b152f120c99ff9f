// SPDX-License-Identifier: MIT
/* Variables in an arena, pointers cast between address spaces, and loops that the kernel bounds (Linux 6.9). */
#include "bpf.h"

#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4); /* pages */
} arena SEC(".maps");

struct node {
	struct node __arena *next;
	__u64 value;
};

int __arena counter = 41;
__u64 __arena table[4] = {1, 2, 3};
struct node __arena last = {.value = 5};
struct node __arena *__arena head;

/* Links two nodes; returns `counter`, counted up. */
SEC("syscall")
int link_nodes(void *ctx)
{
	static struct node __arena first = {.value = 4};

	first.next = &last;
	head = &first;
	table[3] = first.value + last.value;
	return ++counter;
}

/* Adds up the list, which only the kernel knows to end. */
SEC("syscall")
int sum_nodes(void *ctx)
{
	struct node __arena *node = head;
	int sum = 0;

again:
	if (node) {
		sum += node->value;
		node = node->next;
		asm volatile goto("may_goto %l[out]" : : : : out);
		goto again;
	}
out:
	return sum;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
