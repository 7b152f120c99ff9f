// SPDX-License-Identifier: MIT
/* What `ebpf-ts kprobe` runs: one program in section `prog`, which names no type, and maps of every kind of pin. */
#include "legacy.h"

/* Calls by process. */
struct bpf_elf_map SEC("maps") legacy_calls = {
	.type = BPF_MAP_TYPE_HASH,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u64),
	.max_elem = 1024,
	.pinning = PIN_GLOBAL_NS,
};

/* All calls. */
struct bpf_elf_map SEC("maps") legacy_total = {
	.type = BPF_MAP_TYPE_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u64),
	.max_elem = 1,
	.pinning = PIN_OBJECT_NS,
};

/* The process that called last. */
struct bpf_elf_map SEC("maps") legacy_last = {
	.type = BPF_MAP_TYPE_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u32),
	.max_elem = 1,
	.pinning = PIN_NONE,
};

SEC("prog")
int count_calls(void *ctx)
{
	__u32 index = 0;
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 one = 1;
	__u64 *calls = bpf_map_lookup_elem(&legacy_calls, &pid);
	__u64 *total = bpf_map_lookup_elem(&legacy_total, &index);
	if (calls)
		__sync_fetch_and_add(calls, 1);
	else
		bpf_map_update_elem(&legacy_calls, &pid, &one, BPF_ANY);
	if (total)
		__sync_fetch_and_add(total, 1);
	bpf_map_update_elem(&legacy_last, &index, &pid, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
