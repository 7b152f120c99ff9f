// SPDX-License-Identifier: MIT
/*
 * Functions of the kernel that programs call (kfuncs). All are weak, since kernels differ: a program returns -1 where
 * the kernel lacks what it is about.
 */
#include "bpf.h"
#include "kernel.h"

#define bpf_ksym_exists(symbol) (&(symbol) != NULL)

/* Since 6.2, for all types of programs. */
void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
/* Since 6.2, for programs that trace. */
struct task_struct *bpf_task_from_pid(__s32 pid) __ksym __weak;
void bpf_task_release(struct task_struct *task) __ksym __weak;

/* Since 5.18, in module nf_conntrack. To be of one type with the kernel's, structs must be defined. */
struct __sk_buff {
	__u32 len;
};

struct nf_conn {
	unsigned long status;
};

struct bpf_sock_tuple {
	__u32 saddr, daddr;
	__u16 sport, dport;
};

struct bpf_ct_opts {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u32 tuple__sz,
				  struct bpf_ct_opts *opts, __u32 opts__sz) __ksym __weak;
void bpf_ct_release(struct nf_conn *connection) __ksym __weak;

/* A flavour that fits, and one that does not: nothing is left of what follows three underscores. */
void *bpf_rdonly_cast___fits(const void *obj, __u32 btf_id) __ksym __weak;
void *bpf_rdonly_cast___differs(const void *obj, __u32 btf_id, int more) __ksym __weak;
int no_such_kfunc(int) __ksym __weak;

/* Returns the process that the test runs in. */
SEC("raw_tp")
int read_tgid(void *ctx)
{
	const struct task_struct *task;

	if (!bpf_ksym_exists(bpf_rdonly_cast))
		return -1;
	task = bpf_rdonly_cast((void *)bpf_get_current_task(), bpf_core_type_id_kernel(struct task_struct));
	return task->tgid;
}

/* The same without asking first whether the function exists. */
SEC("?raw_tp")
int read_tgid_unasked(void *ctx)
{
	const struct task_struct *task =
		bpf_rdonly_cast((void *)bpf_get_current_task(), bpf_core_type_id_kernel(struct task_struct));

	return task->tgid;
}

/* Returns 1 for the flavour that fits and 2 for the one that differs, which there never is. */
SEC("raw_tp")
int count_flavors(void *ctx)
{
	int count = 0;

	if (!bpf_ksym_exists(bpf_rdonly_cast))
		return -1;
	if (bpf_ksym_exists(bpf_rdonly_cast___fits) && bpf_rdonly_cast___fits(NULL, bpf_core_type_id_kernel(struct task_struct)) == NULL)
		count += 1;
	if (bpf_ksym_exists(bpf_rdonly_cast___differs) && bpf_rdonly_cast___differs(NULL, 0, 0))
		count += 2;
	return count;
}

/* Returns 7, without the call. */
SEC("raw_tp")
int ask_first(void *ctx)
{
	return bpf_ksym_exists(no_such_kfunc) ? no_such_kfunc(1) : 7;
}

/* Refused. */
SEC("?raw_tp")
int call_missing(void *ctx)
{
	return no_such_kfunc(1);
}

__u32 watched_tgid;
__u32 found_tgid;

/* Finds the process that makes another one, if it is the watched one. */
SEC("?tp_btf/task_newtask")
int find_parent(__u64 *ctx)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct task_struct *task;

	if (pid_tgid >> 32 != watched_tgid)
		return 0;
	task = bpf_task_from_pid((__s32)pid_tgid);
	if (!task)
		return 0;
	found_tgid = task->tgid;
	bpf_task_release(task);
	return 0;
}

/* Looks for a TCP connection that does not exist. Returns 0 if it finds one, else the errno of its absence, 2. */
SEC("?tc")
int look_up_connection(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_ct_opts opts = { .netns_id = -1, .l4proto = 6 };
	struct nf_conn *connection = bpf_skb_ct_lookup(skb, &tuple, sizeof(tuple), &opts, sizeof(opts));

	if (!connection)
		return -opts.error;
	bpf_ct_release(connection);
	return 0;
}

/* Returns 1 if there is the function, else 0. */
SEC("?tc")
int ask_module(struct __sk_buff *skb)
{
	return bpf_ksym_exists(bpf_skb_ct_lookup);
}

char LICENSE[] SEC("license") = "GPL";
