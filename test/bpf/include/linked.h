/* SPDX-License-Identifier: MIT */
/* Types that both halves of `linked` have. */
#ifndef EBPF_TS_LINKED_H
#define EBPF_TS_LINKED_H

struct counts {
	__u64 runs;
	struct counts *next;
};

#endif
