/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glib.h>
#include <math.h>
#include <string.h>
#include "analytics/csv.h"
#include "suite.h"

static void test_times(void)
{
	static const struct {
		const char *line;
		int64_t time_s;
	} cases[] = {
		{"2014-02-14 14:30:00,1", 1392388200},
		{"2014-02-14T14:30:00Z,1", 1392388200},
		{"2014-02-14T14:30:00.999+01:00,1", 1392384600},
		{"2014-02-14 14:30:00-0530,1", 1392408000},
		{"  \"2014-02-14 14:30:00\" ,1", 1392388200},
		{"1392388200,1", 1392388200},
		{"1392388200.75,1", 1392388200},
		{"0,1", 0},
	};
	struct csv_row row;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		CU_ASSERT_EQUAL(csv_parse(cases[i].line, &row), 0);
		CU_ASSERT_EQUAL(row.time_s, cases[i].time_s);
		CU_ASSERT_EQUAL(row.value, 1);
	}
}

static void test_refused(void)
{
	static const char *const lines[] = {
		"",
		",1",
		"timestamp,value",
		"1392388200",
		"-5,1",
		"nan,1",
		"2014-02-14,1",
		"2014-02-14 14:30:00x,1",
		"2014-02-14 14:30:00+1,1",
		"1e300,1",
		"0000000000000000000000000000000000000000000000000000000000000000001,1",
	};
	struct csv_row row;

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		CU_ASSERT_EQUAL(csv_parse(lines[i], &row), -EINVAL);
}

static void test_values(void)
{
	struct csv_row row;

	CU_ASSERT_EQUAL(csv_parse("5, -1.5e3,more", &row), 0);
	CU_ASSERT_EQUAL(row.value, -1500);
	CU_ASSERT_EQUAL(csv_parse("5,", &row), 0);
	CU_ASSERT(isnan(row.value));
	CU_ASSERT_EQUAL(csv_parse("5,inf", &row), 0);
	CU_ASSERT(isnan(row.value));
}

static void test_round_trip(void)
{
	struct csv_row row;
	char text[32];

	csv_format_time(1392388200, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "2014-02-14 14:30:00");
	strcat(text, ",0");
	CU_ASSERT_EQUAL(csv_parse(text, &row), 0);
	CU_ASSERT_EQUAL(row.time_s, 1392388200);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"times", test_times},	 {"refused", test_refused},
		{"values", test_values}, {"there and back", test_round_trip},
		CU_TEST_INFO_NULL,
	};

	return suite_run("csv", tests);
}
