/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over struct hist, which counts durations by powers of two. */
#ifndef KVMLENS_METRIC_HIST_H
#define KVMLENS_METRIC_HIST_H

#include "metric/model.h"

#define HIST_BOUND_MAX 24

/* The inclusive upper bound of bucket i in seconds as exporters write it: "1.024e-06", "+Inf". */
void hist_bound(const struct hist *hist, unsigned i, char ret_text[HIST_BOUND_MAX]);

/* All that was counted. */
uint64_t hist_total(const struct hist *hist);

/*
 * The quantile q (0 to 1) in nanoseconds, by linear interpolation in its bucket; the last bucket
 * answers with its lower bound. NAN: nothing was counted, or hist is not valid.
 */
double hist_quantile(const struct hist *hist, double q);

/* hist += other, sum too; an hist that is not valid yet becomes a copy. */
void hist_add(struct hist *hist, const struct hist *other);

/* now - before, bucket by bucket. Not valid where before is not, or where it counted more. */
struct hist hist_since(const struct hist *now, const struct hist *before);

#endif
