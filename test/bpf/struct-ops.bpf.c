// SPDX-License-Identifier: MIT
/* Operations of the kernel, in each section that maps of them are in. */
#include "bpf.h"

struct sock;

/* What this object sets, in another order than the kernel's; newer kernels have more. */
struct tcp_congestion_ops___short {
	char name[16];
	__u32 flags;
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	/* No kernel has it: objects may leave it unset. */
	void (*not_yet)(struct sock *sk);
};

SEC("struct_ops/ssthresh")
__u32 halve(unsigned long long *ctx)
{
	return 2;
}

SEC("struct_ops/cong_avoid")
void stay(unsigned long long *ctx)
{
}

SEC("?struct_ops")
__u32 undo(unsigned long long *ctx)
{
	return 10;
}

SEC("?struct_ops")
void unused(unsigned long long *ctx)
{
}

SEC(".struct_ops")
struct tcp_congestion_ops___short plain = {
	.name = "ebpf_ts_plain",
	.ssthresh = (void *)halve,
	.cong_avoid = (void *)stay,
	.undo_cwnd = (void *)undo,
};

SEC(".struct_ops.link")
struct tcp_congestion_ops___short linked = {
	.name = "ebpf_ts_link",
	.ssthresh = (void *)halve,
	.cong_avoid = (void *)stay,
	.undo_cwnd = (void *)undo,
};

SEC("?.struct_ops.link")
struct tcp_congestion_ops___short optional = {
	.name = "ebpf_ts_opt",
	.ssthresh = (void *)halve,
	.cong_avoid = (void *)stay,
	.undo_cwnd = (void *)undo,
	.not_yet = (void *)unused,
};

/* struct bpf_dummy_ops of kernel/bpf (net/bpf/bpf_dummy_struct_ops.c): only for test runs. */
struct bpf_dummy_ops_state {
	int val;
};

struct bpf_dummy_ops {
	int (*test_1)(struct bpf_dummy_ops_state *cb);
};

SEC("struct_ops/test_1")
int answer(unsigned long long *ctx)
{
	return 42;
}

SEC(".struct_ops")
struct bpf_dummy_ops dummy = {
	.test_1 = (void *)answer,
};

char LICENSE[] SEC("license") = "GPL";
