/* SPDX-License-Identifier: MIT */
/*
 * Definitions of maps as they were before BTF: each loader had a struct of its own, in section `maps`. Names and
 * order of members are theirs.
 */
#ifndef EBPF_TS_LEGACY_H
#define EBPF_TS_LEGACY_H

#include "bpf.h"

/* libbpf before 1.0: 20 bytes. */
struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

/* The kernel's samples/bpf: 28 bytes. */
struct sample_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
	unsigned int inner_map_idx;
	unsigned int numa_node;
};

/* iproute2: 36 bytes. */
struct bpf_elf_map {
	__u32 type;
	__u32 size_key;
	__u32 size_value;
	__u32 max_elem;
	__u32 flags;
	__u32 id;
	__u32 pinning;
	__u32 inner_id;
	__u32 inner_idx;
};

/* gobpf: 280 bytes. */
struct gobpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
	unsigned int pinning;
	char namespace[256];
};

/* Values of `pinning`. */
#define PIN_NONE 0
#define PIN_OBJECT_NS 1
#define PIN_GLOBAL_NS 2

/* Types of key and value of a map, for its BTF. */
#define BPF_ANNOTATE_KV_PAIR(name, type_key, type_val)                                     \
	struct ____btf_map_##name {                                                       \
		type_key key;                                                             \
		type_val value;                                                           \
	};                                                                                \
	struct ____btf_map_##name SEC(".maps." #name) ____btf_map_##name = {}

#endif
