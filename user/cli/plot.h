/* SPDX-License-Identifier: Apache-2.0 */
/* A line chart of text: Braille dots where UTF-8 is spoken, stars elsewhere. */
#ifndef KVMLENS_CLI_PLOT_H
#define KVMLENS_CLI_PLOT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plot_point {
	int64_t time_ms;
	double low, middle, high; /* low to high is drawn as a stroke */
};

struct plot {
	const char *title;
	const char *unit;
	int64_t since_ms, until_ms; /* the horizontal axis */
	unsigned width, height; /* characters in all; at least 24 by 5, less is taken as that */
	bool utf8;
};

/* Append the chart, with a line for the title and one for the times in local time. */
void plot_render(const struct plot *plot, const struct plot_point *points, size_t n, GString *out);

#endif
