// What libbpf makes of object files, to compare the library with: the rules of veristat, one line of JSON per fact.
//
//   twin OBJECT...          opens each object and loads each of its programs alone
//   twin --open OBJECT...   only opens them
//
// For each object, in this order:
//   {"object":PATH,"error":ERRNO,"message":TEXT}       when it cannot be opened: no other lines; else error is 0
//   {"map":NAME,"type":N,"key":N,"value":N,"entries":N,"flags":N,"extra":N}
//   {"program":NAME,"section":TEXT,"type":N,"attach":N,"instructions":N,"autoload":BOOL}
//   {"load":NAME,"error":ERRNO,"processed":N,"tag":HEX,"message":TEXT}
//                                                       processed is -1 when the verifier did not count
//
// Source of the rules: tools/testing/selftests/bpf/veristat.c process_obj, process_prog, fixup_obj,
// mask_unrelated_struct_ops_progs, guess_prog_type_by_ctx_name, parse_verif_log.

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

// BPF_LOG_STATS.
#define STATISTICS 4
// Buffer for the verifier's log; veristat's own.
#define LOG_SIZE (16 << 20)
// What is kept of libbpf's messages about one step.
#define MESSAGE_SIZE 8192

static char *verifier_log;
static char message[MESSAGE_SIZE];
static size_t message_length;

static int keep_message(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN || message_length + 1 >= MESSAGE_SIZE)
		return 0;
	int length = vsnprintf(message + message_length, MESSAGE_SIZE - message_length, format, args);
	if (length > 0)
		message_length += length;
	if (message_length >= MESSAGE_SIZE)
		message_length = MESSAGE_SIZE - 1;
	return 0;
}

static void forget_messages(void)
{
	message_length = 0;
	message[0] = '\0';
}

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = *text;
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static struct bpf_object *open_object(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);

	forget_messages();
	return bpf_object__open_file(path, &opts);
}

// The most common type of program for each type of context, by its names for programs and in the kernel.
static const struct {
	const char *name, *kernel_name;
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
} contexts[] = {
	{"__sk_buff", "sk_buff", BPF_PROG_TYPE_SCHED_CLS},
	{"bpf_sock", "sock", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET4_POST_BIND},
	{"bpf_sock_addr", "bpf_sock_addr_kern", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND},
	{"bpf_sock_ops", "bpf_sock_ops_kern", BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS},
	{"sk_msg_md", "sk_msg", BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT},
	{"bpf_cgroup_dev_ctx", "bpf_cgroup_dev_ctx", BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE},
	{"bpf_sysctl", "bpf_sysctl_kern", BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL},
	{"bpf_sockopt", "bpf_sockopt_kern", BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT},
	{"sk_reuseport_md", "sk_reuseport_kern", BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT_OR_MIGRATE},
	{"bpf_sk_lookup", "bpf_sk_lookup_kern", BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP},
	{"xdp_md", "xdp_buff", BPF_PROG_TYPE_XDP, BPF_XDP},
	{"bpf_user_pt_regs_t", "pt_regs", BPF_PROG_TYPE_KPROBE},
	{"bpf_perf_event_data", "bpf_perf_event_data_kern", BPF_PROG_TYPE_PERF_EVENT},
	{"bpf_raw_tracepoint_args", NULL, BPF_PROG_TYPE_RAW_TRACEPOINT},
};

static bool is_modifier(const struct btf_type *type)
{
	return btf_is_mod(type) || btf_is_type_tag(type);
}

static const struct btf_type *without_modifiers(const struct btf *btf, unsigned int id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && is_modifier(type))
		type = btf__type_by_id(btf, type->type);
	return type;
}

// An extension needs a program to extend; it is loaded as what it would probably extend.
static void stand_in(struct bpf_object *object, struct bpf_program *program)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf ? btf__find_by_name_kind(btf, bpf_program__name(program), BTF_KIND_FUNC) : -1;
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);

	type = type ? btf__type_by_id(btf, type->type) : NULL;
	if (!type || !btf_is_func_proto(type) || btf_vlen(type) != 1)
		return;
	type = without_modifiers(btf, btf_params(type)[0].type);
	if (!type || !btf_is_ptr(type))
		return;
	type = without_modifiers(btf, type->type);
	const char *name = type ? btf__name_by_offset(btf, type->name_off) : NULL;
	for (size_t i = 0; name && i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		const char *kernel_name = contexts[i].kernel_name;
		if (strcmp(contexts[i].name, name) && (!kernel_name || strcmp(kernel_name, name)))
			continue;
		bpf_program__set_type(program, contexts[i].type);
		bpf_program__set_expected_attach_type(program, contexts[i].attach);
		return;
	}
}

// libbpf loads every program that a struct_ops map refers to, so the map refers to the one program only.
static void mask_other_programs(struct bpf_object *object, struct bpf_map *map, struct bpf_program *program)
{
	const struct btf *btf = bpf_object__btf(object);
	const struct btf_type *type = btf__type_by_id(btf, bpf_map__btf_value_type_id(map));
	size_t size = 0;
	char *data = bpf_map__initial_value(map, &size);

	if (!type || !btf_is_struct(type) || !data)
		return;
	for (int i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *member = &btf_members(type)[i];
		size_t offset = member->offset / 8;
		if (!btf_is_ptr(btf__type_by_id(btf, member->type)) || offset + sizeof(void *) > size)
			continue;
		if (memcmp(data + offset, &program, sizeof(void *)))
			memset(data + offset, 0, sizeof(void *));
	}
}

static void fix_up(struct bpf_object *object, struct bpf_program *program)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		bpf_map__set_pin_path(map, NULL);
		switch (bpf_map__type(map)) {
		case BPF_MAP_TYPE_SK_STORAGE:
		case BPF_MAP_TYPE_TASK_STORAGE:
		case BPF_MAP_TYPE_INODE_STORAGE:
		case BPF_MAP_TYPE_CGROUP_STORAGE:
		case BPF_MAP_TYPE_CGRP_STORAGE:
			break;
		case BPF_MAP_TYPE_STRUCT_OPS:
			mask_other_programs(object, map, program);
			break;
		default:
			if (bpf_map__max_entries(map) == 0)
				bpf_map__set_max_entries(map, 1);
		}
	}
	if (bpf_program__type(program) == BPF_PROG_TYPE_EXT)
		stand_in(object, program);
}

static int processed_instructions(void)
{
	const char *line = NULL, *next = verifier_log;
	int count = -1;

	while ((next = strstr(next, "processed ")) != NULL) {
		line = next++;
	}
	if (line)
		sscanf(line, "processed %d insns", &count);
	return count;
}

static void print_tag(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return;
	for (size_t i = 0; i < sizeof(info.tag); i++)
		printf("%02x", info.tag[i]);
}

// What matters of a long text is at its end: of a log the refusal, of messages what it came to.
static const char *tail(const char *text, size_t length)
{
	size_t all = strlen(text);
	return all > length ? text + all - length : text;
}

static void load_alone(const char *path, const char *name)
{
	struct bpf_object *object = open_object(path);
	struct bpf_program *each, *program = NULL;

	if (!object)
		return;
	bpf_object__for_each_program(each, object) {
		bool wanted = strcmp(bpf_program__name(each), name) == 0;
		bpf_program__set_autoload(each, wanted);
		if (wanted)
			program = each;
	}
	verifier_log[0] = '\0';
	bpf_program__set_log_buf(program, verifier_log, LOG_SIZE);
	bpf_program__set_log_level(program, STATISTICS);
	fix_up(object, program);
	forget_messages();
	int error = -bpf_object__load(object);
	printf("{\"load\":");
	print_string(name);
	printf(",\"error\":%d,\"processed\":%d,\"tag\":\"", error, processed_instructions());
	if (!error)
		print_tag(program);
	printf("\",\"message\":");
	print_string(!error ? "" : verifier_log[0] ? tail(verifier_log, 600) : tail(message, 600));
	printf("}\n");
	bpf_object__close(object);
}

static void print_maps(const struct bpf_object *object)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		printf("{\"map\":");
		print_string(bpf_map__name(map));
		printf(",\"type\":%u,\"key\":%u,\"value\":%u,\"entries\":%u,\"flags\":%u,\"extra\":%llu}\n",
		       bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map), bpf_map__max_entries(map),
		       bpf_map__map_flags(map), (unsigned long long)bpf_map__map_extra(map));
	}
}

static void print_programs(const struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) {
		printf("{\"program\":");
		print_string(bpf_program__name(program));
		printf(",\"section\":");
		print_string(bpf_program__section_name(program));
		printf(",\"type\":%u,\"attach\":%u,\"instructions\":%zu,\"autoload\":%s}\n",
		       bpf_program__type(program), bpf_program__expected_attach_type(program),
		       bpf_program__insn_cnt(program), bpf_program__autoload(program) ? "true" : "false");
	}
}

static void process_object(const char *path, bool load)
{
	struct bpf_object *object = open_object(path);
	struct bpf_program *program;
	int error = object ? 0 : errno;

	printf("{\"object\":");
	print_string(path);
	printf(",\"error\":%d,\"message\":", error);
	print_string(object ? "" : tail(message, 600));
	printf("}\n");
	if (!object)
		return;
	print_maps(object);
	print_programs(object);
	if (load) {
		bpf_object__for_each_program(program, object)
			load_alone(path, bpf_program__name(program));
	}
	bpf_object__close(object);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	bool load = argc < 2 || strcmp(argv[1], "--open") != 0;

	verifier_log = malloc(LOG_SIZE);
	if (argc < 2 || !verifier_log) {
		fprintf(stderr, "Usage: twin [--open] OBJECT...\n");
		return 2;
	}
	libbpf_set_print(keep_message);
	for (int i = load ? 1 : 2; i < argc; i++)
		process_object(argv[i], load);
	return 0;
}
