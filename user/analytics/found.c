/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/found.h"

#include <math.h>
#include <string.h>
#include "analytics/engine.h"

#define SCORE_LIMIT 0.999
/* Contributors below this are no news. */
#define SHOWN_SHARE 0.02

struct found {
	struct entities anomalies, contributions, trends, forecasts, fulls;
};

static double cubed_odds(double score)
{
	double odds = fmin(score, SCORE_LIMIT);

	odds /= 1 - odds;
	return odds * odds * odds;
}

double found_join(const double *scores, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += cubed_odds(scores[i]);
	sum = cbrt(sum);
	return sum / (1 + sum);
}

static const struct watched *series_at(const struct watched_vm *vm, guint i)
{
	return g_ptr_array_index(vm->series, i);
}

static void set_score(struct found *f, const struct watched_vm *vm)
{
	g_autofree double *scores = g_new(double, vm->series->len + 1);
	size_t n = 0;

	for (guint i = 0; i < vm->series->len; i++)
		if (series_at(vm, i)->watch->roles & WATCH_ANOMALY)
			scores[n++] = series_at(vm, i)->held;
	if (!n)
		return;
	entities_alloc(&f->anomalies, 1, sizeof(struct snap_anomaly));
	*(struct snap_anomaly *)f->anomalies.v =
		(struct snap_anomaly){labels_ref(vm->labels), found_join(scores, n), n};
}

/* The series with the highest scores, best first; returns how many. */
static unsigned best_series(const struct watched_vm *vm, const struct watched **ret_best)
{
	unsigned n = 0;

	for (guint i = 0; i < vm->series->len; i++) {
		const struct watched *s = series_at(vm, i);
		unsigned at = n < ENGINE_CONTRIBUTIONS ? n++ : ENGINE_CONTRIBUTIONS;

		for (; at > 0 && ret_best[at - 1]->held < s->held; at--)
			if (at < ENGINE_CONTRIBUTIONS)
				ret_best[at] = ret_best[at - 1];
		if (at < ENGINE_CONTRIBUTIONS)
			ret_best[at] = s;
	}
	return n;
}

static void set_contributions(struct found *f, const struct watched_vm *vm)
{
	const struct watched *best[ENGINE_CONTRIBUTIONS];
	unsigned n = best_series(vm, best), shown = 0;
	double sum = 0;

	for (guint i = 0; i < vm->series->len; i++)
		sum += cubed_odds(series_at(vm, i)->held);
	while (shown < n && sum > 0 && cubed_odds(best[shown]->held) / sum >= SHOWN_SHARE)
		shown++;
	entities_alloc(&f->contributions, shown, sizeof(struct snap_contribution));
	for (unsigned i = 0; i < shown; i++)
		*(struct snap_contribution *)entities_at(&f->contributions, i) =
			(struct snap_contribution){labels_ref(best[i]->shown), best[i]->held,
						   cubed_odds(best[i]->held) / sum};
}

static void add(GArray *array, const void *entity)
{
	g_array_append_vals(array, entity, 1);
}

static void add_trends(GArray *trends, const struct watched *s)
{
	for (unsigned w = 0; w < OUTLOOK_WINDOWS; w++) {
		struct snap_trend trend = {NULL, s->trend[w].slope * 3600, s->trend[w].significant};

		if (!s->has_trend[w])
			continue;
		trend.labels = labels_ref(s->windowed[w]);
		add(trends, &trend);
	}
}

static void take(struct entities *entities, GArray *array, size_t stride)
{
	guint n = array->len;
	gpointer v = g_array_free(array, n == 0);

	*entities = (struct entities){n ? v : NULL, n, stride};
}

static void set_outlook(struct found *f, const struct watched_vm *vm)
{
	GArray *trends = g_array_new(FALSE, FALSE, sizeof(struct snap_trend));
	GArray *forecasts = g_array_new(FALSE, FALSE, sizeof(struct snap_forecast));
	GArray *fulls = g_array_new(FALSE, FALSE, sizeof(struct snap_full));

	for (guint i = 0; i < vm->series->len; i++) {
		const struct watched *s = series_at(vm, i);

		add_trends(trends, s);
		if (s->has_day)
			add(forecasts, &(struct snap_forecast){labels_ref(s->shown), s->day.mean,
							       s->day.peak.mean, s->day.peak.low95,
							       s->day.peak.high95});
		if (s->has_full)
			add(fulls, &(struct snap_full){labels_ref(s->shown), s->full.seconds,
						       s->full.within_24h, s->full.within_72h});
	}
	take(&f->trends, trends, sizeof(struct snap_trend));
	take(&f->forecasts, forecasts, sizeof(struct snap_forecast));
	take(&f->fulls, fulls, sizeof(struct snap_full));
}

struct found *found_of(const struct watched_vm *vm)
{
	struct found *f = g_new0(struct found, 1);

	set_score(f, vm);
	set_contributions(f, vm);
	set_outlook(f, vm);
	return f;
}

static void clear(struct entities *entities)
{
	for (size_t i = 0; i < entities->n; i++)
		labels_unref(*(struct labels **)entities_at(entities, i));
	g_free(entities->v);
}

void found_free(struct found *found)
{
	if (!found)
		return;
	clear(&found->anomalies);
	clear(&found->contributions);
	clear(&found->trends);
	clear(&found->forecasts);
	clear(&found->fulls);
	g_free(found);
}

static void copy(const struct entities *from, struct entities *to)
{
	if (!from->n || to->n)
		return;
	entities_alloc(to, from->n, from->stride);
	memcpy(to->v, from->v, from->n * from->stride);
	for (size_t i = 0; i < to->n; i++)
		labels_ref(*(struct labels **)entities_at(to, i));
}

void found_fill(const struct found *found, struct snap_vm *vm)
{
	if (!found)
		return;
	copy(&found->anomalies, &vm->anomalies);
	copy(&found->contributions, &vm->contributions);
	copy(&found->trends, &vm->trends);
	copy(&found->forecasts, &vm->forecasts);
	copy(&found->fulls, &vm->fulls);
}
