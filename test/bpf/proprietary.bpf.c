// SPDX-License-Identifier: MIT
/* An object whose license is not compatible with the GPL: a helper that is for GPL programs only is refused. */
#include "bpf.h"

/* Any license will do for this one. */
SEC("socket")
int unrestricted(void *ctx)
{
	return bpf_get_smp_processor_id() >= 0;
}

SEC("?socket")
int restricted(void *ctx)
{
	return bpf_ktime_get_ns() != 0;
}

char LICENSE[] SEC("license") = "Proprietary";
