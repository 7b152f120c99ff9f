// SPDX-License-Identifier: MIT
/*
 * CO-RE: a program for each of the 13 kinds of relocation, named after it, and programs for what makes matching
 * types difficult. Results are global variables, to be compared with the kernel's BTF.
 *
 * Local types are wrong on purpose, in layout and values: an answer that is right comes from relocation.
 */
#include "bpf.h"
#include "core.h"

typedef int pid_t;

struct task_struct {
	char comm[16];
	char padding[3];
	pid_t tgid;
	pid_t pid;
	struct task_struct *real_parent;
	unsigned int sched_reset_on_fork : 1;
	unsigned int in_execve : 1;
} __core;

/* What follows three underscores is not part of the name: all of these are `struct task_struct`. */
struct task_struct___missing {
	int does_not_exist;
} __core;

struct task_struct___fits {
	pid_t pid;
	struct task_struct___fits *real_parent;
};

struct task_struct___differs {
	char *pid;
};

struct task_struct___wide {
	unsigned long flags; /* 32 bits in the kernel */
} __core;

struct no_such_struct {
	int member;
};

/* In the kernel these two members are inside of an anonymous struct. */
struct mm_struct {
	unsigned long mmap_base;
	unsigned long start_stack;
} __core;

/* Here an anonymous union and struct lie around the member. */
struct sk_buff {
	union {
		struct {
			struct sk_buff *prev;
			struct sk_buff *next;
		};
		int unused;
	};
	unsigned int len;
} __core;

/* Arrays of structs. */
struct upid {
	int nr;
};

struct pid {
	struct upid numbers[1];
} __core;

enum pid_type {
	PIDTYPE_TGID = 71,
	PIDTYPE_SID = 72,
	PIDTYPE_NO_SUCH = 73,
};

/* Members: positions in bytes, sizes in bytes. */
__u32 offset_pid, offset_comm, offset_comm_3;
__u32 size_pid, size_comm, size_comm_3;
__u32 exists_pid, exists_missing;
__u32 signed_pid, signed_skb_len;
__u32 lshift_pid, lshift_in_execve;
__u32 rshift_pid, rshift_in_execve;

SEC("raw_tp")
int field_byte_offset(void *ctx)
{
	struct task_struct *task = NULL;
	offset_pid = bpf_core_field_offset(task->pid);
	offset_comm = bpf_core_field_offset(task->comm);
	offset_comm_3 = bpf_core_field_offset(task->comm[3]);
	return 0;
}

SEC("raw_tp")
int field_byte_size(void *ctx)
{
	struct task_struct *task = NULL;
	size_pid = bpf_core_field_size(task->pid);
	size_comm = bpf_core_field_size(task->comm);
	size_comm_3 = bpf_core_field_size(task->comm[3]);
	return 0;
}

SEC("raw_tp")
int field_exists(void *ctx)
{
	struct task_struct *task = NULL;
	struct task_struct___missing *missing = NULL;
	exists_pid = bpf_core_field_exists(task->pid);
	exists_missing = 2 + bpf_core_field_exists(missing->does_not_exist);
	return 0;
}

SEC("raw_tp")
int field_signed(void *ctx)
{
	struct task_struct *task = NULL;
	struct sk_buff *skb = NULL;
	signed_pid = bpf_core_field_signed(task->pid);
	signed_skb_len = 2 + bpf_core_field_signed(skb->len);
	return 0;
}

SEC("raw_tp")
int field_lshift_u64(void *ctx)
{
	struct task_struct *task = NULL;
	lshift_pid = bpf_core_field_lshift_u64(task->pid);
	lshift_in_execve = bpf_core_field_lshift_u64(task->in_execve);
	return 0;
}

SEC("raw_tp")
int field_rshift_u64(void *ctx)
{
	struct task_struct *task = NULL;
	rshift_pid = bpf_core_field_rshift_u64(task->pid);
	rshift_in_execve = bpf_core_field_rshift_u64(task->in_execve);
	return 0;
}

/* Types. */
__u32 local_id_task, target_id_task;
__u32 exists_task, exists_no_such_struct;
__u32 size_task, size_no_such_struct;
__u32 matches_fits, matches_differs;

SEC("raw_tp")
int type_id_local(void *ctx)
{
	local_id_task = bpf_core_type_id_local(struct task_struct);
	return 0;
}

SEC("raw_tp")
int type_id_target(void *ctx)
{
	target_id_task = bpf_core_type_id_kernel(struct task_struct);
	return 0;
}

SEC("raw_tp")
int type_exists(void *ctx)
{
	exists_task = bpf_core_type_exists(struct task_struct);
	exists_no_such_struct = 2 + bpf_core_type_exists(struct no_such_struct);
	return 0;
}

SEC("raw_tp")
int type_size(void *ctx)
{
	size_task = bpf_core_type_size(struct task_struct);
	size_no_such_struct = 2 + bpf_core_type_size(struct no_such_struct);
	return 0;
}

SEC("raw_tp")
int type_matches(void *ctx)
{
	matches_fits = bpf_core_type_matches(struct task_struct___fits);
	matches_differs = 2 + bpf_core_type_matches(struct task_struct___differs);
	return 0;
}

/* Enumerators. */
__u32 exists_tgid, exists_no_such;
__u64 value_tgid, value_sid;

SEC("raw_tp")
int enumval_exists(void *ctx)
{
	exists_tgid = bpf_core_enum_value_exists(enum pid_type, PIDTYPE_TGID);
	exists_no_such = 2 + bpf_core_enum_value_exists(enum pid_type, PIDTYPE_NO_SUCH);
	return 0;
}

SEC("raw_tp")
int enumval_value(void *ctx)
{
	value_tgid = bpf_core_enum_value(enum pid_type, PIDTYPE_TGID);
	value_sid = bpf_core_enum_value(enum pid_type, PIDTYPE_SID);
	return 0;
}

/* Shapes that differ between the object and the kernel. */
__u32 offset_mmap_base, offset_start_stack, offset_skb_next, offset_numbers_0_nr;

SEC("raw_tp")
int nesting(void *ctx)
{
	struct mm_struct *mm = NULL;
	struct sk_buff *skb = NULL;
	struct pid *pid = NULL;
	offset_mmap_base = bpf_core_field_offset(mm->mmap_base);
	offset_start_stack = bpf_core_field_offset(mm->start_stack);
	offset_skb_next = bpf_core_field_offset(skb->next);
	offset_numbers_0_nr = bpf_core_field_offset(pid->numbers[0].nr);
	return 0;
}

/* Reads the task that runs the program. */
__s32 read_pid, read_tgid, read_parent_tgid;
__u64 read_in_execve;
char read_comm[16];

SEC("raw_tp")
int read_fields(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *parent = NULL;
	bpf_core_read(&read_pid, sizeof(read_pid), &task->pid);
	bpf_core_read(&read_tgid, sizeof(read_tgid), &task->tgid);
	bpf_core_read(&parent, sizeof(parent), &task->real_parent);
	bpf_core_read(&read_parent_tgid, sizeof(read_parent_tgid), &parent->tgid);
	bpf_probe_read_kernel_str(read_comm, sizeof(read_comm), bpf_core_addr(task->comm));
	return 0;
}

/* A bit-field: read what surrounds it, shift it to the top, then down. Little-endian only. */
SEC("raw_tp")
int read_bitfield(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 word = 0;
	bpf_probe_read_kernel(&word, bpf_core_field_size(task->in_execve),
			      (void *)task + bpf_core_field_offset(task->in_execve));
	word <<= bpf_core_field_lshift_u64(task->in_execve);
	read_in_execve = word >> bpf_core_field_rshift_u64(task->in_execve);
	return 0;
}

/* Loads whose offset, and here also whose width, is patched: the task is a pointer the verifier knows. */
__s32 direct_pid;
__u64 direct_flags;

SEC("?tp_btf/task_newtask")
int read_direct(unsigned long long *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct task_struct___wide *wide = (void *)ctx[0];
	direct_pid = task->pid;
	direct_flags = wide->flags;
	return 0;
}

/* A member the kernel does not have. Guarded, the access is dead code and the program loads. */
__s32 guarded;

SEC("raw_tp")
int guarded_access(void *ctx)
{
	struct task_struct___missing *task = (void *)bpf_get_current_task();
	guarded = -1;
	if (bpf_core_field_exists(task->does_not_exist))
		bpf_core_read(&guarded, sizeof(guarded), &task->does_not_exist);
	return 0;
}

/* Unguarded, the verifier refuses the program. */
SEC("?raw_tp")
int unguarded_access(void *ctx)
{
	struct task_struct___missing *task = (void *)bpf_get_current_task();
	bpf_core_read(&guarded, sizeof(guarded), &task->does_not_exist);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
