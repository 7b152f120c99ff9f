// SPDX-License-Identifier: MIT
/* Rows of single elements and of walks, with system calls. */
#include "rows.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "sys.h"

#define COUNT 1000
#define KEY_MAX 16

struct elements {
	int fd;
	unsigned int key_size;
	unsigned int value_size; /* of all CPUs */
	unsigned int count;
	unsigned int shift;
	char *value;
	char (*keys)[KEY_MAX];
	char (*others)[KEY_MAX];
	char *values; /* of all keys, one after the other */
};

/* Parameters: type, key size, value size. Room for twice as many, except in arrays. */
static void *open_elements(const struct row *row)
{
	unsigned int type = row->parameter[0], key = row->parameter[1], value = row->parameter[2];
	struct elements *map = allocate(sizeof(*map));
	unsigned int cpus = type == BPF_MAP_TYPE_PERCPU_HASH ? libbpf_num_possible_cpus() : 1;

	map->count = COUNT;
	map->key_size = key;
	map->value_size = value * cpus;
	map->fd = map_create(type, key, value, strstr(row->name, "delete") ? 2 * COUNT : COUNT, 0);
	if (map->fd < 0)
		fail("cannot create the map: errno %d", errno);
	map->value = allocate(map->value_size);
	map->keys = allocate(COUNT * KEY_MAX);
	map->others = allocate(COUNT * KEY_MAX);
	map->values = allocate((unsigned long)COUNT * map->value_size);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint64_t *words = (void *)(map->values + (unsigned long)i * map->value_size);
		uint32_t other = i + COUNT;

		memcpy(map->keys[i], &i, 4);
		memcpy(map->others[i], &other, 4);
		for (unsigned int word = 0; word < map->value_size / 8; word++)
			words[word] = i + 1;
		if (map_elem(BPF_MAP_UPDATE_ELEM, map->fd, map->keys[i], words))
			fail("cannot fill the map: errno %d", errno);
	}
	return map;
}

static char *value_of(struct elements *map, unsigned int i)
{
	return map->values + (unsigned long)((i + map->shift) % COUNT) * map->value_size;
}

static void check_elements(struct elements *map)
{
	for (int i = 0; i < COUNT; i++) {
		if (map_elem(BPF_MAP_LOOKUP_ELEM, map->fd, map->keys[i], map->value) ||
		    memcmp(map->value, value_of(map, i), map->value_size))
			fail("the value of key %d is another", i);
	}
}

static double get(void *state)
{
	struct elements *map = state;
	int missing = 0;
	double start = now();

	for (int i = 0; i < COUNT; i++)
		missing += map_elem(BPF_MAP_LOOKUP_ELEM, map->fd, map->keys[i], map->value) != 0;
	double time = now() - start;
	if (missing)
		fail("%d keys are missing", missing);
	check_elements(map);
	return time;
}

static double set(void *state)
{
	struct elements *map = state;
	int refused = 0;

	/* Every key gets the value of another one. */
	map->shift = (map->shift + 1) % COUNT;
	double start = now();
	for (int i = 0; i < COUNT; i++)
		refused += map_elem(BPF_MAP_UPDATE_ELEM, map->fd, map->keys[i], value_of(map, i)) != 0;
	double time = now() - start;
	if (refused)
		fail("%d updates were refused", refused);
	check_elements(map);
	return time;
}

static double update_delete(void *state)
{
	struct elements *map = state;
	int refused = 0;
	double start = now();

	for (int i = 0; i < COUNT; i++) {
		refused += map_elem(BPF_MAP_UPDATE_ELEM, map->fd, map->others[i], value_of(map, i)) != 0;
		refused += map_elem(BPF_MAP_DELETE_ELEM, map->fd, map->others[i], NULL) != 0;
	}
	double time = now() - start;
	if (refused)
		fail("%d updates or deletions were refused", refused);
	if (!map_elem(BPF_MAP_LOOKUP_ELEM, map->fd, map->others[0], map->value))
		fail("a deleted key is there");
	return time;
}

/* Parameter: number of elements. */
static void *open_walk(const struct row *row)
{
	struct elements *map = allocate(sizeof(*map));

	map->count = row->parameter[0];
	map->fd = map_create(BPF_MAP_TYPE_HASH, 4, 8, map->count, 0);
	if (map->fd < 0)
		fail("cannot create the map: errno %d", errno);
	for (uint32_t key = 0; key < map->count; key++) {
		uint64_t value = key + 1;

		if (map_elem(BPF_MAP_UPDATE_ELEM, map->fd, &key, &value))
			fail("cannot fill the map: errno %d", errno);
	}
	map->keys = allocate(map->count * 4);
	map->values = allocate(map->count * 8);
	return map;
}

static void check_walk(struct elements *map, unsigned int entries, uint64_t sum)
{
	/* Each value is greater by one than its key. */
	if (entries != map->count || sum != map->count)
		fail("%u entries of %u", entries, map->count);
}

static double walk(void *state)
{
	struct elements *map = state;
	uint64_t sum = 0, value;
	unsigned int entries = 0;
	uint32_t key, *last = NULL;
	double start = now();

	while (!map_elem(BPF_MAP_GET_NEXT_KEY, map->fd, last, &key)) {
		last = &key;
		if (map_elem(BPF_MAP_LOOKUP_ELEM, map->fd, &key, &value))
			continue;
		sum += value - key;
		entries++;
	}
	double time = now() - start;
	check_walk(map, entries, sum);
	return time;
}

static double walk_batch(void *state)
{
	struct elements *map = state;
	uint32_t *keys = (void *)map->keys;
	uint64_t *values = (void *)map->values, sum = 0;
	unsigned int entries = 0;
	uint32_t in, out;
	long result = 0;
	double start = now();

	while (!result) {
		union bpf_attr attr = {
			.batch = {
				.in_batch = entries ? (unsigned long)&in : 0,
				.out_batch = (unsigned long)&out,
				.keys = (unsigned long)keys,
				.values = (unsigned long)values,
				.count = map->count,
				.map_fd = map->fd,
			},
		};

		result = sys_bpf(BPF_MAP_LOOKUP_BATCH, &attr);
		if (result && errno != ENOENT)
			fail("a batch was refused: errno %d", errno);
		for (unsigned int i = 0; i < attr.batch.count; i++)
			sum += values[i] - keys[i];
		entries += attr.batch.count;
		in = out;
	}
	double time = now() - start;
	check_walk(map, entries, sum);
	return time;
}

#define ELEMENT(row, work, type, key, value) \
	{ .name = row, .setup = open_elements, .round = work, .operations = COUNT, .parameter = { type, key, value } }
#define WALK(row, work, count) \
	{ .name = row, .setup = open_walk, .round = work, .operations = count, .parameter = { count } }

/* C has one way, with or without types. */
const struct row element_rows[] = {
	ELEMENT("hash-get", get, BPF_MAP_TYPE_HASH, 4, 8),
	ELEMENT("hash-set", set, BPF_MAP_TYPE_HASH, 4, 8),
	ELEMENT("hash-update-delete", update_delete, BPF_MAP_TYPE_HASH, 4, 8),
	ELEMENT("array-get", get, BPF_MAP_TYPE_ARRAY, 4, 8),
	ELEMENT("array-set", set, BPF_MAP_TYPE_ARRAY, 4, 8),
	ELEMENT("hash-get-typed", get, BPF_MAP_TYPE_HASH, 4, 8),
	ELEMENT("hash-set-typed", set, BPF_MAP_TYPE_HASH, 4, 8),
	ELEMENT("hash-update-delete-typed", update_delete, BPF_MAP_TYPE_HASH, 4, 8),
	ELEMENT("array-get-typed", get, BPF_MAP_TYPE_ARRAY, 4, 8),
	ELEMENT("array-set-typed", set, BPF_MAP_TYPE_ARRAY, 4, 8),
	ELEMENT("hash-get-16-64", get, BPF_MAP_TYPE_HASH, 16, 64),
	ELEMENT("hash-set-16-64", set, BPF_MAP_TYPE_HASH, 16, 64),
	ELEMENT("percpu-get", get, BPF_MAP_TYPE_PERCPU_HASH, 16, 64),
	ELEMENT("percpu-set", set, BPF_MAP_TYPE_PERCPU_HASH, 16, 64),
	WALK("walk-1000", walk, 1000),
	WALK("walk-100000", walk, 100000),
	WALK("walk-1000-batch", walk_batch, 1000),
	WALK("walk-100000-batch", walk_batch, 100000),
	{},
};
