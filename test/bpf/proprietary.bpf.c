// SPDX-License-Identifier: MIT
/* An object whose license is not compatible with the GPL: a helper that is for GPL programs only is refused. */
#include "bpf.h"

/* Any license will do for this one. */
SEC("raw_tp")
int unrestricted(void *ctx)
{
	return bpf_get_smp_processor_id() < 4096;
}

/* bpf_get_current_task() asks for the GPL in every kernel that has it. */
SEC("?raw_tp")
int restricted(void *ctx)
{
	return bpf_get_current_task() != 0;
}

char LICENSE[] SEC("license") = "Proprietary";
