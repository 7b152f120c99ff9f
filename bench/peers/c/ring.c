// SPDX-License-Identifier: MIT
/* Rows of ring buffers, drained by hand. */
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "latency.h"
#include "object.h"
#include "rows.h"

struct ring {
	struct producer *producer;
	unsigned long *consumer_position;
	const unsigned long *producer_position;
	const char *data;
	unsigned long mask;
	unsigned int count;
	unsigned int size; /* of a record */
	int epoll;
	char *copies;
};

struct read {
	unsigned int records;
	uint64_t sum;
	uint64_t bytes;
};

/* Text: program. Parameters: records, bytes of one. */
static void *open_ring(const struct row *row)
{
	struct ring *ring = allocate(sizeof(*ring));
	const char *map = strcmp(row->text, "produce_event") ? "ring" : "events";
	unsigned long page = getpagesize();
	struct epoll_event event = { .events = EPOLLIN };

	ring->producer = open_producer(row->text, map);
	ring->mask = ring->producer->ring_size - 1;
	ring->count = row->parameter[0];
	ring->size = row->parameter[1];
	ring->consumer_position = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring->producer->ring_fd, 0);
	ring->producer_position = mmap(NULL, page + 2 * (ring->mask + 1), PROT_READ, MAP_SHARED,
				       ring->producer->ring_fd, page);
	if (ring->consumer_position == MAP_FAILED || ring->producer_position == MAP_FAILED)
		fail("cannot map the ring: errno %d", errno);
	ring->data = (const char *)ring->producer_position + page;
	ring->epoll = epoll_create1(0);
	epoll_ctl(ring->epoll, EPOLL_CTL_ADD, ring->producer->ring_fd, &event);
	ring->copies = allocate((unsigned long)ring->count * ring->size);
	return ring;
}

/*
 * Calls `visit` for each record. A record is guessed to be as long as the one before: the address of the next one then
 * does not wait for this one's header to be loaded, and the branch that compares them is always predicted. The
 * consumer position is stored once.
 */
#define DRAIN(ring, visit)                                                                           \
	do {                                                                                         \
		unsigned long position = *(ring)->consumer_position;                                 \
		unsigned long end = __atomic_load_n((ring)->producer_position, __ATOMIC_ACQUIRE);    \
		const char *data = (ring)->data;                                                     \
		unsigned long mask = (ring)->mask;                                                   \
		uint32_t length = 0;                                                                 \
                                                                                                     \
		while (position < end) {                                                             \
			const char *header = data + (position & mask);                               \
			uint32_t word = __atomic_load_n((const uint32_t *)header, __ATOMIC_ACQUIRE); \
                                                                                                     \
			if (__builtin_expect(word != length, 0)) {                                   \
				if (word & BPF_RINGBUF_BUSY_BIT)                                     \
					break;                                                       \
				if (word & BPF_RINGBUF_DISCARD_BIT) {                                \
					word &= ~BPF_RINGBUF_DISCARD_BIT;                            \
					position += (word + 15) & ~7u;                               \
					continue;                                                    \
				}                                                                    \
				length = word;                                                       \
			}                                                                            \
			/* The compiler must not take the word for the guess: they are equal. */     \
			asm("" : "+r"(length));                                                      \
			const char *record = header + BPF_RINGBUF_HDR_SZ;                            \
			visit;                                                                       \
			position += (length + 15) & ~7u;                                             \
		}                                                                                    \
		__atomic_store_n((ring)->consumer_position, position, __ATOMIC_RELEASE);             \
	} while (0)

static uint32_t first_word(const char *record)
{
	uint32_t word;

	memcpy(&word, record, 4);
	return word;
}

static uint64_t sum_to(uint64_t count)
{
	return count * (count - 1) / 2;
}

static void check_read(struct ring *ring, struct read read, uint64_t sum)
{
	if (read.records != ring->count || read.bytes != (uint64_t)ring->count * ring->size)
		fail("%u records of %u", read.records, ring->count);
	if (read.sum != sum)
		fail("records have another content");
}

static double drain(void *state)
{
	struct ring *ring = state;
	struct read read = {};

	fill_ring(ring->producer, ring->count);
	double start = now();
	DRAIN(ring, (read.sum += first_word(record), read.bytes += length, read.records++));
	double time = now() - start;
	check_read(ring, read, sum_to(ring->count));
	return time;
}

struct event {
	uint64_t index;
	uint32_t pid;
	uint32_t cpu;
	int64_t delta;
	char comm[16];
};

/* What C has for decoding: a copy of the struct. */
static double decode(void *state)
{
	struct ring *ring = state;
	struct event *events = (void *)ring->copies;
	struct read read = {};

	fill_ring(ring->producer, ring->count);
	double start = now();
	DRAIN(ring, {
		events[read.records] = *(const struct event *)record;
		read.sum += events[read.records++].pid;
		read.bytes += length;
	});
	double time = now() - start;
	check_read(ring, read, sum_to(ring->count));
	return time;
}

static struct read copy_records(struct ring *ring)
{
	struct read read = {};

	DRAIN(ring, {
		char *copy = ring->copies + read.bytes;

		memcpy(copy, record, length);
		read.sum += (unsigned char)copy[0];
		read.bytes += length;
		read.records++;
	});
	return read;
}

static uint64_t sum_of_bytes_to(uint64_t count)
{
	return count / 256 * sum_to(256) + sum_to(count % 256);
}

static double copy(void *state)
{
	struct ring *ring = state;

	fill_ring(ring->producer, ring->count);
	double start = now();
	struct read read = copy_records(ring);
	double time = now() - start;
	check_read(ring, read, sum_of_bytes_to(ring->count));
	return time;
}

/* The waiting loop: epoll says that there is something. */
static double wait_and_copy(void *state)
{
	struct ring *ring = state;
	struct epoll_event event;

	fill_ring(ring->producer, ring->count);
	double start = now();
	if (epoll_wait(ring->epoll, &event, 1, 1000) != 1)
		fail("the ring is not readable");
	struct read read = copy_records(ring);
	double time = now() - start;
	check_read(ring, read, sum_of_bytes_to(ring->count));
	return time;
}

static int wait_for_record(void *state, uint64_t *made)
{
	struct ring *ring = state;
	struct epoll_event event;
	int records = 0;

	if (epoll_wait(ring->epoll, &event, 1, 1000) != 1)
		fail("no record came");
	DRAIN(ring, (memcpy(made, record + 8, 8), records++));
	return records;
}

static void latency(void *state, struct sample *sample)
{
	struct ring *ring = state;

	measure_latency(ring->producer, wait_for_record, ring, sample);
}

#define RING(row, work, program, count, size) \
	{ .name = row, .setup = open_ring, .round = work, .operations = count, .text = program, .parameter = { count, size } }

const struct row ring_rows[] = {
	RING("ring-drain-8", drain, "produce_8", 60000, 8),
	RING("ring-drain-32", drain, "produce_32", 26000, 32),
	RING("ring-drain-256", drain, "produce_256", 3900, 256),
	RING("ring-decode", decode, "produce_event", 18000, 40),
	RING("ring-copy-32", copy, "produce_32", 26000, 32),
	RING("ring-for-await", wait_and_copy, "produce_32", 1000, 32),
	RING("ring-for-await-copy", copy, "produce_32", 1000, 32),
	{ .name = "ring-latency", .setup = open_ring, .sweep = latency, .text = "produce_time", .parameter = { 1, 16 } },
	{},
};
