/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/series.h"

#include <math.h>
#include <string.h>
#include "store/columns.h"

#define HOLD 0.8

static void watched_free(gpointer arg)
{
	struct watched *s = arg;

	labels_unref(s->labels);
	labels_unref(s->shown);
	for (unsigned i = 0; i < OUTLOOK_WINDOWS; i++)
		labels_unref(s->windowed[i]);
	g_free(s->text);
	g_free(s->state);
	g_free(s);
}

struct watched_vm *watched_vm_new(const char *uuid, struct labels *labels)
{
	struct watched_vm *vm = g_new0(struct watched_vm, 1);

	vm->uuid = g_strdup(uuid);
	vm->labels = labels_ref(labels);
	vm->series = g_ptr_array_new_with_free_func(watched_free);
	return vm;
}

void watched_vm_free(struct watched_vm *vm)
{
	if (!vm)
		return;
	g_ptr_array_unref(vm->series);
	labels_unref(vm->labels);
	g_free(vm->uuid);
	g_free(vm);
}

struct watched *watched_new(struct watched_vm *vm, const struct watch *watch,
			    const struct metric *metric, const struct labels *labels)
{
	struct watched *s = g_new0(struct watched, 1);

	s->vm = vm;
	s->watch = watch;
	s->metric = metric;
	s->labels = labels_ref((struct labels *)labels);
	s->text = columns_label_text(labels);
	s->shown = labels_new_one(labels, "metric", metric->name);
	for (unsigned i = 0; i < OUTLOOK_WINDOWS; i++)
		s->windowed[i] = labels_new_one(s->shown, "window", outlook_window_name(i));
	g_ptr_array_add(vm->series, s);
	return s;
}

guint watched_hash(gconstpointer key)
{
	const struct watched *s = key;

	return g_direct_hash(s->metric) ^ g_str_hash(s->labels->text);
}

gboolean watched_equal(gconstpointer left, gconstpointer right)
{
	const struct watched *a = left, *b = right;

	return a->metric == b->metric &&
	       (a->labels == b->labels || strcmp(a->labels->text, b->labels->text) == 0);
}

void watched_learn(struct watched *s, gint64 time_s, double value)
{
	double score = watch_add(s->state, time_s, value);

	s->held *= HOLD;
	if (s->watch->roles & WATCH_ANOMALY && score > s->held)
		s->held = score;
}

void watched_look(struct watched *s, unsigned look)
{
	/* Looks are five minutes apart. */
	static const unsigned every[OUTLOOK_WINDOWS] = {1, 6, 36};
	const unsigned forecast_every = 12;

	for (unsigned i = 0; s->watch->roles & WATCH_TREND && i < OUTLOOK_WINDOWS; i++)
		if (look % every[i] == 0 || !s->has_trend[i])
			s->has_trend[i] = outlook_trend(s->state, i, &s->trend[i]);
	if (s->watch->roles & WATCH_FORECAST && (look % forecast_every == 0 || !s->has_day))
		s->has_day = outlook_forecast(s->state, &s->day);
	if (s->watch->roles & WATCH_FULL)
		s->has_full = outlook_full(s->state, &s->full);
}
