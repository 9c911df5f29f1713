// SPDX-License-Identifier: Apache-2.0
#include "cli/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define AXIS_WIDTH 10 /* of the numbers at the left, with a blank */
#define MIN_WIDTH 24
#define MIN_HEIGHT 5
#define MAX_SIDE 1000
/* Dots of a character. */
#define DOTS_X 2
#define DOTS_Y 4

struct canvas {
	unsigned columns, rows; /* characters */
	guint8 *cell; /* dots of each, as Braille numbers them */
	double bottom, top;
};

/* Bits of U+2800 for a dot, by column and row. */
static const guint8 dot_bit[DOTS_X][DOTS_Y] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};

static void set_dot(struct canvas *c, unsigned x, unsigned y)
{
	if (x < c->columns * DOTS_X && y < c->rows * DOTS_Y)
		c->cell[y / DOTS_Y * c->columns + x / DOTS_X] |= dot_bit[x % DOTS_X][y % DOTS_Y];
}

/* From the top. */
static unsigned row_of(const struct canvas *c, double value)
{
	double most = c->rows * DOTS_Y - 1;
	double part = (value - c->bottom) / (c->top - c->bottom);

	return (unsigned)lround(fmin(fmax((1 - part) * most, 0), most));
}

static void stroke(struct canvas *c, unsigned x, double low, double high)
{
	unsigned to = row_of(c, low);

	for (unsigned y = row_of(c, high); y <= to; y++)
		set_dot(c, x, y);
}

/* A range that is not empty; of percents and other things that are never negative, from 0. */
static void set_range(struct canvas *c, const struct plot_point *points, size_t n)
{
	c->bottom = INFINITY;
	c->top = -INFINITY;
	for (size_t i = 0; i < n; i++) {
		c->bottom = fmin(c->bottom, points[i].low);
		c->top = fmax(c->top, points[i].high);
	}
	if (!isfinite(c->bottom) || !isfinite(c->top))
		c->bottom = c->top = 0;
	if (c->bottom > 0 && c->bottom < c->top / 2)
		c->bottom = 0;
	if (c->top - c->bottom <= 1e-12 * fabs(c->top)) {
		c->bottom -= fabs(c->bottom) / 2;
		c->top += c->top > 0 ? c->top / 2 : 1;
	}
}

static void draw(struct canvas *c, const struct plot *plot, const struct plot_point *points,
		 size_t n)
{
	double span = fmax((double)(plot->until_ms - plot->since_ms), 1);

	for (size_t i = 0; i < n; i++) {
		double part = (double)(points[i].time_ms - plot->since_ms) / span;

		if (part >= 0 && part <= 1)
			stroke(c, (unsigned)(part * (c->columns * DOTS_X - 1)), points[i].low,
			       points[i].high);
	}
}

/* Four significant digits and a prefix: 1.234M. */
static void short_number(double value, char *ret_text, size_t size)
{
	static const char prefix[] = " kMGTPE";
	unsigned p = 0;

	while (fabs(value) >= 9999.5 && prefix[p + 1]) {
		value /= 1000;
		p++;
	}
	if (p)
		snprintf(ret_text, size, "%.4g%c", value, prefix[p]);
	else
		snprintf(ret_text, size, "%.4g", value);
}

static void append_cell(GString *out, guint8 dots, bool utf8)
{
	if (!dots)
		g_string_append_c(out, ' ');
	else if (utf8)
		g_string_append_unichar(out, 0x2800 + dots);
	else
		g_string_append_c(out, dots & 0xc0 ? (dots & 0x3f ? '#' : '.') : '*');
}

static void append_rows(GString *out, const struct canvas *c, bool utf8)
{
	for (unsigned row = 0; row < c->rows; row++) {
		char number[32] = "";
		const guint8 *cell = &c->cell[row * c->columns];
		unsigned last = c->columns;

		if (row == 0)
			short_number(c->top, number, sizeof(number));
		else if (row == c->rows - 1)
			short_number(c->bottom, number, sizeof(number));
		else if (row == c->rows / 2)
			short_number(c->top - (c->top - c->bottom) * row / (c->rows - 1), number,
				     sizeof(number));
		g_string_append_printf(out, "%*s ", AXIS_WIDTH - 1, number);
		while (last && !cell[last - 1])
			last--;
		for (unsigned i = 0; i < last; i++)
			append_cell(out, cell[i], utf8);
		g_string_append_c(out, '\n');
	}
}

static void format_time(int64_t time_ms, bool with_day, char *ret_text, size_t size)
{
	time_t t = (time_t)(time_ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) ||
	    !strftime(ret_text, size, with_day ? "%m-%d %H:%M" : "%H:%M:%S", &tm))
		ret_text[0] = '\0';
}

static void append_times(GString *out, const struct plot *plot, unsigned columns)
{
	bool with_day = plot->until_ms - plot->since_ms > 20 * 3600 * 1000;
	char from[32], to[32];
	int gap;

	format_time(plot->since_ms, with_day, from, sizeof(from));
	format_time(plot->until_ms, with_day, to, sizeof(to));
	gap = (int)columns - (int)strlen(from) - (int)strlen(to);
	g_string_append_printf(out, "%*s%s%*s%s\n", AXIS_WIDTH, "", from, MAX(gap, 1), "", to);
}

void plot_render(const struct plot *plot, const struct plot_point *points, size_t n, GString *out)
{
	struct canvas c = {
		.columns = CLAMP(plot->width, MIN_WIDTH, MAX_SIDE) - AXIS_WIDTH,
		.rows = CLAMP(plot->height, MIN_HEIGHT, MAX_SIDE) - 2,
	};
	char last[32] = "-";

	c.cell = g_new0(guint8, (gsize)c.columns * c.rows);
	set_range(&c, points, n);
	draw(&c, plot, points, n);
	if (n)
		short_number(points[n - 1].middle, last, sizeof(last));
	g_string_append_printf(out, "%s  now %s %s\n", plot->title, last, plot->unit);
	append_rows(out, &c, plot->utf8);
	append_times(out, plot, c.columns);
	g_free(c.cell);
}
