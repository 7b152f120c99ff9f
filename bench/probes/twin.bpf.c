// The programs of the twin: what ebpf-ts/bench writes by hand, in C.

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define CALLS_PER_RUN 100

char LICENSE[] SEC("license") = "GPL";

// As far apart as in src/bench/bodies.ts, so that they share no cache line.
struct {
	__u64 hits;
	__u64 pad[15];
	__u64 runs;
	__u64 more[15];
} counters = {};

extern int bpf_modify_return_test_tp(int nonce) __ksym __weak;

static __always_inline void count_run(void)
{
	__sync_fetch_and_add(&counters.runs, 1);
}

SEC("?tc")
int drive_loop(void *ctx)
{
	for (int i = 0; i < CALLS_PER_RUN; i++)
		asm volatile("r0 = 0" ::: "r0");
	count_run();
	return 0;
}

SEC("?tc")
int drive_helper(void *ctx)
{
	for (int i = 0; i < CALLS_PER_RUN; i++)
		bpf_get_numa_node_id();
	count_run();
	return 0;
}

SEC("?tc")
int drive_kfunc(void *ctx)
{
	for (int i = 0; i < CALLS_PER_RUN; i++)
		bpf_modify_return_test_tp(0);
	count_run();
	return 0;
}

#define BODY(name, section)                               \
	SEC("?" section)                                  \
	int name(void *ctx)                               \
	{                                                 \
		__sync_fetch_and_add(&counters.hits, 1);  \
		return 0;                                 \
	}

BODY(run_fentry, "fentry/bpf_get_numa_node_id")
BODY(run_fexit, "fexit/bpf_get_numa_node_id")
BODY(run_fmod_ret, "fmod_ret/bpf_modify_return_test_tp")
BODY(run_kprobe, "kprobe")
BODY(run_kprobe_multi, "kprobe.multi/bpf_get_numa_node_id")
BODY(run_kretprobe_multi, "kretprobe.multi/bpf_get_numa_node_id")
BODY(run_raw_tp, "raw_tp/bpf_trigger_tp")
BODY(run_tp_btf, "tp_btf/bpf_trigger_tp")
BODY(run_tracepoint, "tp/bpf_test_run/bpf_trigger_tp")
