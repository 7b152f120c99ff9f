/* SPDX-License-Identifier: MIT */
/* Rows of perf buffers and user ring buffers with libbpf. */
#ifndef PERF_H
#define PERF_H

#include "contestant.h"

void *open_perf_sum(const struct row *row);
void *open_perf_copy(const struct row *row);
void *open_perf_latency(const struct row *row);
double consume_perf(void *state);
double consume_perf_copies(void *state);
double poll_perf_copies(void *state);
void perf_latency(void *state, struct sample *sample);

#define USER_RECORDS 26000
void *open_user_ring(const struct row *row);
double submit_user_ring(void *state);

#endif
