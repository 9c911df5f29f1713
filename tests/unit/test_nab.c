/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anomaly detector on labelled series of real cloud VMs, and the scorer itself on a series
 * whose score can be worked out by hand. Argument: the folder with the series and windows.json.
 */
#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include "analytics/anomaly.h"
#include "bench_data.h"
#include "nab.h"

static GArray *files;

static struct nab_file hand_made(double *score)
{
	return (struct nab_file){
		.n = 100,
		.probation = 15,
		.score = score,
		.window = {{.left = 40, .right = 59}},
		.n_windows = 1,
	};
}

static void test_scorer(void)
{
	double score[100] = {0};
	struct nab_file file = hand_made(score);

	CU_ASSERT_DOUBLE_EQUAL(nab_raw_at(&file, 0.5), -1, 1e-12);
	score[5] = 1; /* in probation */
	CU_ASSERT_DOUBLE_EQUAL(nab_raw_at(&file, 0.5), -1, 1e-12);
	score[40] = score[45] = 1; /* the first point of the window, and one that adds nothing */
	CU_ASSERT_DOUBLE_EQUAL(nab_raw_at(&file, 0.5), 1, 1e-12);
	score[20] = 1; /* before any window: the full price */
	CU_ASSERT_DOUBLE_EQUAL(nab_raw_at(&file, 0.5), 1 - 0.11, 1e-12);
	score[60] = 1; /* just after: nearly free, -0.11 * tanh(5/19 / 2) */
	CU_ASSERT_DOUBLE_EQUAL(nab_raw_at(&file, 0.5), 0.89 - 0.11 * tanh(2.5 / 19), 1e-12);
	score[40] = score[45] = 0;
	score[50] = 1; /* the middle: position -0.5 */
	score[20] = score[60] = 0;
	CU_ASSERT_DOUBLE_EQUAL(nab_raw_at(&file, 0.5), tanh(1.25) / tanh(2.5), 1e-12);
}

static void test_scorer_thresholds(void)
{
	double score_a[100] = {[40] = 0.9, [20] = 0.8}, score_b[100] = {[40] = 0.7, [90] = 0.95};
	struct nab_file pair[] = {hand_made(score_a), hand_made(score_b)};
	g_autoptr(GArray) array = g_array_new(FALSE, FALSE, sizeof(struct nab_file));
	double threshold, late = tanh(2.5 * 31 / 19);

	g_array_append_vals(array, pair, 2);
	CU_ASSERT_DOUBLE_EQUAL(nab_score_best(array, &threshold),
			       100 * (4 - 0.11 - 0.11 * late) / 4, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(threshold, 0.7, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(nab_score_at(array, 0.85), 100 * (2 - 0.11 * late) / 4, 1e-9);
	/* a's best is 0.9, which misses b; b's is 0.7, which costs a its false detection. */
	CU_ASSERT_DOUBLE_EQUAL(nab_score_left_out(array), 100 * (2 - 0.11 - 0.11 * late) / 4, 1e-9);
}

static void detect_all(void)
{
	for (guint f = 0; f < files->len; f++) {
		struct nab_file *file = &g_array_index(files, struct nab_file, f);
		struct anomaly anomaly;

		anomaly_init(&anomaly);
		for (int i = 0; i < file->n; i++) {
			double s = anomaly_update(&anomaly, file->time_s[i], file->value[i]);

			file->score[i] = isnan(s) ? 0 : s;
		}
	}
}

static void print_files(void)
{
	printf("\n%-42s %7s %7s %9s\n", "file", "windows", "found", "score/2w");
	for (guint f = 0; f < files->len; f++) {
		struct nab_file *file = &g_array_index(files, struct nab_file, f);
		double raw = nab_raw_at(file, ANOMALY_THRESHOLD);
		int found = 0;

		for (int w = 0; w < file->n_windows; w++)
			found += file->window[w].best > -1;
		printf("%-42s %7d %7d %9.2f\n", file->name, file->n_windows, found,
		       raw + file->n_windows);
	}
}

static void print_scores(const char *what, GArray *some)
{
	double threshold, best = nab_score_best(some, &threshold);

	printf("%s: %.1f at the built-in threshold %.2f, %.1f with the threshold chosen on the\n"
	       "other files, %.1f with the best one (%.3f)\n",
	       what, nab_score_at(some, ANOMALY_THRESHOLD), ANOMALY_THRESHOLD,
	       nab_score_left_out(some), best, threshold);
}

/*
 * The constants were chosen with all these series at hand; those that are kept elsewhere decide.
 * The bound of the cloud VMs was 68 while constants were chosen on them alone (70.7); the views
 * that see more on all other series and after bursts cost three points here.
 */
static void test_detector(void)
{
	g_autoptr(GArray) cloud = nab_cloud(files);

	detect_all();
	print_files();
	print_scores("all files", files);
	print_scores("cloud VMs", cloud);
	printf("published, whole corpus: ARTime 74.9, Numenta HTM 70.5, CAD OSE 69.9, Skyline 58.2,\n"
	       "Random Cut Forest 51.7, Twitter ADVec 47.1, Windowed Gaussian 39.6, random 11.0\n");
	CU_ASSERT(nab_score_at(files, ANOMALY_THRESHOLD) >= 57);
	CU_ASSERT(nab_score_left_out(files) >= 55);
	CU_ASSERT(nab_score_at(cloud, ANOMALY_THRESHOLD) >= 66);
	CU_ASSERT(nab_score_left_out(cloud) >= 66);
}

int main(int argc, char **argv)
{
	g_autofree char *folder = bench_data_folder(argc > 1 ? argv[1] : NULL, "nab");
	CU_pSuite suite;
	unsigned failures;

	CU_initialize_registry();
	suite = CU_add_suite("nab", NULL, NULL);
	CU_add_test(suite, "the scorer, by hand", test_scorer);
	CU_add_test(suite, "its thresholds, by hand", test_scorer_thresholds);
	files = folder ? nab_load(folder) : NULL;
	if (files)
		CU_add_test(suite, "the detector on real series", test_detector);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	if (failures)
		return 1;
	if (!files)
		return bench_data_skip("nab");
	nab_free(files);
	return 0;
}
