// SPDX-License-Identifier: Apache-2.0
#include "alert/measure.h"

struct sample {
	int64_t ms;
	double value;
};

/* A counter's samples of a window, oldest first. */
struct window {
	uint64_t key;
	int64_t span_ms;
	GArray *samples;
};

struct measures {
	GHashTable *windows; /* struct window by key */
};

static void window_free(void *arg)
{
	struct window *window = arg;

	g_array_unref(window->samples);
	g_free(window);
}

struct measures *measures_new(void)
{
	struct measures *m = g_new0(struct measures, 1);

	m->windows = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, window_free);
	return m;
}

void measures_free(struct measures *m)
{
	if (!m)
		return;
	g_hash_table_unref(m->windows);
	g_free(m);
}

static struct sample *sample_at(const struct window *window, guint i)
{
	return &g_array_index(window->samples, struct sample, i);
}

void measures_purge(struct measures *m, int64_t now_ms)
{
	GHashTableIter iter;
	struct window *window;

	g_hash_table_iter_init(&iter, m->windows);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&window))
		if (now_ms - sample_at(window, window->samples->len - 1)->ms > window->span_ms)
			g_hash_table_iter_remove(&iter);
}

static struct window *window_of(struct measures *m, uint64_t key, int64_t span_ms)
{
	struct window *window = g_hash_table_lookup(m->windows, &key);

	if (window && window->span_ms == span_ms)
		return window;
	window = g_new0(struct window, 1);
	window->key = key;
	window->span_ms = span_ms;
	window->samples = g_array_new(FALSE, FALSE, sizeof(struct sample));
	g_hash_table_replace(m->windows, &window->key, window);
	return window;
}

static void window_add(struct window *window, int64_t now_ms, double value)
{
	const struct sample sample = {now_ms, value};
	guint old = 0, n = window->samples->len;

	/* The clock was set back: what is later than now is of no use. */
	while (n && sample_at(window, n - 1)->ms >= now_ms)
		g_array_set_size(window->samples, --n);
	while (old < n && sample_at(window, old)->ms < now_ms - window->span_ms)
		old++;
	if (old)
		g_array_remove_range(window->samples, 0, old);
	n -= old;
	if (n >= 2 &&
	    sample_at(window, n - 1)->ms - sample_at(window, n - 2)->ms <
		    window->span_ms / MEASURE_SAMPLES_MAX &&
	    sample_at(window, n - 1)->value <= value)
		g_array_set_size(window->samples, n - 1);
	g_array_append_val(window->samples, sample);
}

/* What the counter grew by, through its resets. */
static double increase_of(const struct window *window)
{
	double increase = 0;

	for (guint i = 1; i < window->samples->len; i++) {
		double before = sample_at(window, i - 1)->value;
		double value = sample_at(window, i)->value;

		increase += value < before ? value : value - before;
	}
	return increase;
}

/* extrapolatedRate() of Prometheus: the edges of the window are filled, by half a step at most. */
static bool window_rate(const struct window *window, int64_t now_ms, double *ret_rate)
{
	guint n = window->samples->len;
	double sampled, step, to_start, to_end, increase, filled;

	if (n < 2)
		return false;
	sampled = (double)(sample_at(window, n - 1)->ms - sample_at(window, 0)->ms);
	step = sampled / (n - 1);
	to_start = (double)(sample_at(window, 0)->ms - (now_ms - window->span_ms));
	to_end = (double)(now_ms - sample_at(window, n - 1)->ms);
	increase = increase_of(window);
	/* A counter is not extrapolated below zero. */
	if (increase > 0 && sample_at(window, 0)->value >= 0)
		to_start = MIN(to_start, sampled * (sample_at(window, 0)->value / increase));
	filled = sampled + (to_start < step * 1.1 ? to_start : step / 2) +
		 (to_end < step * 1.1 ? to_end : step / 2);
	*ret_rate = increase * (filled / sampled) / ((double)window->span_ms / 1000);
	return true;
}

static bool read_one(struct measures *m, const struct metric *metric, const void *entity,
		     uint64_t key, int64_t rate_ms, int64_t now_ms, double *ret_value)
{
	struct metric_value value;
	struct window *window;

	if (!entity || !metric_read(metric, entity, &value))
		return false;
	*ret_value = metric_number(metric, &value);
	if (!rate_ms || metric->kind != METRIC_COUNTER)
		return true;
	window = window_of(m, key, rate_ms);
	window_add(window, now_ms, *ret_value);
	return window_rate(window, now_ms, ret_value);
}

/* The entity that a divisor is of. */
static const void *divisor_entity(const struct measure *what,
				  const struct kvmlens_snapshot *snapshot, const struct snap_vm *vm,
				  const void *entity)
{
	const enum metric_scope scope = what->divisor->scope;
	struct entities all;

	if (scope == what->metric->scope)
		return entity;
	all = metric_entities(scope, snapshot, vm);
	return all.n ? entities_at(&all, 0) : NULL;
}

bool measure_read(struct measures *m, const struct measure *what,
		  const struct kvmlens_snapshot *snapshot, const struct snap_vm *vm,
		  const void *entity, int64_t now_ms, double *ret_value)
{
	double above, below;
	bool known = read_one(m, what->metric, entity, what->key, what->rate_ms, now_ms, &above);

	if (!what->divisor) {
		if (known)
			*ret_value = above;
		return known;
	}
	known &= read_one(m, what->divisor, divisor_entity(what, snapshot, vm, entity),
			  alert_hash_mix(what->key, 1), what->rate_ms, now_ms, &below);
	if (!known || below == 0)
		return false;
	*ret_value = above / below;
	return true;
}
