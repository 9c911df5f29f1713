/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scoring rules of the Numenta Anomaly Benchmark, standard profile: a labelled window counts
 * its earliest detection, weighted by a sigmoid of where in the window it is; a false one costs
 * 0.11, less shortly after a window; a missed window costs 1. 0 is a detector that never speaks,
 * 100 one that speaks at the first point of every window and never else.
 */
#ifndef KVMLENS_TESTS_NAB_H
#define KVMLENS_TESTS_NAB_H

#include <glib.h>
#include <stdint.h>

#define NAB_WINDOWS 8

struct nab_window {
	int left, right; /* first and last point */
	double best; /* weight of its best detection yet, -1: missed */
};

struct nab_file {
	char *name;
	int n, probation; /* points; those at the beginning that do not count */
	int64_t *time_s;
	double *value, *score;
	struct nab_window window[NAB_WINDOWS];
	int n_windows;
};

/* Array of struct nab_file, scores all 0; NULL when the folder cannot be read. */
GArray *nab_load(const char *folder);
void nab_free(GArray *files);

/* How many first points of a file of n do not count. */
int nab_probation(int n);

/* Of the files that are there, those of cloud VMs. The files stay the first array's. */
GArray *nab_cloud(GArray *files);

/* The score with one threshold for all files. */
double nab_score_at(GArray *files, double threshold);

/* The one file's part of that, in the raw units of the rules (a perfect window is +1). */
double nab_raw_at(struct nab_file *file, double threshold);

/* The best score of any one threshold for all files. */
double nab_score_best(GArray *files, double *ret_threshold);

/* Each file judged by the threshold that is best for all the others. */
double nab_score_left_out(GArray *files);

#endif
