// SPDX-License-Identifier: MIT
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "object.h"
#include "perf.h"

#define SIZE 32

struct user_ring {
	struct user_ring_buffer *producer;
	int program_fd;
	/* Of .bss. */
	volatile uint64_t *records;
	volatile uint64_t *sum;
};

void *open_user_ring(const struct row *row)
{
	struct user_ring *ring = allocate(sizeof(*ring));
	struct bpf_object *object = load_object("bench/bpf/user-ring.bpf.o", NULL);
	volatile uint64_t *bss = section_memory(object, ".bss");

	(void)row;
	ring->program_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "drain"));
	ring->producer = user_ring_buffer__new(bpf_object__find_map_fd_by_name(object, "commands"), NULL);
	ring->records = &bss[0];
	ring->sum = &bss[1];
	if (!ring->producer)
		fail("cannot open the ring: errno %d", errno);
	return ring;
}

double submit_user_ring(void *state)
{
	struct user_ring *ring = state;
	char packet[14] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet), .repeat = 1);

	*ring->records = *ring->sum = 0;
	double start = now();
	for (uint32_t number = 0; number < USER_RECORDS; number++) {
		uint32_t *record = user_ring_buffer__reserve(ring->producer, SIZE);

		if (!record)
			fail("record %u did not fit: errno %d", number, errno);
		*record = number;
		user_ring_buffer__submit(ring->producer, record);
	}
	double time = now() - start;
	if (bpf_prog_test_run_opts(ring->program_fd, &options))
		fail("cannot run the program: errno %d", errno);
	if (*ring->records != USER_RECORDS || *ring->sum != (uint64_t)USER_RECORDS * (USER_RECORDS - 1) / 2)
		fail("%lu of %d records were taken", (unsigned long)*ring->records, USER_RECORDS);
	return time;
}
