// SPDX-License-Identifier: MIT
/*
 * What Linux 5.10 does not have: declaration and type tags (5.16, 5.17), a float and a 64-bit enumeration in BTF
 * (5.13, 6.0), a bloom filter with map_extra (5.16). All but the map can be left out of the BTF that an older
 * kernel is given.
 */
#include "bpf.h"

enum wide {
	WIDE_SMALL = 1,
	WIDE_LARGE = 0x123456789abcdef0ULL,
};

struct tagged {
	int plain;
	int member __decl_tag("on_member");
	int __type_tag("on_pointer") *pointer;
};

/* map_extra is the number of hash functions. */
struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 64);
	__uint(map_extra, 3);
	__type(value, __u32);
} seen SEC(".maps") __decl_tag("on_map");

enum wide wide = WIDE_SMALL;
double real = 0; /* a program cannot compute with it; user space can write it */
struct tagged tagged __decl_tag("on_variable");

__noinline __decl_tag("on_function") int tagged_function(int argument __decl_tag("on_argument"))
{
	return argument + tagged.plain;
}

/* Returns 1 when the filter has seen 7 before, and adds 7. */
SEC("socket")
int use_recent(void *ctx)
{
	__u32 value = 7;
	int known = bpf_map_peek_elem(&seen, &value) == 0;
	bpf_map_push_elem(&seen, &value, BPF_ANY);
	wide = WIDE_LARGE;
	tagged.member++;
	return tagged_function(known);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
