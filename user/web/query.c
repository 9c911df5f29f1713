// SPDX-License-Identifier: Apache-2.0
#include "web/query.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include "util/timespan.h"

#define DEFAULT_SINCE "1h"

/* No moment is later: the year 5138. */
#define LATEST_MS INT64_C(100000000000000)

static bool ended(const char *text)
{
	return memchr(text, 0, WIRE_NAME_MAX) != NULL;
}

bool query_valid(const struct wire_query *query)
{
	return ended(query->vm) && ended(query->metric) && query->metric[0] &&
	       g_utf8_validate(query->vm, -1, NULL) && g_utf8_validate(query->metric, -1, NULL) &&
	       query->since_ms >= 0 && query->until_ms <= LATEST_MS &&
	       query->since_ms < query->until_ms && query->step_ms >= 0 &&
	       query->step_ms <= LATEST_MS;
}

static int parse_name(const char *text, char *ret_name, const char **ret_complaint)
{
	if (strlen(text) >= WIRE_NAME_MAX || !g_utf8_validate(text, -1, NULL)) {
		*ret_complaint = "vm and metric have at most 127 bytes of UTF-8\n";
		return -EINVAL;
	}
	g_strlcpy(ret_name, text, WIRE_NAME_MAX);
	return 0;
}

/* As the command line takes it, but programs mean seconds by any bare number. */
static int parse_moment(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	g_autofree char *epoch = g_strconcat("@", text, NULL);

	return moment_parse(epoch, now_ms, ret_ms) == 0 ? 0 : moment_parse(text, now_ms, ret_ms);
}

static int parse_times(query_get_fn get, void *arg, int64_t now_ms, struct wire_query *query)
{
	const char *step = get(arg, "step");

	if (parse_moment(get(arg, "since") ?: DEFAULT_SINCE, now_ms, &query->since_ms) ||
	    parse_moment(get(arg, "until") ?: "now", now_ms, &query->until_ms))
		return -EINVAL;
	if (!step)
		query->step_ms = timespan_nice((query->until_ms - query->since_ms) / QUERY_POINTS);
	else if (strcmp(step, "raw") && timespan_parse(step, &query->step_ms))
		return -EINVAL;
	return 0;
}

int query_parse(query_get_fn get, void *arg, int64_t now_ms, struct wire_query *ret_query,
		const char **ret_complaint)
{
	struct wire_query query = {0};
	int r = parse_name(get(arg, "vm") ?: "", query.vm, ret_complaint);

	r = r ?: parse_name(get(arg, "metric") ?: "", query.metric, ret_complaint);
	if (r)
		return r;
	if (!query.metric[0]) {
		*ret_complaint = "say which: " QUERY_PATH "?vm=NAME&metric=vm.cpu.ready_time"
				 "[&since=2h][&until=now][&step=1m]\n";
		return -EINVAL;
	}
	if (parse_times(get, arg, now_ms, &query) || !query_valid(&query)) {
		*ret_complaint =
			"since and until are a time before now (2h), a date in UTC (or with a "
			"zone) or seconds since 1970, since first; step is a time span or raw\n";
		return -EINVAL;
	}
	*ret_query = query;
	return 0;
}
