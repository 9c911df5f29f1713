// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>
#include "tui/display.h"
#include "tui/frame.h"
#include "tui/view.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

static bool same(char *text, const char *expected)
{
	bool equal = !strcmp(text, expected);

	if (!equal)
		fprintf(stderr, "got \"%s\", expected \"%s\"\n", text, expected);
	g_free(text);
	return equal;
}

static void test_width(void)
{
	CU_ASSERT_EQUAL(display_width(""), 0);
	CU_ASSERT_EQUAL(display_width("abc"), 3);
	CU_ASSERT_EQUAL(display_width("größe"), 5);
	CU_ASSERT_EQUAL(display_width("日本"), 4);
	/* A combining accent takes no column of its own. */
	CU_ASSERT_EQUAL(display_width("e\xcc\x81t"), 2);
}

static void test_clean(void)
{
	CU_ASSERT(same(display_clean("a\tb\nc", true), "a?b?c"));
	CU_ASSERT(same(display_clean("\x1b[2Jx\x7f", true), "?[2Jx?"));
	/* C1 controls, also as UTF-8: some terminals obey them. */
	CU_ASSERT(same(display_clean("\xc2\x9b"
				     "31m",
				     true),
		       "?31m"));
	/* Right-to-left override. */
	CU_ASSERT(same(display_clean("a\xe2\x80\xae"
				     "b",
				     true),
		       "a?b"));
	CU_ASSERT(same(display_clean("a\xff\xfe", true), "a??"));
	CU_ASSERT(same(display_clean("cut \xe6\x97", true), "cut ??"));
	CU_ASSERT(same(display_clean("größe 日", false), "gr??e ?"));
	CU_ASSERT(same(display_clean("größe 日", true), "größe 日"));
}

static void test_clean_marks(void)
{
	g_autofree char *towers = g_strdup("e\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85x");

	CU_ASSERT(same(display_clean(towers, true), "e\xcc\x81\xcc\x82x"));
	/* None at the very start: it would sit on what stands before the text. */
	CU_ASSERT(same(display_clean("\xcc\x81x", true), "x"));
}

static void test_fit(void)
{
	CU_ASSERT(same(display_fit("short", 5, true), "short"));
	CU_ASSERT(same(display_fit("a-long-name-01", 9, true), "a-lo…e-01"));
	CU_ASSERT(same(display_fit("a-long-name-01", 9, false), "a-lo~e-01"));
	CU_ASSERT(same(display_fit("abc", 1, true), "…"));
	CU_ASSERT(same(display_fit("abc", 2, true), "a…"));
	CU_ASSERT(same(display_fit("abc", 0, true), ""));
	CU_ASSERT(same(display_fit("abc", -3, true), ""));
	/* Half a wide character does not fit. */
	CU_ASSERT(same(display_fit("日本語版", 6, true), "日…版"));
}

static void test_fit_never_too_wide(void)
{
	static const char *const names[] = {"日本語日本語日本語", "a日b本c語d",
					    "e\xcc\x81\xcc\x81"
					    "e\xcc\x81zzzzzz",
					    "plain-ascii-name-of-a-vm"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		for (int width = 0; width < 30; width++) {
			g_autofree char *fit = display_fit(names[i], width, true);

			CU_ASSERT(display_width(fit) <= width);
			CU_ASSERT(g_utf8_validate(fit, -1, NULL));
			/* And it uses what it has: at most one column lies idle before a cut. */
			CU_ASSERT(display_width(fit) >= MIN(width, display_width(names[i])) - 2);
		}
	}
}

static void check_number(void (*format)(double, char *, size_t), double value, const char *expected)
{
	char buf[32];

	format(value, buf, sizeof(buf));
	CU_ASSERT_STRING_EQUAL(buf, expected);
}

static void test_numbers(void)
{
	check_number(display_percent, NAN, "-");
	check_number(display_percent, 0, "0.0");
	check_number(display_percent, 99.96, "100.0");
	check_number(display_percent, 999.96, "1000");
	check_number(display_percent, 25600, "25600");
	check_number(display_rate, NAN, "-");
	check_number(display_rate, 0.04, "0.0");
	check_number(display_rate, 99.94, "99.9");
	check_number(display_rate, 99.96, "100");
	check_number(display_rate, 12345.678, "12346");
	check_number(display_rate, 123456, "123k");
	check_number(display_rate, 1234567, "1.2M");
	check_number(display_rate, 123456789, "123M");
	check_number(display_count, NAN, "-");
	check_number(display_count, 64, "64");
	check_number(display_ms, NAN, "-");
	check_number(display_ms, 0.011, "11us");
	check_number(display_ms, 0.9999, "1.0ms");
	check_number(display_ms, 1.3, "1.3ms");
	check_number(display_ms, 250, "250ms");
	check_number(display_ms, 4294.9, "4.29s");
}

static void test_numbers_fit(void)
{
	for (double value = 1e-4; value < 9e4; value *= 1.01) {
		char buf[32];

		display_percent(value, buf, sizeof(buf));
		CU_ASSERT(strlen(buf) <= 5);
		display_ms(value, buf, sizeof(buf));
		CU_ASSERT(strlen(buf) <= 7);
		display_rate(value * 1e3, buf, sizeof(buf));
		CU_ASSERT(strlen(buf) <= 5);
	}
}

static void test_frame(void)
{
	struct frame *frame = frame_new(10, 3, true);

	CU_ASSERT_EQUAL(frame_put(frame, 0, 0, 4, TONE_NORMAL, "abcdefgh"), 4);
	CU_ASSERT_EQUAL(frame_put_right(frame, 0, 10, 4, TONE_WARN, "12"), 2);
	CU_ASSERT_EQUAL(frame_put(frame, 1, 8, 99, TONE_NORMAL, "beyond"), 2);
	CU_ASSERT_EQUAL(frame_put(frame, 3, 0, 5, TONE_NORMAL, "below"), 0);
	CU_ASSERT_EQUAL(frame_put(frame, -1, 0, 5, TONE_NORMAL, "above"), 0);
	CU_ASSERT_EQUAL(frame_put(frame, 1, 10, 5, TONE_NORMAL, "beside"), 0);
	CU_ASSERT(same(frame_row_text(frame, 0), "ab…h    12"));
	CU_ASSERT(same(frame_row_text(frame, 1), "        b…"));
	CU_ASSERT(same(frame_row_text(frame, 2), ""));
	CU_ASSERT(same(frame_text(frame), "ab…h    12\n        b…"));
	frame_free(frame);
}

static void test_paragraph(void)
{
	struct frame *frame = frame_new(12, 9, true);

	CU_ASSERT_EQUAL(paragraph_draw(frame, 1, 9, TONE_NORMAL, "one two three four"), 3);
	CU_ASSERT(same(frame_row_text(frame, 1), "one two"));
	CU_ASSERT(same(frame_row_text(frame, 2), "three four"));
	/* A word longer than the line is cut, not lost. */
	CU_ASSERT_EQUAL(paragraph_draw(frame, 4, 9, TONE_NORMAL, "a supercalifragilistic"), 6);
	CU_ASSERT(same(frame_row_text(frame, 5), "superc…istic"));
	/* Not beyond the row that it is given. */
	CU_ASSERT_EQUAL(paragraph_draw(frame, 7, 8, TONE_NORMAL, "one two three four"), 8);
	CU_ASSERT(same(frame_row_text(frame, 8), ""));
	frame_free(frame);
}

int main(void)
{
	CU_TestInfo tests[] = {{"width", test_width},
			       {"clean", test_clean},
			       {"clean_marks", test_clean_marks},
			       {"fit", test_fit},
			       {"fit_never_too_wide", test_fit_never_too_wide},
			       {"numbers", test_numbers},
			       {"numbers_fit", test_numbers_fit},
			       {"frame", test_frame},
			       {"paragraph", test_paragraph},
			       CU_TEST_INFO_NULL};

	return suite_run("top_display", tests);
}
