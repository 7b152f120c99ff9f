// SPDX-License-Identifier: MIT
/* The contestant "libbpf". */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contestant.h"
#include "latency.h"
#include "object.h"
#include "perf.h"

struct ring {
	struct producer *producer;
	struct ring_buffer *reader;
	unsigned int count;
	unsigned int size;
	/* What was read. */
	unsigned int records;
	uint64_t sum;
	uint64_t bytes;
	uint64_t made;
	char *copies;
};

static int add_up(void *context, void *data, size_t size)
{
	struct ring *ring = context;
	uint32_t word;

	memcpy(&word, data, 4);
	ring->sum += word;
	ring->bytes += size;
	ring->records++;
	return 0;
}

static int copy(void *context, void *data, size_t size)
{
	struct ring *ring = context;
	char *to = ring->copies + ring->bytes;

	memcpy(to, data, size);
	ring->sum += (unsigned char)to[0];
	ring->bytes += size;
	ring->records++;
	return 0;
}

static int take_time(void *context, void *data, size_t size)
{
	struct ring *ring = context;

	(void)size;
	memcpy(&ring->made, (char *)data + 8, 8);
	ring->records++;
	return 0;
}

/* Text: program. Parameters: records, bytes of one. */
static struct ring *open_ring(const struct row *row, ring_buffer_sample_fn callback)
{
	struct ring *ring = allocate(sizeof(*ring));

	ring->producer = open_producer(row->text, "ring");
	ring->count = row->parameter[0];
	ring->size = row->parameter[1];
	ring->copies = allocate((unsigned long)ring->count * ring->size);
	ring->reader = ring_buffer__new(ring->producer->ring_fd, callback, ring, NULL);
	if (!ring->reader)
		fail("cannot open the ring: errno %d", errno);
	return ring;
}

static void *open_sum(const struct row *row)
{
	return open_ring(row, add_up);
}

static void *open_copy(const struct row *row)
{
	return open_ring(row, copy);
}

static void *open_latency(const struct row *row)
{
	return open_ring(row, take_time);
}

static uint64_t sum_to(uint64_t count)
{
	return count * (count - 1) / 2;
}

static uint64_t sum_of_bytes_to(uint64_t count)
{
	return count / 256 * sum_to(256) + sum_to(count % 256);
}

static double read_filled(struct ring *ring, int wait, uint64_t sum)
{
	fill_ring(ring->producer, ring->count);
	ring->records = ring->sum = ring->bytes = 0;
	double start = now();
	if (wait)
		ring_buffer__poll(ring->reader, 1000);
	else
		ring_buffer__consume(ring->reader);
	double time = now() - start;
	if (ring->records != ring->count || ring->bytes != (uint64_t)ring->count * ring->size)
		fail("%u records of %u", ring->records, ring->count);
	if (ring->sum != sum)
		fail("records have another content");
	return time;
}

static double consume(void *state)
{
	struct ring *ring = state;

	return read_filled(ring, 0, sum_to(ring->count));
}

static double consume_copies(void *state)
{
	struct ring *ring = state;

	return read_filled(ring, 0, sum_of_bytes_to(ring->count));
}

static double poll_copies(void *state)
{
	struct ring *ring = state;

	return read_filled(ring, 1, sum_of_bytes_to(ring->count));
}

static int poll_record(void *state, uint64_t *made)
{
	struct ring *ring = state;

	ring->records = 0;
	if (ring_buffer__poll(ring->reader, 1000) < 0)
		fail("cannot poll: errno %d", errno);
	*made = ring->made;
	return ring->records;
}

static void latency(void *state, struct sample *sample)
{
	struct ring *ring = state;

	measure_latency(ring->producer, poll_record, ring, sample);
}

static void *nothing(const struct row *row)
{
	(void)row;
	return allocate(1);
}

static void find_type(void *state, struct sample *sample)
{
	struct mallinfo2 before = mallinfo2();
	double start = now();
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT) : -1;

	(void)state;
	sample->ns = now() - start;
	sample->ops = 1;
	struct mallinfo2 after = mallinfo2();
	sample->extra[0].name = "heap";
	sample->extra[0].value = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
	if (id <= 0)
		fail("struct task_struct was not found");
}

/* Parameter: number of programs. */
static void *open_load(const struct row *row)
{
	char *path = allocate(64);

	snprintf(path, 64, "bench/bpf/load-%d.bpf.o", row->parameter[0]);
	return path;
}

static double load_and_close(void *state)
{
	double start = now();

	bpf_object__close(load_object(state, NULL));
	return now() - start;
}

static void load_once(void *state, struct sample *sample)
{
	sample->ns = load_and_close(state);
	sample->ops = 1;
}

#define FUNCTIONS 1000
#define FUNCTION_LIST "/sys/kernel/tracing/available_filter_functions"

struct attachment {
	struct bpf_program *program;
	const char *symbols[FUNCTIONS];
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many of the sorted names are this one, up to two. */
static int count_name(char **sorted, unsigned long count, char *name)
{
	char **found = bsearch(&name, sorted, count, sizeof(*sorted), compare_names);

	if (found > sorted && !strcmp(found[-1], name))
		return 2;
	return found < sorted + count - 1 && !strcmp(found[1], name) ? 2 : 1;
}

/* The first functions of no module that have a name of their own. */
static void read_functions(const char **symbols)
{
	unsigned long capacity = 1 << 18, count = 0, chosen = 0;
	char **names = allocate(capacity * sizeof(*names));
	char **sorted = allocate(capacity * sizeof(*sorted));
	char *in_module = allocate(capacity);
	FILE *file = fopen(FUNCTION_LIST, "r");
	char line[1024];

	if (!file)
		skip("tracefs is not mounted, or has no functions");
	while (count < capacity && fgets(line, sizeof(line), file)) {
		in_module[count] = strchr(line, '[') != NULL;
		line[strcspn(line, " \t\n")] = 0;
		/* These were weak, and lost against others. */
		if (strncmp(line, "__ftrace_invalid_address__", 26))
			names[count++] = strdup(line);
	}
	fclose(file);
	memcpy(sorted, names, count * sizeof(*names));
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (unsigned long i = 0; i < count && chosen < FUNCTIONS; i++) {
		if (!in_module[i] && count_name(sorted, count, names[i]) == 1)
			symbols[chosen++] = names[i];
	}
	if (chosen < FUNCTIONS)
		skip("there are not enough functions");
}

static void *open_attachment(const struct row *row)
{
	struct attachment *attachment = allocate(sizeof(*attachment));

	(void)row;
	read_functions(attachment->symbols);
	attachment->program =
		bpf_object__find_program_by_name(load_object("bench/bpf/attach.bpf.o", NULL), "empty");
	return attachment;
}

static double attach(void *state)
{
	struct attachment *attachment = state;
	LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .syms = attachment->symbols, .cnt = FUNCTIONS);
	double start = now();
	struct bpf_link *link = bpf_program__attach_kprobe_multi_opts(attachment->program, NULL, &options);
	double time = now() - start;

	if (!link)
		fail("cannot attach: errno %d", errno);
	bpf_link__destroy(link);
	return time;
}

#define RING(row, open, work, program, count, size) \
	{ .name = row, .setup = open, .round = work, .operations = count, .text = program, .parameter = { count, size } }
#define PERF RING
#define LOAD(row, count) \
	{ .name = row, .setup = open_load, .sweep = load_once, .parameter = { count } }
#define LOAD_AGAIN(row, count) \
	{ .name = row, .setup = open_load, .round = load_and_close, .operations = 1, .parameter = { count } }

static struct row rows[] = {
	RING("ring-drain-8", open_sum, consume, "produce_8", 60000, 8),
	RING("ring-drain-32", open_sum, consume, "produce_32", 26000, 32),
	RING("ring-drain-256", open_sum, consume, "produce_256", 3900, 256),
	RING("ring-copy-32", open_copy, consume_copies, "produce_32", 26000, 32),
	RING("ring-for-await", open_copy, poll_copies, "produce_32", 1000, 32),
	RING("ring-for-await-copy", open_copy, consume_copies, "produce_32", 1000, 32),
	{ .name = "ring-latency", .setup = open_latency, .sweep = latency, .text = "produce_time", .parameter = { 1, 16 } },
	PERF("perf-drain-8", open_perf_sum, consume_perf, "produce_8", 60000, 8),
	PERF("perf-drain-32", open_perf_sum, consume_perf, "produce_32", 26000, 32),
	PERF("perf-drain-256", open_perf_sum, consume_perf, "produce_256", 3900, 256),
	PERF("perf-copy-32", open_perf_copy, consume_perf_copies, "produce_32", 26000, 32),
	PERF("perf-for-await", open_perf_copy, poll_perf_copies, "produce_32", 1000, 32),
	{ .name = "perf-latency", .setup = open_perf_latency, .sweep = perf_latency, .text = "produce_time", .parameter = { 1, 16 } },
	{ .name = "user-ring-submit", .setup = open_user_ring, .round = submit_user_ring, .operations = USER_RECORDS },
	{ .name = "btf-find", .setup = nothing, .sweep = find_type },
	LOAD("load-10", 10),
	LOAD("load-30", 30),
	LOAD_AGAIN("load-10-warm", 10),
	LOAD_AGAIN("load-30-warm", 30),
	{ .name = "attach-1000", .setup = open_attachment, .round = attach, .operations = 1 },
	{},
};

int main(int argc, char **argv)
{
	libbpf_set_print(NULL);
	return contestant(argc, argv, libbpf_version_string(), rows);
}
