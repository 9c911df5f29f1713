/* SPDX-License-Identifier: Apache-2.0 */
/* Series from the store on a common grid of times, as the analytics take them. */
#ifndef KVMLENS_CLI_INSIGHT_DATA_H
#define KVMLENS_CLI_INSIGHT_DATA_H

#include "store/query.h"

struct grid {
	int64_t since_ms, step_ms;
	size_t n;
};

/* The n steps that end now. */
struct grid grid_before(int64_t now_ms, int64_t step_ms, size_t n);

/*
 * The series' means on the grid, NAN where there is none; freed by the caller. NULL: fewer than
 * least of them are known, or the store cannot be read.
 */
double *grid_load(struct store_reader *reader, const struct store_series *series,
		  const struct grid *grid, size_t least);

/* The same of the first series of that VM, metric and labels (NULL: any). */
double *grid_load_one(struct store_reader *reader, const char *uuid, const char *metric,
		      const char *labels, const struct grid *grid, size_t least);

/* The middles of the steps in seconds; freed by the caller. */
double *grid_times(const struct grid *grid);

#endif
