/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of "timestamp,value", as they come from elsewhere. */
#ifndef KVMLENS_ANALYTICS_CSV_H
#define KVMLENS_ANALYTICS_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_LINE_MAX 512

struct csv_row {
	int64_t time_s; /* since the epoch; times without a zone are taken as UTC */
	double value; /* NAN: empty, or no number */
};

/*
 * Parse a line. The time is seconds since the epoch or YYYY-MM-DD HH:MM:SS, with T for the blank,
 * a fraction, Z or an offset allowed. -EINVAL: there is no time or no comma, as in a heading.
 */
int csv_parse(const char *line, struct csv_row *ret_row);

/* YYYY-MM-DD HH:MM:SS in UTC; size 20 at least. */
void csv_format_time(int64_t time_s, char *ret_text, size_t size);

#endif
