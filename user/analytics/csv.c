/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/csv.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Years 1970 to about 10000. */
#define TIME_MAX 253402300799

/* What may follow the seconds: a fraction, then Z or +HH:MM. False: something else does. */
static bool parse_zone(const char *p, int64_t *ret_offset)
{
	int sign, hours, minutes;

	*ret_offset = 0;
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p); p++)
			;
	if (*p == 'Z')
		p++;
	if (*p != '+' && *p != '-')
		return *p == '\0';
	sign = *p == '-' ? -1 : 1;
	if (!isdigit((unsigned char)p[1]) || !isdigit((unsigned char)p[2]))
		return false;
	hours = (p[1] - '0') * 10 + p[2] - '0';
	p += p[3] == ':' ? 4 : 3;
	if (!isdigit((unsigned char)p[0]) || !isdigit((unsigned char)p[1]) || p[2])
		return false;
	minutes = (p[0] - '0') * 10 + p[1] - '0';
	*ret_offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool parse_date(const char *text, int64_t *ret_time)
{
	struct tm tm = {0};
	int64_t offset;
	const char *rest = strptime(text, "%Y-%m-%d", &tm);

	if (!rest || (*rest != ' ' && *rest != 'T'))
		return false;
	rest = strptime(rest + 1, "%H:%M:%S", &tm);
	if (!rest || !parse_zone(rest, &offset))
		return false;
	*ret_time = (int64_t)timegm(&tm) - offset;
	return true;
}

static bool parse_time(const char *text, int64_t *ret_time)
{
	char *end;
	double seconds;

	if (parse_date(text, ret_time))
		return *ret_time >= 0 && *ret_time <= TIME_MAX;
	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0 && seconds <= (double)TIME_MAX))
		return false;
	*ret_time = (int64_t)seconds;
	return true;
}

int csv_parse(const char *line, struct csv_row *ret_row)
{
	const char *comma = strchr(line, ',');
	char time_text[64], *end;
	struct csv_row row;
	size_t n;

	if (!comma)
		return -EINVAL;
	line += strspn(line, " \t\"");
	n = comma > line ? (size_t)(comma - line) : 0;
	while (n && strchr(" \t\"", line[n - 1]))
		n--;
	if (!n || n >= sizeof(time_text))
		return -EINVAL;
	memcpy(time_text, line, n);
	time_text[n] = '\0';
	if (!parse_time(time_text, &row.time_s))
		return -EINVAL;
	comma += 1 + strspn(comma + 1, " \t\"");
	row.value = strtod(comma, &end);
	if (end == comma || !isfinite(row.value))
		row.value = NAN;
	*ret_row = row;
	return 0;
}

void csv_format_time(int64_t time_s, char *ret_text, size_t size)
{
	time_t t = (time_t)time_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(ret_text, size, "%Y-%m-%d %H:%M:%S", &tm))
		ret_text[0] = '\0';
}
