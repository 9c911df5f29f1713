// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "metric/labels.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

static void check_value(const char *value, const char *cleaned, const char *text)
{
	struct labels *labels = labels_new_one(NULL, "vm", value);

	CU_ASSERT_STRING_EQUAL(labels_get(labels, "vm"), cleaned);
	CU_ASSERT_STRING_EQUAL(labels->text, text);
	CU_ASSERT_EQUAL(labels->text_len, strlen(text));
	labels_unref(labels);
}

static void test_values(void)
{
	check_value("web-1", "web-1", "vm=\"web-1\"");
	check_value("", "", "vm=\"\"");
	check_value("a\"b\\c", "a\"b\\c", "vm=\"a\\\"b\\\\c\"");
	check_value("a\nb\x7f",
		    "a\xef\xbf\xbd"
		    "b\xef\xbf\xbd",
		    "vm=\"a\xef\xbf\xbd"
		    "b\xef\xbf\xbd\"");
	check_value("\xc3\xbc", "\xc3\xbc", "vm=\"\xc3\xbc\"");
	check_value("x\xc3", "x\xef\xbf\xbd", "vm=\"x\xef\xbf\xbd\"");
	check_value("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
		    "vm=\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	check_value("\xe2\x80\xae", "\xef\xbf\xbd", "vm=\"\xef\xbf\xbd\"");
}

static void test_bound(void)
{
	g_autofree char *letters = g_strnfill(10000, 'x');
	struct labels *labels = labels_new_one(NULL, "vm", letters);

	CU_ASSERT_EQUAL(strlen(labels_get(labels, "vm")), LABEL_VALUE_MAX);
	labels_unref(labels);
	/* A character of two bytes does not fit behind an odd number of them. */
	letters[LABEL_VALUE_MAX - 1] = '\xc3';
	letters[LABEL_VALUE_MAX] = '\xbc';
	labels = labels_new_one(NULL, "vm", letters);
	CU_ASSERT_EQUAL(strlen(labels_get(labels, "vm")), LABEL_VALUE_MAX - 1);
	labels_unref(labels);
}

static void test_hostile(void)
{
	const char *const *names = fake_hostile_names_all();

	for (; *names; names++) {
		struct labels *labels = labels_new_one(NULL, "vm", *names);
		const char *value = labels_get(labels, "vm");

		CU_ASSERT_TRUE(g_utf8_validate(value, -1, NULL));
		CU_ASSERT_TRUE(strlen(value) <= LABEL_VALUE_MAX);
		for (const char *p = labels->text; *p; p++)
			CU_ASSERT_TRUE((unsigned char)*p >= 0x20 && *p != 0x7f);
		labels_unref(labels);
	}
}

static void test_keys(void)
{
	struct kvmlens_tag tags[] = {
		{"ok_1", "a"}, {"1st", "b"},  {"team-name", "c"},  {"__name__", "d"},
		{"le", "e"},   {"ok_1", "f"}, {"\xc3\xbc-.", "g"}, {"quantile", "h"},
	};
	struct labels *labels = labels_new(NULL, tags, G_N_ELEMENTS(tags));

	CU_ASSERT_STRING_EQUAL(labels->text, "ok_1=\"a\",st=\"b\",teamname=\"c\",_name__=\"d\","
					     "le_=\"e\",quantile_=\"h\"");
	CU_ASSERT_EQUAL(labels->n, 6);
	labels_unref(labels);
}

static void test_base(void)
{
	struct labels *base = labels_new_one(NULL, "vm", "a\"");
	struct labels *more = labels_new(
		base, (struct kvmlens_tag[]){{"vcpu", "3"}, {"vm", "b"}, {"none", NULL}}, 3);

	labels_unref(labels_ref(base));
	labels_unref(base);
	CU_ASSERT_STRING_EQUAL(more->text, "vm=\"a\\\"\",vcpu=\"3\",none=\"\"");
	CU_ASSERT_STRING_EQUAL(labels_get(more, "vm"), "a\"");
	CU_ASSERT_PTR_NULL(labels_get(more, "disk"));
	labels_unref(more);
	labels_unref(NULL);
}

static void test_none(void)
{
	struct labels *labels = labels_new(NULL, NULL, 0);

	CU_ASSERT_EQUAL(labels->n, 0);
	CU_ASSERT_EQUAL(labels->text_len, 0);
	CU_ASSERT_STRING_EQUAL(labels->text, "");
	labels_unref(labels);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"values are cleaned and escaped", test_values},
		{"values are bounded at a character", test_bound},
		{"hostile names", test_hostile},
		{"keys are label names, once each", test_keys},
		{"labels of a base come first", test_base},
		{"no labels", test_none},
		CU_TEST_INFO_NULL,
	};

	return suite_run("labels", tests);
}
