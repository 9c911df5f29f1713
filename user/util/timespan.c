// SPDX-License-Identifier: Apache-2.0
#include "util/timespan.h"

#include <ctype.h>
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <time.h>

#define MAX_MS (INT64_C(100) * 365 * 86400 * 1000)

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

int timespan_parse(const char *text, int64_t *ret_ms)
{
	int64_t sum = 0;

	if (!*text)
		return -EINVAL;
	for (const char *p = text; *p;) {
		int64_t number = 0, unit;

		if (!isdigit((unsigned char)*p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p) && number < MAX_MS; p++)
			number = number * 10 + (*p - '0');
		unit = unit_of(&p);
		if (!unit || number > MAX_MS / unit || sum > MAX_MS - number * unit)
			return -EINVAL;
		sum += number * unit;
	}
	*ret_ms = sum;
	return 0;
}

static int parse_date(const char *text, int64_t *ret_ms)
{
	static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
					      "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, formats[i], &tm);

		if (!end || *end)
			continue;
		*ret_ms = (int64_t)mktime(&tm) * 1000;
		return *ret_ms >= 0 ? 0 : -EINVAL;
	}
	return -EINVAL;
}

int moment_parse(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	int64_t ago;

	if (strcmp(text, "now") == 0) {
		*ret_ms = now_ms;
		return 0;
	}
	if (*text == '@') {
		guint64 seconds;

		if (!g_ascii_string_to_unsigned(text + 1, 10, 0, MAX_MS / 1000, &seconds, NULL))
			return -EINVAL;
		*ret_ms = (int64_t)seconds * 1000;
		return 0;
	}
	if (timespan_parse(text, &ago))
		return parse_date(text, ret_ms);
	*ret_ms = MAX(now_ms - ago, 0);
	return 0;
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
