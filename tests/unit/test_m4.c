/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forecaster on the hourly series of the M4 competition, by its rules: the mean of the ratios
 * of sMAPE and MASE to those of Naive2 (OWA). Argument: the folder with hourly-train.csv and
 * hourly-test.csv.
 */
#include <CUnit/Basic.h>
#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analytics/forecast.h"
#include "bench_data.h"

#define HORIZON 48
#define DAY 24

struct series {
	double *past, future[HORIZON];
	size_t n;
};

struct errors {
	double smape, mase;
};

static GArray *all;

static void clear_series(void *arg)
{
	g_free(((struct series *)arg)->past);
}

/* The numbers of one line after its name. */
static size_t parse_line(char *line, double *ret_values, size_t max)
{
	size_t n = 0;
	char *save = NULL, *field = strtok_r(line, ",\r\n", &save);

	while ((field = strtok_r(NULL, ",\r\n", &save)) && n < max) {
		char *end;
		double value;

		field += *field == '"';
		value = strtod(field, &end);
		if (end != field)
			ret_values[n++] = value;
	}
	return n;
}

static char **read_lines(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? g_strsplit(text, "\n", -1) : NULL;
}

static GArray *load(const char *folder)
{
	g_auto(GStrv) train = read_lines(folder, "hourly-train.csv");
	g_auto(GStrv) test = read_lines(folder, "hourly-test.csv");
	GArray *array = g_array_new(FALSE, TRUE, sizeof(struct series));

	g_array_set_clear_func(array, clear_series);
	for (guint i = 1; train && test && train[i] && test[i] && *train[i]; i++) {
		struct series s = {.past = g_new(double, 2000)};

		s.n = parse_line(train[i], s.past, 2000);
		if (parse_line(test[i], s.future, HORIZON) == HORIZON)
			g_array_append_val(array, s);
		else
			g_free(s.past);
	}
	return array;
}

static double autocorrelation(const double *y, size_t n, unsigned lag)
{
	double mean = 0, cross = 0, own = 0;

	for (size_t i = 0; i < n; i++)
		mean += y[i] / n;
	for (size_t i = 0; i < n; i++) {
		own += (y[i] - mean) * (y[i] - mean);
		if (i >= lag)
			cross += (y[i] - mean) * (y[i - lag] - mean);
	}
	return cross / own;
}

/* The competition's test: is there a daily season, at 90 %? */
static bool seasonal(const double *y, size_t n)
{
	double sum = 0;

	for (unsigned lag = 1; lag < DAY; lag++)
		sum += pow(autocorrelation(y, n, lag), 2);
	return fabs(autocorrelation(y, n, DAY)) > 1.645 * sqrt((1 + 2 * sum) / n);
}

/* Multiplicative indices against a centred moving average, with mean 1. */
static void season_indices(const double *y, size_t n, double *ret_index)
{
	double sum[DAY] = {0}, total = 0;
	unsigned count[DAY] = {0};

	for (size_t i = DAY / 2; i + DAY / 2 < n; i++) {
		double trend = (y[i - DAY / 2] + y[i + DAY / 2]) / 2;

		for (size_t j = i - DAY / 2 + 1; j < i + DAY / 2; j++)
			trend += y[j];
		sum[i % DAY] += y[i] / (trend / DAY);
		count[i % DAY]++;
	}
	for (unsigned k = 0; k < DAY; k++)
		total += sum[k] /= count[k];
	for (unsigned k = 0; k < DAY; k++)
		ret_index[k] = sum[k] * DAY / total;
}

/* The last value, seasonally adjusted. */
static void naive2(const struct series *s, double *ret_values)
{
	double index[DAY];

	for (unsigned k = 0; k < DAY; k++)
		index[k] = 1;
	if (seasonal(s->past, s->n))
		season_indices(s->past, s->n, index);
	for (unsigned h = 0; h < HORIZON; h++)
		ret_values[h] =
			s->past[s->n - 1] / index[(s->n - 1) % DAY] * index[(s->n + h) % DAY];
}

static struct errors judge(const struct series *s, const double *values)
{
	struct errors e = {0, 0};
	double scale = 0;

	for (size_t i = DAY; i < s->n; i++)
		scale += fabs(s->past[i] - s->past[i - DAY]) / (s->n - DAY);
	for (unsigned h = 0; h < HORIZON; h++) {
		double off = fabs(values[h] - s->future[h]);

		e.smape += 200 * off / (fabs(values[h]) + fabs(s->future[h])) / HORIZON;
		e.mase += off / scale / HORIZON;
	}
	return e;
}

static void test_competition(void)
{
	struct forecast_options options = {.seasons = {{24, 168}, 2}, .horizon = HORIZON};
	struct errors ours = {0, 0}, theirs = {0, 0};
	unsigned failed = 0, in80 = 0, in95 = 0;
	double owa, points = (double)all->len * HORIZON;
	gint64 begin = g_get_monotonic_time();

	for (guint i = 0; i < all->len; i++) {
		const struct series *s = &g_array_index(all, struct series, i);
		struct forecast_point point[HORIZON];
		double values[HORIZON];
		struct errors e;

		if (forecast_run(s->past, s->n, &options, point)) {
			failed++;
			continue;
		}
		for (unsigned h = 0; h < HORIZON; h++) {
			values[h] = point[h].mean;
			in80 += s->future[h] >= point[h].low80 && s->future[h] <= point[h].high80;
			in95 += s->future[h] >= point[h].low95 && s->future[h] <= point[h].high95;
		}
		e = judge(s, values);
		ours.smape += e.smape / all->len;
		ours.mase += e.mase / all->len;
		naive2(s, values);
		e = judge(s, values);
		theirs.smape += e.smape / all->len;
		theirs.mase += e.mase / all->len;
	}
	owa = (ours.smape / theirs.smape + ours.mase / theirs.mase) / 2;
	printf("\n%u series, %.1f ms each, %u failed\n", all->len,
	       (g_get_monotonic_time() - begin) / 1e3 / all->len, failed);
	printf("%-8s %8s %8s %6s\n", "", "sMAPE", "MASE", "OWA");
	printf("%-8s %8.3f %8.3f %6.3f\n", "Naive2", theirs.smape, theirs.mase, 1.0);
	printf("%-8s %8.3f %8.3f %6.3f\n", "kvmlens", ours.smape, ours.mase, owa);
	printf("in the 80 %% interval %.1f %%, in the 95 %% one %.1f %%\n", 100 * in80 / points,
	       100 * in95 / points);
	CU_ASSERT_EQUAL(failed, 0);
	CU_ASSERT(owa <= 0.5);
	CU_ASSERT(in95 / points >= 0.9 && in95 / points <= 0.98);
	CU_ASSERT(in80 / points >= 0.74 && in80 / points <= 0.88);
}

int main(int argc, char **argv)
{
	g_autofree char *folder = bench_data_folder(argc > 1 ? argv[1] : NULL, "m4");
	CU_pSuite suite;
	unsigned failures;

	if (!folder)
		return bench_data_skip("m4");
	all = load(folder);
	if (!all->len) {
		printf("%s has no series\n", folder);
		return 1;
	}
	CU_initialize_registry();
	suite = CU_add_suite("m4", NULL, NULL);
	CU_add_test(suite, "against Naive2", test_competition);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	g_array_unref(all);
	return failures ? 1 : 0;
}
