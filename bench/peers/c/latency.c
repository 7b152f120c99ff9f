// SPDX-License-Identifier: MIT
#include "latency.h"

#include <bpf/bpf.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT 100
#define PAUSE 2000 /* microseconds */

static volatile int stop;

static void *produce_slowly(void *state)
{
	do {
		usleep(PAUSE);
	} while (!produce(state, 1) && !stop);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void measure_latency(struct producer *producer, int (*wait)(void *state, uint64_t *made), void *state,
		     struct sample *sample)
{
	double samples[COUNT];
	pthread_t thread;
	uint64_t made;

	stop = 0;
	if (pthread_create(&thread, NULL, produce_slowly, producer))
		fail("cannot start a thread");
	for (int i = 0; i < COUNT; i++) {
		while (wait(state, &made) == 0)
			;
		samples[i] = now() - made;
	}
	stop = 1;
	pthread_join(thread, NULL);
	qsort(samples, COUNT, sizeof(*samples), compare);
	*sample = (struct sample){
		.ns = (samples[COUNT / 2 - 1] + samples[COUNT / 2]) / 2,
		.ops = COUNT,
		.extra = { { "p99", samples[COUNT - 2] } },
	};
}
