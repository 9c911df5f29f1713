// SPDX-License-Identifier: Apache-2.0
#include "metric/hist.h"

static uint64_t bound_ns(const struct hist *hist, unsigned i)
{
	return 1ull << (hist->shift + i);
}

void hist_bound(const struct hist *hist, unsigned i, char ret_text[HIST_BOUND_MAX])
{
	if (i >= HIST_BUCKETS - 1)
		g_strlcpy(ret_text, "+Inf", HIST_BOUND_MAX);
	else /* a power of two below 2^53 ns has at most 16 digits, and these no locale */
		g_ascii_formatd(ret_text, HIST_BOUND_MAX, "%.16g", bound_ns(hist, i) / 1e9);
}

uint64_t hist_total(const struct hist *hist)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		total += hist->count[i];
	return total;
}

double hist_quantile(const struct hist *hist, double q)
{
	uint64_t total = hist_total(hist);
	double rank = q * total, below = 0;

	if (!hist->valid || !total)
		return NAN;
	for (unsigned i = 0; i < HIST_BUCKETS - 1; i++) {
		double lower = i ? bound_ns(hist, i - 1) : 0;

		if (hist->count[i] && below + hist->count[i] >= rank)
			return lower +
			       (bound_ns(hist, i) - lower) * (rank - below) / hist->count[i];
		below += hist->count[i];
	}
	return bound_ns(hist, HIST_BUCKETS - 2);
}

void hist_add(struct hist *hist, const struct hist *other)
{
	if (!other->valid)
		return;
	if (!hist->valid) {
		*hist = *other;
		return;
	}
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		hist->count[i] += other->count[i];
	hist->sum_ns += other->sum_ns;
}

struct hist hist_since(const struct hist *now, const struct hist *before)
{
	struct hist since = *now;

	since.valid = now->valid && before->valid && now->sum_ns >= before->sum_ns;
	since.sum_ns -= before->sum_ns;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		since.valid = since.valid && now->count[i] >= before->count[i];
		since.count[i] -= before->count[i];
	}
	return since;
}
