// SPDX-License-Identifier: MIT
/*
 * What the kernel defines for programs, but for functions: options of its configuration of every type, and symbols
 * with and without a type. Options that no kernel has are weak, and are for tests that give them a value.
 */
#include "bpf.h"
#include "kernel.h"

enum libbpf_tristate {
	TRI_NO = 0,
	TRI_YES = 1,
	TRI_MODULE = 2,
};

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig __weak;
extern bool LINUX_HAS_BPF_COOKIE __kconfig __weak;
extern bool LINUX_NO_SUCH_FACT __kconfig __weak;

/* Options that every kernel with BPF has. */
extern bool CONFIG_BPF_SYSCALL __kconfig;
extern enum libbpf_tristate CONFIG_NET __kconfig;
extern char CONFIG_BPF __kconfig;
extern unsigned int CONFIG_HZ __kconfig;

/* Options that none has. */
extern bool CONFIG_TEST_BOOL __kconfig __weak;
extern enum libbpf_tristate CONFIG_TEST_TRISTATE __kconfig __weak;
extern char CONFIG_TEST_CHAR __kconfig __weak;
extern __u8 CONFIG_TEST_U8 __kconfig __weak;
extern __s16 CONFIG_TEST_S16 __kconfig __weak;
extern __u16 CONFIG_TEST_U16 __kconfig __weak;
extern __s32 CONFIG_TEST_S32 __kconfig __weak;
extern __s64 CONFIG_TEST_S64 __kconfig __weak;
extern __u64 CONFIG_TEST_U64 __kconfig __weak;
extern const char CONFIG_TEST_STRING[8] __kconfig __weak;

/* What read_config saw. */
struct {
	__u64 version;
	__u64 wrapper, cookie, no_such_fact;
	__u64 bpf_syscall, net, bpf, hz;
	__u64 test_bool, test_tristate, test_char, test_u8, test_u16, test_u64;
	__s64 test_s16, test_s32, test_s64;
	char test_string[8];
} config;

SEC("raw_tp")
int read_config(void *ctx)
{
	config.version = LINUX_KERNEL_VERSION;
	config.wrapper = LINUX_HAS_SYSCALL_WRAPPER;
	config.cookie = LINUX_HAS_BPF_COOKIE;
	config.no_such_fact = LINUX_NO_SUCH_FACT;
	config.bpf_syscall = CONFIG_BPF_SYSCALL;
	config.net = CONFIG_NET;
	config.bpf = CONFIG_BPF;
	config.hz = CONFIG_HZ;
	config.test_bool = CONFIG_TEST_BOOL;
	config.test_tristate = CONFIG_TEST_TRISTATE;
	config.test_char = CONFIG_TEST_CHAR;
	config.test_u8 = CONFIG_TEST_U8;
	config.test_u16 = CONFIG_TEST_U16;
	config.test_u64 = CONFIG_TEST_U64;
	config.test_s16 = CONFIG_TEST_S16;
	config.test_s32 = CONFIG_TEST_S32;
	config.test_s64 = CONFIG_TEST_S64;
	for (int i = 0; i < sizeof(config.test_string); i++)
		config.test_string[i] = CONFIG_TEST_STRING[i];
	return 0;
}

/* Branches that the configuration rules out are dead to the verifier, which would refuse the code in this one. */
SEC("raw_tp")
int skip_branch(void *ctx)
{
	if (CONFIG_TEST_BOOL)
		return *(int *)8;
	return 7;
}

struct rq {
	int cpu;
} __core;

/*
 * Variables of each CPU: they have types in BTF if it is made by pahole 1.18 or later, and addresses if the kernel
 * lists variables (CONFIG_KALLSYMS_ALL).
 */
extern const int bpf_prog_active __ksym __weak;
extern const struct rq runqueues __ksym __weak;
/* Bare addresses: of a function, and of a variable that not every kernel lists (CONFIG_KALLSYMS_ALL). */
extern const void vfs_read __ksym;
extern const void init_task __ksym __weak;
extern const void no_such_symbol __ksym __weak;
extern const int no_such_variable __ksym __weak;

static void *(*const bpf_per_cpu_ptr)(const void *variable, __u32 cpu) = (void *)153;
static void *(*const bpf_this_cpu_ptr)(const void *variable) = (void *)154;

/* Returns the number that the run queue of CPU 1 knows itself by, or -1 without such a CPU. */
SEC("?raw_tp")
int read_run_queue(void *ctx)
{
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, 1);

	return rq ? rq->cpu : -1;
}

/* Returns 1 if this CPU counts a program as running, else 0. */
SEC("?raw_tp")
int read_active(void *ctx)
{
	const int *active = bpf_this_cpu_ptr(&bpf_prog_active);

	return *active > 0;
}

__u64 vfs_read_address;
char init_task_comm[16];

/* Returns 0, or -1 where the kernel does not list init_task. */
SEC("raw_tp")
int read_addresses(void *ctx)
{
	const struct task_struct *task = (const void *)&init_task;

	vfs_read_address = (__u64)&vfs_read;
	return task ? bpf_core_read(init_task_comm, sizeof(init_task_comm), &task->comm) : -1;
}

/* Returns 3: both are missing. */
SEC("raw_tp")
int count_missing(void *ctx)
{
	return (&no_such_symbol == NULL) + 2 * (&no_such_variable == NULL);
}

char LICENSE[] SEC("license") = "GPL";
