// SPDX-License-Identifier: MIT
#include "perf.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "latency.h"
#include "object.h"

/* Of each CPU, as bench/ours/perf.ts has it. */
#define PAGES 1024
/* What the kernel adds to records of a multiple of 8 bytes. */
#define PADDING 4

struct perf {
	struct producer *producer;
	struct perf_buffer *reader;
	unsigned int count;
	unsigned int size;
	/* What was read. */
	unsigned int records;
	uint64_t sum;
	uint64_t bytes;
	uint64_t made;
	char *copies;
};

static void add_up(void *context, int cpu, void *data, uint32_t size)
{
	struct perf *perf = context;
	uint32_t word;

	(void)cpu;
	memcpy(&word, data, 4);
	perf->sum += word;
	perf->bytes += size;
	perf->records++;
}

static void copy(void *context, int cpu, void *data, uint32_t size)
{
	struct perf *perf = context;
	char *to = perf->copies + perf->bytes;

	(void)cpu;
	memcpy(to, data, size);
	perf->sum += (unsigned char)to[0];
	perf->bytes += size;
	perf->records++;
}

static void take_time(void *context, int cpu, void *data, uint32_t size)
{
	struct perf *perf = context;

	(void)cpu;
	(void)size;
	memcpy(&perf->made, (char *)data + 8, 8);
	perf->records++;
}

/* Text: program. Parameters: records, bytes of one. */
static struct perf *open_perf(const struct row *row, perf_buffer_sample_fn callback)
{
	struct perf *perf = allocate(sizeof(*perf));

	perf->producer = open_producer_of("bench/bpf/perf.bpf.o", row->text, "perf");
	perf->count = row->parameter[0];
	perf->size = row->parameter[1] + PADDING;
	perf->copies = allocate((unsigned long)perf->count * perf->size);
	perf->reader = perf_buffer__new(perf->producer->ring_fd, PAGES, callback, NULL, perf, NULL);
	if (!perf->reader)
		fail("cannot open the perf buffer: errno %d", errno);
	return perf;
}

void *open_perf_sum(const struct row *row)
{
	return open_perf(row, add_up);
}

void *open_perf_copy(const struct row *row)
{
	return open_perf(row, copy);
}

void *open_perf_latency(const struct row *row)
{
	return open_perf(row, take_time);
}

static uint64_t sum_to(uint64_t count)
{
	return count * (count - 1) / 2;
}

static uint64_t sum_of_bytes_to(uint64_t count)
{
	return count / 256 * sum_to(256) + sum_to(count % 256);
}

static double read_filled(struct perf *perf, int wait, uint64_t sum)
{
	fill_ring(perf->producer, perf->count);
	perf->records = perf->sum = perf->bytes = 0;
	double start = now();
	if (wait) {
		while (perf->records < perf->count && perf_buffer__poll(perf->reader, 1000) > 0)
			;
	} else {
		perf_buffer__consume(perf->reader);
	}
	double time = now() - start;
	if (perf->records != perf->count || perf->bytes != (uint64_t)perf->count * perf->size)
		fail("%u records of %u", perf->records, perf->count);
	if (perf->sum != sum)
		fail("records have another content");
	return time;
}

double consume_perf(void *state)
{
	struct perf *perf = state;

	return read_filled(perf, 0, sum_to(perf->count));
}

double consume_perf_copies(void *state)
{
	struct perf *perf = state;

	return read_filled(perf, 0, sum_of_bytes_to(perf->count));
}

double poll_perf_copies(void *state)
{
	struct perf *perf = state;

	return read_filled(perf, 1, sum_of_bytes_to(perf->count));
}

static int poll_record(void *state, uint64_t *made)
{
	struct perf *perf = state;

	perf->records = 0;
	if (perf_buffer__poll(perf->reader, 1000) < 0)
		fail("cannot poll: errno %d", errno);
	*made = perf->made;
	return perf->records;
}

void perf_latency(void *state, struct sample *sample)
{
	struct perf *perf = state;

	measure_latency(perf->producer, poll_record, perf, sample);
}
