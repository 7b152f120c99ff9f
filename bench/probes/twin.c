// The twin of `ebpf-ts bench probes`: one round of the same work in C over libbpf, to compare the library with.
//
//   twin OBJECT HELPER NAME:REPEAT...
//
// OBJECT is twin.bpf.o, HELPER the program of src/bench/helper-file.ts. It prints a line `tag TAG`, the kernel's hash of
// the body, and for each NAME a line `NAME NANOSECONDS_PER_CALL EXPECTED_HITS COUNTED_HITS`, in the order in which they
// are given. A failure ends it with exit code 1.

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define CALLS_PER_RUN 100
// WARM_UP_CALLS of src/bench/helper-code.ts.
#define HELPER_WARM_UP 100
#define TARGET "bpf_get_numa_node_id"

enum driver { LOOP, HELPER, KFUNC, USER };
static const char *const driver_programs[] = {"drive_loop", "drive_helper", "drive_kfunc"};

enum how { NOTHING, AUTO, KPROBE, KPROBE_OFFSET, KRETPROBE, UPROBE, URETPROBE };

struct variant {
	const char *name;
	enum driver driver;
	enum how how;
	const char *program;
	const char *symbol; // function of the helper
	int index;          // its index
	size_t offset;      // of the probe in the function
};

// Those of user space have the functions and offsets of src/bench/helper-code.ts on x86-64.
static const struct variant variants[] = {
	{"empty loop", LOOP, NOTHING},
	{"none (helper)", HELPER, NOTHING},
	{"none (kfunc)", KFUNC, NOTHING},
	{"fentry", HELPER, AUTO, "run_fentry"},
	{"fexit", HELPER, AUTO, "run_fexit"},
	{"fmod_ret", KFUNC, AUTO, "run_fmod_ret"},
	{"kprobe", HELPER, KPROBE, "run_kprobe"},
	{"kprobe+offset", HELPER, KPROBE_OFFSET, "run_kprobe"},
	{"kretprobe", HELPER, KRETPROBE, "run_kprobe"},
	{"kprobe_multi", HELPER, AUTO, "run_kprobe_multi"},
	{"kretprobe_multi", HELPER, AUTO, "run_kretprobe_multi"},
	{"raw_tp", KFUNC, AUTO, "run_raw_tp"},
	{"tp_btf", KFUNC, AUTO, "run_tp_btf"},
	{"tracepoint", KFUNC, AUTO, "run_tracepoint"},
	{"none (nop)", USER, NOTHING, NULL, "nop", 0},
	{"none (push)", USER, NOTHING, NULL, "push", 1},
	{"none (ret)", USER, NOTHING, NULL, "ret", 2},
	{"none (nop5)", USER, NOTHING, NULL, "nop5", 3},
	{"none (usdt_nop)", USER, NOTHING, NULL, "usdt_nop", 4},
	{"none (usdt_nop5)", USER, NOTHING, NULL, "usdt_nop5", 5},
	{"uprobe-nop", USER, UPROBE, "run_kprobe", "nop", 0},
	{"uprobe-push", USER, UPROBE, "run_kprobe", "push", 1},
	{"uprobe-ret", USER, UPROBE, "run_kprobe", "ret", 2},
	{"uprobe-nop5", USER, UPROBE, "run_kprobe", "nop5", 3},
	{"uretprobe-nop", USER, URETPROBE, "run_kprobe", "nop", 0},
	{"uretprobe-push", USER, URETPROBE, "run_kprobe", "push", 1},
	{"uretprobe-ret", USER, URETPROBE, "run_kprobe", "ret", 2},
	{"uretprobe-nop5", USER, URETPROBE, "run_kprobe", "nop5", 3},
	{"usdt-nop", USER, UPROBE, "run_kprobe", "usdt_nop", 4, 1},
	{"usdt-nop5", USER, UPROBE, "run_kprobe", "usdt_nop5", 5, 1},
};

struct job {
	const struct variant *variant;
	unsigned int repeat;
};

struct counters {
	__u64 hits;
	__u64 pad[15];
	__u64 runs;
	__u64 more[15];
};

static struct bpf_object *object;
static int counters_fd;
static const char *helper_path;

static void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "twin: ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	exit(1);
}

static struct bpf_program *find(const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	if (!program)
		die("program %s not found", name);
	return program;
}

static struct counters read_counters(void)
{
	struct counters counters;
	__u32 key = 0;

	if (bpf_map_lookup_elem(counters_fd, &key, &counters))
		die("cannot read the counters: %s", strerror(errno));
	return counters;
}

static void reset_counters(void)
{
	struct counters counters = {};
	__u32 key = 0;

	if (bpf_map_update_elem(counters_fd, &key, &counters, BPF_ANY))
		die("cannot reset the counters: %s", strerror(errno));
}

// Mean nanoseconds per call of the target.
static double drive(enum driver driver, unsigned int repeat)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet), .repeat = repeat);
	int fd = bpf_program__fd(find(driver_programs[driver]));
	int error;

	reset_counters();
	do
		error = bpf_prog_test_run_opts(fd, &options);
	while (error == -EINTR || error == -EAGAIN);
	if (error)
		die("cannot run %s: %s", driver_programs[driver], strerror(-error));
	return (double)options.duration / CALLS_PER_RUN;
}

// Nanoseconds of CPU time per call, as the helper itself measured them.
static double run_helper(int index, unsigned int count)
{
	char command[4096];
	double nanoseconds;
	FILE *output;

	reset_counters();
	snprintf(command, sizeof(command), "exec '%s' %d %u", helper_path, index, count);
	output = popen(command, "r");
	if (!output || fscanf(output, "%lf", &nanoseconds) != 1 || pclose(output))
		die("cannot run %s", helper_path);
	return nanoseconds / count;
}

static bool is_optimized(void)
{
	FILE *list = fopen("/sys/kernel/debug/kprobes/list", "r");
	bool optimized = false;
	char line[512];

	if (!list)
		return false;
	while (fgets(line, sizeof(line), list))
		if (strstr(line, TARGET "+") && strstr(line, "[OPTIMIZED]"))
			optimized = true;
	fclose(list);
	return optimized;
}

static struct bpf_link *attach_kprobe(struct bpf_program *program, size_t offset)
{
	LIBBPF_OPTS(bpf_kprobe_opts, options, .offset = offset);

	return bpf_program__attach_kprobe_opts(program, TARGET, &options);
}

static struct bpf_link *attach(const struct variant *variant)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .func_name = variant->symbol, .retprobe = variant->how == URETPROBE);
	struct bpf_program *program = find(variant->program);
	struct bpf_link *link = NULL;

	switch (variant->how) {
	case NOTHING:
		return NULL;
	case AUTO:
		link = bpf_program__attach(program);
		break;
	case KPROBE:
		link = bpf_program__attach_kprobe(program, false, TARGET);
		break;
	case KRETPROBE:
		link = bpf_program__attach_kprobe(program, true, TARGET);
		break;
	case KPROBE_OFFSET:
		// Behind endbr64 and the call of ftrace, or only the latter: see variants.ts.
		link = attach_kprobe(program, 9);
		if (!link)
			link = attach_kprobe(program, 5);
		// The kernel optimizes it a little later, if it can.
		for (int i = 0; i < 60 && !is_optimized(); i++)
			usleep(50 * 1000);
		break;
	case UPROBE:
	case URETPROBE:
		link = bpf_program__attach_uprobe_opts(program, -1, helper_path, variant->offset, &options);
		break;
	}
	if (!link)
		die("cannot attach %s: %s", variant->name, strerror(errno));
	return link;
}

static void measure(const struct job *job)
{
	const struct variant *variant = job->variant;
	struct bpf_link *link = variant->how == NOTHING ? NULL : attach(variant);
	unsigned long long expected = 0;
	struct counters counters;
	double nanoseconds;

	if (variant->driver == USER) {
		nanoseconds = run_helper(variant->index, job->repeat);
		counters = read_counters();
		expected = job->repeat + HELPER_WARM_UP;
	} else {
		drive(variant->driver, (job->repeat + 9) / 10);
		nanoseconds = drive(variant->driver, job->repeat);
		counters = read_counters();
		expected = counters.runs * CALLS_PER_RUN;
	}
	bpf_link__destroy(link);
	if (variant->how == KPROBE_OFFSET)
		usleep(200 * 1000);
	printf("%s\t%.4f\t%llu\t%llu\n", variant->name, nanoseconds, link ? expected : 0,
	       (unsigned long long)counters.hits);
}

static struct job parse_job(char *text)
{
	char *colon = strrchr(text, ':');
	struct job job = {};

	if (!colon)
		die("%s is not NAME:REPEAT", text);
	*colon = '\0';
	job.repeat = strtoul(colon + 1, NULL, 10);
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (!strcmp(variants[i].name, text))
			job.variant = &variants[i];
	if (!job.variant)
		die("unknown variant %s", text);
	return job;
}

static void print_tag(const char *name)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(find(name)), &info, &size))
		die("cannot ask for the tag of %s: %s", name, strerror(errno));
	printf("tag\t");
	for (size_t i = 0; i < sizeof(info.tag); i++)
		printf("%02x", info.tag[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct job jobs[64];
	int count = argc - 3;

	if (count < 1 || count > 64)
		die("usage: twin OBJECT HELPER NAME:REPEAT...");
	helper_path = argv[2];
	object = bpf_object__open_file(argv[1], NULL);
	if (!object)
		die("cannot open %s: %s", argv[1], strerror(errno));
	for (int i = 0; i < count; i++) {
		jobs[i] = parse_job(argv[3 + i]);
		if (jobs[i].variant->driver != USER)
			bpf_program__set_autoload(find(driver_programs[jobs[i].variant->driver]), true);
		if (jobs[i].variant->program)
			bpf_program__set_autoload(find(jobs[i].variant->program), true);
	}
	if (bpf_object__load(object))
		die("cannot load %s: %s", argv[1], strerror(errno));
	counters_fd = bpf_object__find_map_fd_by_name(object, ".bss");
	if (counters_fd < 0)
		die("there are no counters");
	for (int i = 0; i < count; i++)
		if (jobs[i].variant->program) {
			print_tag(jobs[i].variant->program);
			break;
		}
	for (int i = 0; i < count; i++)
		measure(&jobs[i]);
	bpf_object__close(object);
	return 0;
}
