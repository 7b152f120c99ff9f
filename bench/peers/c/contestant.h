/* SPDX-License-Identifier: MIT */
/* The protocol of bench/protocol.ts for contestants in C. */
#ifndef CONTESTANT_H
#define CONTESTANT_H

#include <stdint.h>

struct sample {
	double ns; /* of an operation */
	double ops;
	/* Up to the first without a name. */
	struct {
		const char *name;
		double value;
	} extra[4];
};

/* A row; what it needs is made at the first sweep, and lives until the process ends. */
struct row {
	const char *name;
	void *(*setup)(const struct row *row);
	/* Does `operations` of them, and returns the nanoseconds that count. */
	double (*round)(void *state);
	double operations;
	/* Or all of a sweep at once. */
	void (*sweep)(void *state, struct sample *sample);
	/* For `setup`. */
	int parameter[3];
	const char *text;
	void *state;
};

/* Speaks the protocol. The last row has no name. */
int contestant(int argc, char **argv, const char *version, struct row *rows);

/* Give the current row up: it went wrong, or cannot be measured here. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void skip(const char *reason) __attribute__((noreturn));

/* Nanoseconds of the monotonic clock. */
double now(void);

/* memory or fail */
void *allocate(unsigned long size);

#endif
