/* SPDX-License-Identifier: MIT */
/* Objects of bench/bpf, loaded with libbpf; and ring.bpf.o with one of its programs. */
#ifndef OBJECT_H
#define OBJECT_H

#include <bpf/libbpf.h>
#include <stdint.h>

/* Opens and loads, all programs or one. Fails the row when it cannot. */
struct bpf_object *load_object(const char *path, const char *program);

/* The memory of a section of global variables; it is not greater than a page. */
void *section_memory(struct bpf_object *object, const char *section);

struct producer {
	int ring_fd;
	unsigned long ring_size;
	int program_fd;
	/* Of .bss. */
	volatile uint64_t *next;
	volatile uint64_t *dropped;
};

/* Of ring.bpf.o, or of another object with such variables. */
struct producer *open_producer(const char *program, const char *map);
struct producer *open_producer_of(const char *path, const char *program, const char *map);

/* Runs the program so many times; it makes a record each time. 0 or -errno. */
int produce(struct producer *producer, unsigned int count);

/* The same, from an empty ring and the number 0; all records must fit. */
void fill_ring(struct producer *producer, unsigned int count);

#endif
