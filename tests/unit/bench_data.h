/* SPDX-License-Identifier: Apache-2.0 */
/* Public benchmark data that tests use where it is there, and numbers that look random. */
#ifndef KVMLENS_TESTS_BENCH_DATA_H
#define KVMLENS_TESTS_BENCH_DATA_H

#include <stdint.h>

/* What a program returns when it was skipped; the reason is its last line of output. */
#define EXIT_SKIP 77

/*
 * The folder name of the benchmark data: argument if given, else below $KVMLENS_DATA, else in
 * ../shared/data. NULL: it is not there. Free with g_free.
 */
char *bench_data_folder(const char *argument, const char *name);

/* Say why there is no such folder; returns EXIT_SKIP. */
int bench_data_skip(const char *name);

/* A generator with its own state, so that every run sees the same numbers. */
struct noise {
	uint64_t state;
};

double noise_uniform(struct noise *noise); /* in [0, 1) */
double noise_gauss(struct noise *noise); /* mean 0, deviation 1 */

#endif
