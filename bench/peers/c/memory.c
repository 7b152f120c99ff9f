// SPDX-License-Identifier: MIT
/* Rows of global variables and memory-mapped arrays. */
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "object.h"
#include "rows.h"
#include "sys.h"

#define ACCESSES 100000
#define ELEMENTS 1000

/* The section of variables.bpf.o. */
struct variables {
	volatile uint32_t counter;
	volatile uint64_t total;
};

static void *open_variables(const struct row *row)
{
	(void)row;
	return section_memory(load_object("bench/bpf/variables.bpf.o", NULL), ".bss");
}

static double get_32(void *state)
{
	struct variables *variables = state;
	uint64_t sum = 0;

	variables->counter = 7;
	double start = now();
	for (int i = 0; i < ACCESSES; i++)
		sum += variables->counter;
	double time = now() - start;
	if (sum != 7 * ACCESSES)
		fail("the sum is another");
	return time;
}

static double set_32(void *state)
{
	struct variables *variables = state;
	double start = now();

	for (uint32_t i = 1; i <= ACCESSES; i++)
		variables->counter = i;
	return now() - start;
}

static double get_64(void *state)
{
	struct variables *variables = state;
	uint64_t sum = 0;

	variables->total = 7;
	double start = now();
	for (int i = 0; i < ACCESSES; i++)
		sum += variables->total;
	double time = now() - start;
	if (sum != 7 * ACCESSES)
		fail("the sum is another");
	return time;
}

static double set_64(void *state)
{
	struct variables *variables = state;
	double start = now();

	for (uint64_t i = 1; i <= ACCESSES; i++)
		variables->total = i;
	return now() - start;
}

static void *open_array(const struct row *row)
{
	int fd = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, ELEMENTS, BPF_F_MMAPABLE);
	unsigned long page = getpagesize();
	unsigned long size = (ELEMENTS * 8 + page - 1) / page * page;
	volatile uint64_t *values;

	(void)row;
	if (fd < 0)
		fail("cannot create the map: errno %d", errno);
	values = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (values == MAP_FAILED)
		fail("cannot map the array: errno %d", errno);
	for (int i = 0; i < ELEMENTS; i++)
		values[i] = i;
	return (void *)values;
}

static double get_element(void *state)
{
	volatile uint64_t *values = state;
	uint64_t sum = 0;
	double start = now();

	for (int i = 0; i < ACCESSES; i++)
		sum += values[i % ELEMENTS];
	double time = now() - start;
	if (sum != (uint64_t)ACCESSES * (ELEMENTS - 1) / 2)
		fail("the sum is another");
	return time;
}

#define MEMORY(row, open, work) { .name = row, .setup = open, .round = work, .operations = ACCESSES }

const struct row memory_rows[] = {
	MEMORY("variable-get", open_variables, get_32),
	MEMORY("variable-set", open_variables, set_32),
	MEMORY("variable-get-64", open_variables, get_64),
	MEMORY("variable-set-64", open_variables, set_64),
	MEMORY("array-mmap-get", open_array, get_element),
	{},
};
