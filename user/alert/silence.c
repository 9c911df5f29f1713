// SPDX-License-Identifier: Apache-2.0
#include "alert/silence.h"

#include "util/text.h"

static void silence_clear(void *arg)
{
	struct silence *silence = arg;

	g_free(silence->rule);
	g_free(silence->vm);
	g_free(silence->comment);
}

struct silences *silences_new(void)
{
	struct silences *silences = g_new0(struct silences, 1);

	silences->list = g_array_new(FALSE, FALSE, sizeof(struct silence));
	g_array_set_clear_func(silences->list, silence_clear);
	return silences;
}

void silences_free(struct silences *silences)
{
	if (!silences)
		return;
	g_array_unref(silences->list);
	g_free(silences);
}

void silences_add(struct silences *silences, const struct silence *silence)
{
	struct silence *copy;

	g_array_append_val(silences->list, *silence);
	copy = &g_array_index(silences->list, struct silence, silences->list->len - 1);
	copy->rule = g_strdup(silence->rule);
	copy->vm = g_strdup(silence->vm);
	copy->comment = g_strdup(silence->comment);
}

static bool names_vm(const char *glob, const struct labels *labels)
{
	const char *vm = labels_get(labels, "vm"), *uuid = labels_get(labels, "uuid");

	return (vm && text_glob(glob, vm)) || (uuid && text_glob(glob, uuid));
}

bool silences_match(const struct silences *silences, int64_t now_ms, const char *rule_id,
		    const struct labels *labels)
{
	for (guint i = 0; silences && i < silences->list->len; i++) {
		const struct silence *s = &g_array_index(silences->list, struct silence, i);

		if (now_ms < s->since_ms || now_ms >= s->until_ms)
			continue;
		if ((!s->rule || text_glob(s->rule, rule_id)) &&
		    (!s->vm || names_vm(s->vm, labels)))
			return true;
	}
	return false;
}

#define DAY_MS INT64_C(86400000)

bool silence_window_active(const struct silence_window *w, int64_t now_ms, int64_t *ret_since_ms,
			   int64_t *ret_until_ms)
{
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(now_ms / 1000);
	g_autoptr(GDateTime) here = utc ? g_date_time_to_timezone(utc, w->zone) : NULL;

	/* It may have begun on any day that its span reaches back to. */
	for (int64_t back = 0; here && back <= w->span_ms / DAY_MS + 1; back++) {
		g_autoptr(GDateTime) day = g_date_time_add_days(here, (int)-back);
		g_autoptr(GDateTime) start = NULL;
		int64_t since_ms;

		if (!day || !(w->days & (1u << (g_date_time_get_day_of_week(day) - 1))))
			continue;
		start = g_date_time_new(w->zone, g_date_time_get_year(day),
					g_date_time_get_month(day),
					g_date_time_get_day_of_month(day), (int)w->from_min / 60,
					(int)w->from_min % 60, 0);
		if (!start)
			continue;
		since_ms = g_date_time_to_unix(start) * 1000;
		if (now_ms < since_ms || now_ms >= since_ms + w->span_ms)
			continue;
		*ret_since_ms = since_ms;
		*ret_until_ms = since_ms + w->span_ms;
		return true;
	}
	return false;
}

static void window_free(void *arg)
{
	struct silence_window *w = arg;

	g_free(w->name);
	g_free(w->rule);
	g_free(w->vm);
	g_free(w->comment);
	g_time_zone_unref(w->zone);
	g_free(w);
}

GPtrArray *silence_windows_new(const struct config *config)
{
	GPtrArray *windows = g_ptr_array_new_with_free_func(window_free);

	for (size_t i = 0; i < config->n_silences; i++) {
		const struct config_silence *c = &config->silences[i];
		struct silence_window *w = g_new0(struct silence_window, 1);

		w->name = g_strdup(c->name);
		w->rule = g_strdup(c->rule);
		w->vm = g_strdup(c->vm);
		w->comment = g_strdup(c->comment ? c->comment : c->name);
		w->days = c->days ? (uint8_t)c->days : 0x7f;
		w->from_min = config_time_of_day(c->from);
		w->span_ms = (int64_t)c->duration_s * 1000;
		w->zone = c->time_zone ? g_time_zone_new_identifier(c->time_zone)
				       : g_time_zone_new_local();
		if (!w->zone)
			w->zone = g_time_zone_new_utc(); /* the check refuses it before */
		g_ptr_array_add(windows, w);
	}
	return windows;
}

struct silences *silences_combine(const struct silences *list, const GPtrArray *windows,
				  int64_t now_ms)
{
	struct silences *all = silences_new();

	for (guint i = 0; list && i < list->list->len; i++)
		silences_add(all, &g_array_index(list->list, struct silence, i));
	for (guint i = 0; i < windows->len; i++) {
		const struct silence_window *w = g_ptr_array_index(windows, i);
		struct silence silence = {.rule = w->rule, .vm = w->vm, .comment = w->comment};

		if (silence_window_active(w, now_ms, &silence.since_ms, &silence.until_ms))
			silences_add(all, &silence);
	}
	return all;
}
