/* SPDX-License-Identifier: MIT */
/* The time from a record in the kernel to its reader, which waits. */
#ifndef LATENCY_H
#define LATENCY_H

#include "contestant.h"
#include "object.h"

/*
 * `wait` waits for records and consumes them: it returns their number, and when the last one was made. A thread makes
 * one every 2 ms.
 */
void measure_latency(struct producer *producer, int (*wait)(void *state, uint64_t *made), void *state,
		     struct sample *sample);

#endif
