// SPDX-License-Identifier: Apache-2.0
/* What the public API accepts and refuses before it needs any right. */
#include <errno.h>
#include <string.h>
#include <glib.h>
#include <kvmlens.h>
#include "unit/suite.h"

static int no_open(const char *uri, void *arg, void **ret_ctx)
{
	return -ENOTCONN;
}

static int no_list(void *ctx, kvmlens_list_fn add, void *arg)
{
	return 0;
}

static int no_stats(void *ctx, const char *id, enum kvmlens_level level,
		    struct kvmlens_vm_stats *stats)
{
	return 0;
}

static void no_close(void *ctx)
{
}

static const struct kvmlens_provider_ops complete = {
	.name = "test", .open = no_open, .list = no_list, .stats = no_stats, .close = no_close};

/* What kvmlens_collector_new says of a configuration. */
static int try_config(const struct kvmlens_config *config)
{
	struct kvmlens_collector *collector = NULL;
	int err = kvmlens_collector_new(config, &collector);

	CU_ASSERT_EQUAL(err == 0, collector != NULL);
	kvmlens_collector_free(collector);
	return err;
}

static void test_defaults(void)
{
	struct kvmlens_config config;

	memset(&config, 0xff, sizeof(config));
	kvmlens_config_init(&config);
	CU_ASSERT_EQUAL(config.detail_level, KVMLENS_STANDARD);
	CU_ASSERT_EQUAL(config.interval_ms, 0);
	CU_ASSERT_PTR_NULL(config.provider);
	CU_ASSERT_EQUAL(try_config(&config), 0);
	memset(&config, 0, sizeof(config));
	CU_ASSERT_EQUAL(try_config(&config), 0);
}

static void test_ranges(void)
{
	static const struct {
		struct kvmlens_config config;
		int err;
	} cases[] = {
		{{.interval_ms = 100}, 0},
		{{.interval_ms = 3600000}, 0},
		{{.interval_ms = 99}, -EINVAL},
		{{.interval_ms = 3600001}, -EINVAL},
		{{.detail_level = KVMLENS_DIAGNOSTIC}, 0},
		{{.detail_level = (enum kvmlens_level)4}, -EINVAL},
		{{.detail_level = (enum kvmlens_level) - 1}, -EINVAL},
		{{.enabled_metrics = KVMLENS_CPU | KVMLENS_DISK}, 0},
		{{.enabled_metrics = KVMLENS_ALL_GROUPS + 1}, -EINVAL},
		{{.node_id = "host-1"}, 0},
		{{.node_id = ""}, -EINVAL},
		{{.uri = "test:///default"}, 0},
		{{.uri = ""}, -EINVAL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		CU_ASSERT_EQUAL(try_config(&cases[i].config), cases[i].err);
}

static void test_tags(void)
{
	g_autofree char *long_key = g_strnfill(65, 'k');
	g_autofree char *long_value = g_strnfill(257, 'v');
	const struct {
		struct kvmlens_tag tag;
		int err;
	} cases[] = {
		{{"rack", "r12"}, 0},	     {{"rack", "a=b, \"c\""}, 0},
		{{"_x9", "\xc3\xa4"}, 0},    {{"9x", "v"}, -EINVAL},
		{{"", "v"}, -EINVAL},	     {{"a=b", "v"}, -EINVAL},
		{{long_key, "v"}, -EINVAL},  {{"rack", long_value}, -EINVAL},
		{{"rack", "\xff"}, -EINVAL}, {{"rack", NULL}, -EINVAL},
		{{NULL, "v"}, -EINVAL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct kvmlens_config config = {.tags = &cases[i].tag, .n_tags = 1};

		CU_ASSERT_EQUAL(try_config(&config), cases[i].err);
	}
}

static void test_provider(void)
{
	struct kvmlens_provider_ops ops = complete;
	struct kvmlens_config config = {.provider = &ops};

	CU_ASSERT_EQUAL(try_config(&config), 0);
	ops.list = NULL;
	CU_ASSERT_EQUAL(try_config(&config), -EINVAL);
	ops = complete;
	ops.close = NULL;
	CU_ASSERT_EQUAL(try_config(&config), -EINVAL);
	ops = complete;
	ops.name = NULL;
	CU_ASSERT_EQUAL(try_config(&config), -EINVAL);
}

/* What never started has no snapshot, and each destructor takes it, and nothing. */
static void test_unstarted(void)
{
	struct kvmlens_config config = {0};
	struct kvmlens_collector *collector = NULL;

	CU_ASSERT_EQUAL_FATAL(kvmlens_collector_new(&config, &collector), 0);
	CU_ASSERT_PTR_NULL(kvmlens_collector_snapshot(collector));
	kvmlens_collector_stop(collector);
	kvmlens_collector_free(collector);
	kvmlens_collector_stop(NULL);
	kvmlens_collector_free(NULL);
	kvmlens_snapshot_unref(NULL);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"defaults", test_defaults}, {"ranges", test_ranges},	    {"tags", test_tags},
		{"provider", test_provider}, {"unstarted", test_unstarted}, CU_TEST_INFO_NULL,
	};

	return suite_run("api", tests);
}
