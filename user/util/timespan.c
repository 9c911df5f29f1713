// SPDX-License-Identifier: Apache-2.0
#include "util/timespan.h"

#include <ctype.h>
#include <errno.h>
#include <glib.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_MS (INT64_C(100) * 365 * 86400 * 1000)
#define LATEST_MS INT64_C(99999999999999) /* the year 5138 */
#define EPOCH_MS_FROM 1e11 /* as seconds it would be the year 5138, as milliseconds it is 1973 */
/* A bare number below is a span whose unit was forgotten, not a moment of before 1973. */
#define EPOCH_FROM 1e8

static int64_t unit_of(const char **p)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{"ms", 1},	{"s", 1000},	 {"m", 60000},
		{"h", 3600000}, {"d", 86400000}, {"w", 604800000},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(*p, units[i].name, n) == 0 && !isalpha((unsigned char)(*p)[n])) {
			*p += n;
			return units[i].ms;
		}
	}
	return 0;
}

/* A whole or decimal number; -EINVAL: there is none. */
static int take_number(const char **p, double *ret_number)
{
	const char *begin = *p;
	g_autofree char *digits = NULL;

	for (; isdigit((unsigned char)**p); (*p)++)
		;
	if (*p == begin)
		return -EINVAL;
	if (**p == '.' && isdigit((unsigned char)(*p)[1]))
		for ((*p)++; isdigit((unsigned char)**p); (*p)++)
			;
	digits = g_strndup(begin, (gsize)(*p - begin));
	*ret_number = g_ascii_strtod(digits, NULL);
	return 0;
}

int timespan_parse(const char *text, int64_t *ret_ms)
{
	double sum = 0;

	if (!*text)
		return -EINVAL;
	for (const char *p = text; *p;) {
		double number;
		int64_t unit;

		if (take_number(&p, &number))
			return -EINVAL;
		unit = unit_of(&p);
		if (!unit)
			return -EINVAL;
		sum += number * (double)unit;
		if (!(sum <= (double)MAX_MS))
			return -EINVAL;
	}
	*ret_ms = llround(sum);
	return 0;
}

/* Seconds since the epoch, or milliseconds where it could only be these; with a fraction or not. */
static int parse_epoch(const char *text, double least, int64_t *ret_ms)
{
	double number;

	if (take_number(&text, &number) || *text || !(number >= least))
		return -EINVAL;
	if (number < EPOCH_MS_FROM)
		number *= 1000;
	if (!(number <= (double)LATEST_MS))
		return -EINVAL;
	*ret_ms = llround(number);
	return 0;
}

/* What follows a time: a fraction of the second, "Z" or an offset; -EINVAL: something else. */
static int parse_rest(const char *p, bool *ret_zone, int *ret_offset_s, int *ret_fraction_ms)
{
	double fraction = 0;
	unsigned hours, minutes = 0;

	*ret_zone = false;
	if (*p == '.' || *p == ',') {
		double scale = 1;

		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++)
			fraction += (*p - '0') * (scale /= 10);
	}
	*ret_fraction_ms = (int)(fraction * 1000 + 1e-6);
	while (*p == ' ')
		p++;
	if (!*p)
		return 0;
	*ret_zone = true;
	*ret_offset_s = 0;
	if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0 || strcmp(p, "UTC") == 0)
		return 0;
	if (!g_regex_match_simple("^[+-][0-9]{2}(:?[0-9]{2})?$", p, G_REGEX_DOLLAR_ENDONLY, 0))
		return -EINVAL;
	if (p[3] && sscanf(p + (p[3] == ':' ? 4 : 3), "%2u", &minutes) != 1)
		return -EINVAL;
	if (sscanf(p + 1, "%2u", &hours) != 1 || hours > 23 || minutes > 59)
		return -EINVAL;
	*ret_offset_s = (int)(hours * 3600 + minutes * 60) * (*p == '-' ? -1 : 1);
	return 0;
}

/* A time of today or, where that is yet to come, of yesterday. */
static int parse_clock(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	static const char *const formats[] = {"%H:%M:%S", "%H:%M"};
	time_t now = (time_t)(now_ms / 1000);

	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
		struct tm tm;
		const char *end;

		if (!localtime_r(&now, &tm))
			return -EINVAL;
		tm.tm_sec = 0;
		tm.tm_isdst = -1;
		end = strptime(text, formats[i], &tm);
		if (!end || *end)
			continue;
		*ret_ms = (int64_t)mktime(&tm) * 1000;
		if (*ret_ms > now_ms) {
			tm.tm_mday--;
			tm.tm_isdst = -1;
			*ret_ms = (int64_t)mktime(&tm) * 1000;
		}
		return 0;
	}
	return -EINVAL;
}

static int parse_date(const char *text, int64_t *ret_ms)
{
	static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
					      "%Y-%m-%dt%H:%M:%S", "%Y-%m-%d %H:%M",
					      "%Y-%m-%dT%H:%M",	   "%Y-%m-%d"};

	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, formats[i], &tm);
		int offset_s, fraction_ms;
		bool zone;

		if (!end || parse_rest(end, &zone, &offset_s, &fraction_ms))
			continue;
		*ret_ms = (zone ? (int64_t)timegm(&tm) - offset_s : (int64_t)mktime(&tm)) * 1000 +
			  fraction_ms;
		return *ret_ms >= 0 && *ret_ms <= LATEST_MS ? 0 : -EINVAL;
	}
	return -EINVAL;
}

int moment_parse(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	int64_t ms = 0;
	int r;

	if (strcmp(text, "now") == 0)
		ms = now_ms, r = 0;
	else if (*text == '@')
		r = parse_epoch(text + 1, 0, &ms);
	else if (timespan_parse(text, &ms) == 0)
		ms = MAX(now_ms - ms, 0), r = 0;
	else if (parse_epoch(text, EPOCH_FROM, &ms) == 0)
		r = 0;
	else if (parse_date(text, &ms) == 0)
		r = 0;
	else
		r = parse_clock(text, now_ms, &ms);
	if (r == 0)
		*ret_ms = ms;
	return r;
}

int64_t timespan_nice(int64_t ms)
{
	static const int steps[] = {1,	 2,   5,    10,	  15,	30,    60,    120,   300,
				    600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400};

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
		if (ms <= steps[i] * INT64_C(1000))
			return steps[i] * INT64_C(1000);
	return (ms + 86399999) / 86400000 * 86400000;
}
