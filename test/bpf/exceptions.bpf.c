// SPDX-License-Identifier: MIT
/*
 * Programs that throw (`bpf_throw`, Linux 6.7), and the functions that run when they do. All are optional: some are
 * refused.
 */
#include "bpf.h"

#define __exception_cb(name) __decl_tag("exception_callback:" #name)

void bpf_throw(__u64 cookie) __ksym __weak;

__noinline int caught(__u64 cookie)
{
	return cookie + 100;
}

__noinline int other(__u64 cookie)
{
	return cookie + 200;
}

__hidden __noinline int not_global(__u64 cookie)
{
	return cookie + 300;
}

/* Returns 107: what the callback makes of 7. */
SEC("?tc")
__exception_cb(caught)
int throws(void *ctx)
{
	bpf_throw(7);
	return 1;
}

/* Returns 7: the kernel's own callback returns what was thrown. */
SEC("?tc")
int throws_without_callback(void *ctx)
{
	bpf_throw(7);
	return 1;
}

/* Refused: which one is it? */
SEC("?tc")
__exception_cb(caught)
__exception_cb(other)
int two_callbacks(void *ctx)
{
	bpf_throw(7);
	return 1;
}

/* Refused: a callback must be global. */
SEC("?tc")
__exception_cb(not_global)
int hidden_callback(void *ctx)
{
	bpf_throw(7);
	return 1;
}

/* Refused: there is no such function. */
SEC("?tc")
__exception_cb(missing)
int missing_callback(void *ctx)
{
	bpf_throw(7);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
