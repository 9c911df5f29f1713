/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/capacity.h"

#include <errno.h>
#include <glib.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>

#define SIZING_MIN 60
#define CPU_COMMON 0.6 /* 95 % of the time at most this much of the vCPUs should be busy */
#define CPU_RARE 0.85 /* 99 % of the time */
#define CPU_FULL 85.0 /* percent in use for 5 % of the time: too small */
#define WAIT_MUCH 10.0 /* percent of ready time that is the host's fault */
#define CPU_LESS 0.75 /* advise fewer only when it is at most this part */
#define MEMORY_ROOM 1.25 /* over what is used 99 % of the time */
#define MEMORY_LESS 0.8
#define MEMORY_FULL 0.92
#define MEMORY_GRAIN (256.0 * 1024 * 1024)

/* Finite values, sorted; the caller frees. */
static double *sorted(const double *value, size_t n, size_t *ret_n)
{
	double *copy = g_new(double, n + 1);
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (isfinite(value[i]))
			copy[kept++] = value[i];
	gsl_sort(copy, 1, kept);
	*ret_n = kept;
	return copy;
}

static int percentiles(const double *value, size_t n, double scale, struct sizing *s)
{
	size_t kept;
	g_autofree double *v = sorted(value, n, &kept);

	if (kept < SIZING_MIN)
		return -EINVAL;
	s->p50 = scale * gsl_stats_quantile_from_sorted_data(v, 1, kept, 0.5);
	s->p95 = scale * gsl_stats_quantile_from_sorted_data(v, 1, kept, 0.95);
	s->p99 = scale * gsl_stats_quantile_from_sorted_data(v, 1, kept, 0.99);
	return 0;
}

int sizing_vcpus(unsigned vcpus, const double *usage, const double *ready, size_t n,
		 struct sizing *ret_sizing)
{
	struct sizing s = {.verdict = SIZING_KEEP, .now = vcpus, .advised = vcpus}, wait = {0};
	double need;

	if (!vcpus || percentiles(usage, n, vcpus / 100.0, &s))
		return -EINVAL;
	if (ready && percentiles(ready, n, 1, &wait) == 0)
		s.wait_p95 = wait.p95;
	need = fmax(ceil(fmax(s.p95 / CPU_COMMON, s.p99 / CPU_RARE)), 1);
	if (s.wait_p95 >= WAIT_MUCH) {
		s.verdict = SIZING_HOST;
	} else if (s.p95 >= CPU_FULL / 100 * vcpus) {
		s.verdict = SIZING_GROW;
		s.advised = fmax(need, vcpus + 1);
	} else if (need <= CPU_LESS * vcpus) {
		s.verdict = SIZING_SHRINK;
		s.advised = need;
	}
	*ret_sizing = s;
	return 0;
}

int sizing_memory(double total, const double *used, size_t n, struct sizing *ret_sizing)
{
	struct sizing s = {.verdict = SIZING_KEEP, .now = total, .advised = total};
	double need;

	if (!(total > 0) || percentiles(used, n, 1, &s))
		return -EINVAL;
	need = ceil(s.p99 * MEMORY_ROOM / MEMORY_GRAIN) * MEMORY_GRAIN;
	if (s.p95 >= MEMORY_FULL * total) {
		s.verdict = SIZING_GROW;
		s.advised = fmax(need, total + MEMORY_GRAIN);
	} else if (need <= MEMORY_LESS * total) {
		s.verdict = SIZING_SHRINK;
		s.advised = fmax(need, MEMORY_GRAIN);
	}
	*ret_sizing = s;
	return 0;
}

static void amount(double value, bool bytes, char *ret_text, size_t size)
{
	if (bytes)
		snprintf(ret_text, size, "%.1f GiB", value / (1024.0 * 1024 * 1024));
	else
		snprintf(ret_text, size, "%.1f", value);
}

void sizing_explain(const struct sizing *sizing, bool bytes, char *ret_text, size_t size)
{
	const char *what = bytes ? "memory" : "vCPUs";
	char now[32], advised[32], p50[32], p95[32], p99[32];

	amount(sizing->now, bytes, now, sizeof(now));
	amount(sizing->advised, bytes, advised, sizeof(advised));
	amount(sizing->p50, bytes, p50, sizeof(p50));
	amount(sizing->p95, bytes, p95, sizeof(p95));
	amount(sizing->p99, bytes, p99, sizeof(p99));
	if (sizing->verdict == SIZING_HOST)
		snprintf(ret_text, size,
			 "%s %s: ready time is %.0f %% or more for 5 %% of the time; it waits for"
			 " the host, more vCPUs would make that worse",
			 now, what, sizing->wait_p95);
	else
		snprintf(ret_text, size,
			 "%s %s%s%s: half of the time at most %s in use, 95 %% of it %s, 99 %% %s",
			 now, what, sizing->verdict == SIZING_KEEP ? " fit" : ", advised ",
			 sizing->verdict == SIZING_KEEP ? "" : advised, p50, p95, p99);
}
