// SPDX-License-Identifier: MIT
#include "contestant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Nanoseconds of a sweep. */
#define SWEEP 120e6

static jmp_buf given_up;
static const char *current;

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

void *allocate(unsigned long size)
{
	void *memory = calloc(1, size);

	if (!memory)
		fail("out of memory");
	return memory;
}

/* Messages are our own, without quotes. */
static void print_reason(const char *kind, const char *reason)
{
	printf("{\"row\":\"%s\",\"%s\":\"%s\"}\n", current, kind, reason);
}

void fail(const char *format, ...)
{
	char reason[256];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	print_reason("error", reason);
	longjmp(given_up, 1);
}

void skip(const char *reason)
{
	print_reason("skip", reason);
	longjmp(given_up, 1);
}

static void sweep_rounds(struct row *row, struct sample *sample)
{
	double end = now() + SWEEP, counted = 0, ops = 0;

	do {
		counted += row->round(row->state);
		ops += row->operations;
	} while (now() < end);
	sample->ns = counted / ops;
	sample->ops = ops;
}

static void answer(struct row *row)
{
	struct sample sample = {};

	if (setjmp(given_up))
		return;
	if (!row->state)
		row->state = row->setup(row);
	if (row->sweep)
		row->sweep(row->state, &sample);
	else
		sweep_rounds(row, &sample);
	printf("{\"row\":\"%s\",\"ns\":%.3f,\"ops\":%.0f", row->name, sample.ns, sample.ops);
	for (int i = 0; i < 4 && sample.extra[i].name; i++)
		printf("%s\"%s\":%.0f", i ? "," : ",\"extra\":{", sample.extra[i].name, sample.extra[i].value);
	puts(sample.extra[0].name ? "}}" : "}");
}

static void answer_by_name(const char *name, struct row *rows)
{
	current = name;
	for (struct row *row = rows; row->name; row++) {
		if (!strcmp(row->name, name)) {
			answer(row);
			fflush(stdout);
			return;
		}
	}
	print_reason("skip", "no such row");
	fflush(stdout);
}

int contestant(int argc, char **argv, const char *version, struct row *rows)
{
	char line[256], name[64];

	if (argc >= 3 && !strcmp(argv[1], "--once")) {
		answer_by_name(argv[2], rows);
		return 0;
	}
	printf("{\"ready\":true,\"rows\":[");
	for (struct row *row = rows; row->name; row++)
		printf("%s\"%s\"", row == rows ? "" : ",", row->name);
	printf("],\"version\":\"%s\"}\n", version);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		const char *key = strstr(line, "\"row\":\"");

		if (!key || sscanf(key, "\"row\":\"%63[^\"]", name) != 1)
			return 1;
		answer_by_name(name, rows);
	}
	return 0;
}
