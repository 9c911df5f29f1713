// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include "core/levels.h"
#include "suite.h"

static const char rules[] =
	"detail: standard\n"
	"vms: [{match: \"db-*\", detail: detailed}, {match: web, detail: standard}]\n";

static struct config *load(void)
{
	struct config *config = config_new();
	char *error = NULL;

	CU_ASSERT_EQUAL_FATAL(config_load_text(config, "rules", rules, sizeof(rules) - 1, &error),
			      0);
	return config;
}

static void test_order(void)
{
	struct config *config = load();
	struct levels *l = levels_new(config);

	CU_ASSERT_EQUAL(levels_for(l, "db-1", NULL, NULL), KVMLENS_DETAILED);
	CU_ASSERT_EQUAL(levels_for(l, "other", NULL, NULL), KVMLENS_STANDARD);
	CU_ASSERT_EQUAL(levels_highest(l), KVMLENS_DETAILED);
	/* A rule of the same level as the default is a rule all the same. */
	levels_set_default(l, KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL(levels_default(l), KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL(levels_for(l, "web", NULL, NULL), KVMLENS_STANDARD);
	CU_ASSERT_EQUAL(levels_for(l, "other", NULL, NULL), KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL(levels_highest(l), KVMLENS_DIAGNOSTIC);
	levels_free(l);
	config_free(config);
}

static void test_override(void)
{
	struct config *config = load();
	struct levels *l = levels_new(config);

	CU_ASSERT_EQUAL(levels_override(l, "db-*", KVMLENS_BASIC, 60000), 0);
	CU_ASSERT_EQUAL(levels_override(l, "db-7", KVMLENS_DIAGNOSTIC, 60000), 0);
	CU_ASSERT_EQUAL(levels_for(l, "db-1", NULL, NULL), KVMLENS_BASIC);
	CU_ASSERT_EQUAL(levels_for(l, "db-7", NULL, NULL), KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL(levels_highest(l), KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL(levels_override(l, "db-7", KVMLENS_BASIC, 0), 0);
	CU_ASSERT_EQUAL(levels_override(l, "db-7", KVMLENS_BASIC, 0), -ENOENT);
	CU_ASSERT_EQUAL(levels_for(l, "db-7", NULL, NULL), KVMLENS_BASIC);
	CU_ASSERT_EQUAL(levels_override(l, "some-uuid", KVMLENS_DIAGNOSTIC, 60000), 0);
	CU_ASSERT_EQUAL(levels_for(l, "x", "some-uuid", NULL), KVMLENS_DIAGNOSTIC);
	levels_free(l);
	config_free(config);
}

static void test_expiry(void)
{
	struct config *config = load();
	struct levels *l = levels_new(config);

	CU_ASSERT_EQUAL(levels_override(l, "*", KVMLENS_DIAGNOSTIC, 50), 0);
	g_usleep(100000);
	CU_ASSERT_EQUAL(levels_for(l, "x", NULL, NULL), KVMLENS_STANDARD);
	CU_ASSERT_EQUAL(levels_highest(l), KVMLENS_DETAILED);
	levels_free(l);
	config_free(config);
}

static void test_bound(void)
{
	struct config *config = load();
	struct levels *l = levels_new(config);
	char name[16];
	int n = 0, err;

	do {
		g_snprintf(name, sizeof(name), "vm%d", n);
		err = levels_override(l, name, KVMLENS_BASIC, 60000);
	} while (!err && ++n < 10000);
	CU_ASSERT_EQUAL(err, -ENOSPC);
	CU_ASSERT_EQUAL(n, 64);
	/* Who has one may change it. */
	CU_ASSERT_EQUAL(levels_override(l, "vm3", KVMLENS_DETAILED, 60000), 0);
	levels_free(l);
	config_free(config);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"order", test_order}, {"override", test_override}, {"expiry", test_expiry},
		{"bound", test_bound}, CU_TEST_INFO_NULL,
	};

	return suite_run("levels", tests);
}
