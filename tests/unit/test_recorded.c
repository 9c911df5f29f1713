/* SPDX-License-Identifier: Apache-2.0 */
/* The recordings of real guests are as the catalogue has it, and the store keeps them small. */
#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include "bench/recorded.h"
#include "store/store.h"
#include "suite.h"

#define DATA "tests/data/recorded"
#define START_MS 1700000100000
#define GUESTS 4
#define SERIES 80
#define VMS 4
#define TICKS 3600
#define BYTES_A_VALUE 4

struct seen {
	double last[SERIES + 1];
	unsigned n, fallen;
	const struct snap_vm *vm;
};

static struct recorded *load(void)
{
	g_autofree char *folder = g_build_filename(g_getenv("TOP") ?: ".", DATA, NULL);
	struct recorded *recorded = NULL;

	CU_ASSERT_EQUAL_FATAL(recorded_load(folder, &recorded), 0);
	return recorded;
}

static int look(void *arg, const struct metric *metric, const struct snap_vm *vm,
		const struct labels *labels, const struct metric_value *value)
{
	struct seen *seen = arg;
	double number = metric_number(metric, value);

	(void)labels;
	/* Derived from the VM's state, not recorded. */
	if (strcmp(metric->name, "vm.pause_reason") == 0)
		return 0;
	if (vm != seen->vm || metric->type == TYPE_HIST || seen->n > SERIES)
		return 0;
	if (metric->kind == METRIC_COUNTER)
		seen->fallen += number < seen->last[seen->n];
	seen->last[seen->n++] = number;
	return 0;
}

/* Also where a recording begins anew no counter falls. */
static void test_playback(void)
{
	struct recorded *recorded = load();
	struct playback *playback = playback_new(recorded, GUESTS);

	CU_ASSERT_EQUAL(recorded_guests(recorded), GUESTS);
	for (unsigned v = 0; v < GUESTS; v++) {
		struct seen seen = {.fallen = 0};
		unsigned before = 0;

		for (unsigned i = 0; i < TICKS; i++) {
			struct kvmlens_snapshot *s = playback_step(playback, START_MS + i * 1000);

			seen.n = 0;
			seen.vm = entities_at(&s->vms, v);
			CU_ASSERT_EQUAL_FATAL(s->vms.n, GUESTS);
			metric_walk(s, NULL, look, &seen);
			/* A value that is absent now and then moves those after it. */
			if (seen.n != before)
				seen.fallen = 0;
			before = seen.n;
			CU_ASSERT(seen.n > SERIES - 5 && seen.n <= SERIES);
			CU_ASSERT_EQUAL(seen.fallen, 0);
		}
	}
	playback_free(playback);
	recorded_free(recorded);
}

static int count(void *arg, const struct metric *metric, const struct snap_vm *vm,
		 const struct labels *labels, const struct metric_value *value)
{
	(void)vm;
	(void)labels;
	(void)value;
	*(double *)arg += metric->type != TYPE_HIST;
	return 0;
}

static void test_store(void)
{
	g_autofree char *folder = g_dir_make_tmp("kvmlens-recorded-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "history.db", NULL);
	struct store_config config = {.path = path};
	struct recorded *recorded = load();
	struct playback *playback = playback_new(recorded, VMS);
	struct store *store = NULL;
	struct stat st = {0};
	double values = 0;

	CU_ASSERT_EQUAL_FATAL(store_new(&config, &store), 0);
	for (unsigned i = 0; i < TICKS; i++) {
		struct kvmlens_snapshot *s = playback_step(playback, START_MS + i * 1000);

		metric_walk(s, NULL, count, &values);
		CU_ASSERT_EQUAL(store_offer(store, s), 0);
		store_flush(store);
	}
	store_free(store);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT(st.st_size > 0 && (double)st.st_size / values <= BYTES_A_VALUE);
	printf("\n    %.2f bytes a value ", (double)st.st_size / values);
	playback_free(playback);
	recorded_free(recorded);
	g_unlink(path);
	g_rmdir(folder);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"playing back", test_playback},
		{"bytes a value", test_store},
		CU_TEST_INFO_NULL,
	};

	return suite_run("recorded", tests);
}
