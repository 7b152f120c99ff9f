// SPDX-License-Identifier: MIT
#include "object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contestant.h"

struct bpf_object *load_object(const char *path, const char *program)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *each;

	if (!object)
		fail("cannot open %s: errno %d", path, errno);
	if (program) {
		bpf_object__for_each_program(each, object)
			bpf_program__set_autoload(each, !strcmp(bpf_program__name(each), program));
	}
	if (bpf_object__load(object))
		fail("cannot load %s: errno %d", path, errno);
	return object;
}

void *section_memory(struct bpf_object *object, const char *section)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, section);
	void *memory;

	if (!map)
		fail("section %s not found", section);
	memory = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (memory == MAP_FAILED)
		fail("cannot map section %s: errno %d", section, errno);
	return memory;
}

struct producer *open_producer(const char *program, const char *map)
{
	return open_producer_of("bench/bpf/ring.bpf.o", program, map);
}

struct producer *open_producer_of(const char *path, const char *program, const char *map)
{
	struct bpf_object *object = load_object(path, program);
	struct bpf_map *ring = bpf_object__find_map_by_name(object, map);
	struct producer *producer = allocate(sizeof(*producer));
	volatile uint64_t *bss = section_memory(object, ".bss");

	producer->ring_fd = bpf_map__fd(ring);
	producer->ring_size = bpf_map__max_entries(ring);
	producer->program_fd = bpf_program__fd(bpf_object__find_program_by_name(object, program));
	producer->next = &bss[0];
	producer->dropped = &bss[1];
	return producer;
}

int produce(struct producer *producer, unsigned int count)
{
	char packet[14] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet), .repeat = count);

	return bpf_prog_test_run_opts(producer->program_fd, &options);
}

void fill_ring(struct producer *producer, unsigned int count)
{
	*producer->next = *producer->dropped = 0;
	if (produce(producer, count))
		fail("cannot run the program: errno %d", errno);
	if (*producer->next != count || *producer->dropped)
		fail("%lu of %u records did not fit", (unsigned long)*producer->dropped, count);
}
