/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/crossvm.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define PAIR_LAG 2
#define ALIKE 0.6
#define PEAK 0.95
#define WORTH 20.0 /* percent of a CPU that a hint must be about */
#define APART_LOSS 0.9 /* joint peak from this part of the sum on: they peak together */
#define FIT_GAIN 0.75

static gint by_strength(gconstpointer left, gconstpointer right)
{
	double a = fabs(((const struct crossvm_pair *)left)->rho);
	double b = fabs(((const struct crossvm_pair *)right)->rho);

	return (a < b) - (a > b);
}

GArray *crossvm_pairs(const struct ranks *load, size_t n)
{
	GArray *pairs = g_array_new(FALSE, FALSE, sizeof(struct crossvm_pair));
	double tries = (double)n * (double)(n - 1) / 2;

	for (size_t a = 0; a < n; a++) {
		for (size_t b = a + 1; b < n; b++) {
			struct correlation c = correlate(&load[a], &load[b], PAIR_LAG);
			struct crossvm_pair pair = {a, b, c.rho, fmin(c.p * tries, 1)};

			if (pair.p < CORRELATE_ALPHA)
				g_array_append_val(pairs, pair);
		}
	}
	g_array_sort(pairs, by_strength);
	return pairs;
}

/* Are all members of two groups alike? like holds n by n flags. */
static bool groups_alike(const bool *like, const size_t *group, size_t n, size_t one, size_t two)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; group[i] == one && j < n; j++)
			if (group[j] == two && !like[i * n + j])
				return false;
	return true;
}

static void rename_group(size_t *group, size_t n, size_t from, size_t to)
{
	for (size_t i = 0; i < n; i++)
		if (group[i] == from)
			group[i] = to;
}

/* Numbers from 0 without gaps, in order of the first member. */
static size_t number_groups(size_t *group, size_t n)
{
	size_t next = 0;

	for (size_t i = 0; i < n; i++) {
		if (group[i] < n)
			continue;
		rename_group(group, n, group[i], next++);
	}
	return next;
}

size_t crossvm_groups(const GArray *pairs, size_t n, size_t *ret_group)
{
	g_autofree bool *like = g_new0(bool, n *n + 1);

	/* Numbers from n on are not final yet. */
	for (size_t i = 0; i < n; i++)
		ret_group[i] = n + i;
	for (guint k = 0; k < pairs->len; k++) {
		const struct crossvm_pair *p = &g_array_index(pairs, struct crossvm_pair, k);

		if (p->rho >= ALIKE)
			like[p->a * n + p->b] = like[p->b * n + p->a] = true;
	}
	/* Strongest pairs first: complete linkage. */
	for (guint k = 0; k < pairs->len; k++) {
		const struct crossvm_pair *p = &g_array_index(pairs, struct crossvm_pair, k);
		size_t one = ret_group[p->a], two = ret_group[p->b];

		if (p->rho >= ALIKE && one != two && groups_alike(like, ret_group, n, one, two))
			rename_group(ret_group, n, two, one);
	}
	return number_groups(ret_group, n);
}

static int by_score(const void *left, const void *right)
{
	double a = ((const struct crossvm_culprit *)left)->score;
	double b = ((const struct crossvm_culprit *)right)->score;

	return (a < b) - (a > b);
}

size_t crossvm_culprits(const struct ranks *suffering, size_t victim, const struct ranks *load,
			const double *share, size_t n, struct crossvm_culprit *ret_culprits,
			size_t max)
{
	g_autofree struct crossvm_culprit *all = g_new(struct crossvm_culprit, n + 1);
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct correlation c = correlate(suffering, &load[i], PAIR_LAG);
		struct crossvm_culprit who = {i, c.rho, share ? share[i] : NAN, 0};
		bool related = c.rho > 0 && c.p * (double)n < CORRELATE_ALPHA;

		if (i == victim)
			continue;
		/* Blame is accounting, correlation a guess: where both are known blame leads. */
		if (isfinite(who.share))
			who.score = 0.8 * who.share + (related ? 0.2 * c.rho : 0);
		else if (related)
			who.score = c.rho;
		if (who.score > 0)
			all[kept++] = who;
	}
	qsort(all, kept, sizeof(*all), by_score);
	kept = MIN(kept, max);
	for (size_t i = 0; i < kept; i++)
		ret_culprits[i] = all[i];
	return kept;
}

static double peak_of(const double *a, const double *b, size_t n)
{
	g_autofree double *sum = g_new(double, n);
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		double v = a[i] + (b ? b[i] : 0);

		if (isfinite(v))
			sum[kept++] = v;
	}
	if (!kept)
		return 0;
	gsl_sort(sum, 1, kept);
	return gsl_stats_quantile_from_sorted_data(sum, 1, kept, PEAK);
}

static gint by_gain(gconstpointer left, gconstpointer right)
{
	const struct crossvm_hint *a = left, *b = right;
	double gain_a = a->advice == ADVICE_APART ? a->joint : a->sum - a->joint;
	double gain_b = b->advice == ADVICE_APART ? b->joint : b->sum - b->joint;

	return (gain_a < gain_b) - (gain_a > gain_b);
}

GArray *crossvm_hints(const double *const *load, size_t samples, const GArray *pairs, size_t max)
{
	GArray *hints = g_array_new(FALSE, FALSE, sizeof(struct crossvm_hint));

	for (guint k = 0; k < pairs->len; k++) {
		const struct crossvm_pair *p = &g_array_index(pairs, struct crossvm_pair, k);
		double one = peak_of(load[p->a], NULL, samples);
		double two = peak_of(load[p->b], NULL, samples);
		struct crossvm_hint hint = {ADVICE_APART, p->a, p->b, p->rho, 0, one + two};

		hint.joint = peak_of(load[p->a], load[p->b], samples);
		if (p->rho < 0)
			hint.advice = ADVICE_TOGETHER;
		if (fmin(one, two) < WORTH || (p->rho > 0 ? hint.joint < APART_LOSS * hint.sum
							  : hint.joint > FIT_GAIN * hint.sum))
			continue;
		g_array_append_val(hints, hint);
	}
	g_array_sort(hints, by_gain);
	if (hints->len > max)
		g_array_set_size(hints, (guint)max);
	return hints;
}
