// SPDX-License-Identifier: Apache-2.0
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "unit/suite.h"
#include "util/textbuf.h"

static void check_u64(uint64_t value)
{
	char ours[TEXT_NUMBER_MAX], theirs[TEXT_NUMBER_MAX];

	*text_u64(ours, value) = 0;
	g_snprintf(theirs, sizeof(theirs), "%" G_GUINT64_FORMAT, value);
	CU_ASSERT_STRING_EQUAL(ours, theirs);
}

static void test_u64(void)
{
	uint64_t power = 1;

	check_u64(0);
	check_u64(UINT64_MAX);
	for (unsigned i = 0; i < 20; i++, power *= 10) {
		check_u64(power);
		check_u64(power - 1);
		check_u64(power + 1);
		check_u64(7 * power);
	}
	for (unsigned i = 0; i < 64; i++)
		check_u64(0x9e3779b97f4a7c15ull >> i);
}

static void check_seconds(uint64_t ns)
{
	char ours[TEXT_NUMBER_MAX], theirs[TEXT_NUMBER_MAX];

	*text_seconds(ours, ns) = 0;
	g_snprintf(theirs, sizeof(theirs), "%" G_GUINT64_FORMAT ".%09u", ns / 1000000000,
		   (unsigned)(ns % 1000000000));
	if (ns % 1000000000 == 0)
		*strchr(theirs, '.') = 0;
	CU_ASSERT_STRING_EQUAL(ours, theirs);
}

static void test_seconds(void)
{
	uint64_t power = 1;

	check_seconds(0);
	check_seconds(UINT64_MAX);
	for (unsigned i = 0; i < 20; i++, power *= 10) {
		check_seconds(power);
		check_seconds(power - 1);
		check_seconds(3 * power + 1);
	}
	for (unsigned i = 0; i < 64; i++)
		check_seconds(0x9e3779b97f4a7c15ull >> i);
}

/* What is written reads back as the same number, to nine digits behind the point at least. */
static void check_double(double value, const char *text)
{
	char ours[TEXT_NUMBER_MAX + 1];
	double back;

	*text_double(ours, value) = 0;
	CU_ASSERT_TRUE(strlen(ours) < TEXT_NUMBER_MAX);
	if (text)
		CU_ASSERT_STRING_EQUAL(ours, text);
	back = g_ascii_strtod(ours, NULL);
	CU_ASSERT_TRUE(fabs(back - value) <= 5e-10 + fabs(value) * 2.3e-16 ||
		       (isinf(value) && back == value));
	if (fabs(value) < 1e-3)
		CU_ASSERT_EQUAL(back, value);
}

static void test_double(void)
{
	unsigned seed = 1;

	check_double(0, "0");
	check_double(-0.0, "0");
	check_double(1, "1");
	check_double(100, "100");
	check_double(12.5, "12.5");
	check_double(-12.5, "-12.5");
	check_double(0.1, "0.1");
	check_double(99.999999999, "99.999999999");
	check_double(0.9999999999, "1");
	check_double(1e9, NULL);
	check_double(1.7976931348623157e308, NULL);
	check_double(-2.2250738585072014e-308, NULL);
	check_double(5e-324, NULL);
	check_double(1e-9, NULL);
	check_double(INFINITY, "+Inf");
	check_double(-INFINITY, "-Inf");
	for (int i = 0; i < 10000; i++)
		check_double(ldexp(rand_r(&seed), rand_r(&seed) % 90 - 60), NULL);
}

static void test_nan(void)
{
	char text[TEXT_NUMBER_MAX];

	*text_double(text, NAN) = 0;
	CU_ASSERT_STRING_EQUAL(text, "NaN");
}

/* Whatever locale a terminal program chose: a decimal comma would break every format. */
static void test_locale(void)
{
	char text[TEXT_NUMBER_MAX];

	if (!setlocale(LC_ALL, "de_DE.UTF-8"))
		printf("\n    the decimal comma is untried: locale de_DE.UTF-8 is not installed ");
	*text_double(text, 1.5e300) = 0;
	CU_ASSERT_PTR_NULL(strchr(text, ','));
	*text_double(text, 0.5) = 0;
	CU_ASSERT_STRING_EQUAL(text, "0.5");
	setlocale(LC_ALL, "C");
}

static void test_json_string(void)
{
	textbuf_auto out = {0};

	textbuf_append_json(&out, "a\"b\\c\n\x01\xc3\xbc/");
	textbuf_append_len(&out, "", 1);
	CU_ASSERT_STRING_EQUAL(out.data, "\"a\\\"b\\\\c\\u000a\\u0001\xc3\xbc/\"");
}

static void test_growth(void)
{
	textbuf_auto out = {0};
	g_autofree char *big = g_strnfill(100000, 'b');

	for (unsigned i = 0; i < 5000; i++)
		textbuf_append(&out, "abc");
	textbuf_append(&out, big);
	textbuf_printf(&out, "%d%s", 42, "");
	CU_ASSERT_EQUAL(out.len, 15000 + 100000 + 2);
	CU_ASSERT_EQUAL(memcmp(out.data + 14997, "abcb", 4), 0);
	CU_ASSERT_EQUAL(memcmp(out.data + out.len - 3, "b42", 3), 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"whole numbers", test_u64},
		{"nanoseconds as exact seconds", test_seconds},
		{"doubles read back", test_double},
		{"not a number", test_nan},
		{"no decimal comma", test_locale},
		{"JSON strings", test_json_string},
		{"growth", test_growth},
		CU_TEST_INFO_NULL,
	};

	return suite_run("textbuf", tests);
}
