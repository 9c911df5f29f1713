// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <math.h>
#include <string.h>
#include "alert/engine_internal.h"

/* So far apart the two clocks are by no rounding. */
#define CLOCK_SET_MS 1000

const char *alert_state_name(enum alert_state state)
{
	static const char *const names[] = {"inactive", "pending", "firing", "nodata"};

	return names[state];
}

void alert_free(void *arg)
{
	struct alert *alert = arg;

	labels_unref(alert->record.labels);
	g_free(alert->record.rule_id);
	g_free(alert->terms_ms);
	g_free(alert);
}

void engine_fit_free(void *arg)
{
	struct fit *fit = arg;

	vm_ident_unref(fit->ident);
	labels_unref(fit->info);
	g_free(fit);
}

struct alert_engine *alert_engine_new(struct alert_rules *rules)
{
	struct alert_engine *engine = g_new0(struct alert_engine, 1);

	engine->rules = alert_rules_ref(rules);
	engine->old_rules = g_ptr_array_new_with_free_func((GDestroyNotify)alert_rules_unref);
	engine->orphans = g_ptr_array_new_with_free_func(alert_free);
	engine->alerts = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, alert_free);
	engine->fits = g_hash_table_new_full(NULL, NULL, NULL, engine_fit_free);
	engine->active = g_new0(guint, rules->rules->len + 1);
	engine->measures = measures_new();
	return engine;
}

void alert_engine_free(struct alert_engine *engine)
{
	if (!engine)
		return;
	measures_free(engine->measures);
	g_hash_table_unref(engine->alerts);
	g_hash_table_unref(engine->fits);
	g_ptr_array_unref(engine->orphans);
	g_ptr_array_unref(engine->old_rules);
	alert_rules_unref(engine->rules);
	g_free(engine->active);
	g_free(engine);
}

void alert_engine_set_rules(struct alert_engine *engine, struct alert_rules *rules)
{
	GHashTableIter iter;
	struct alert *alert;

	g_free(engine->active);
	engine->active = g_new0(guint, rules->rules->len + 1);
	g_hash_table_remove_all(engine->fits);
	g_hash_table_iter_init(&iter, engine->alerts);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&alert)) {
		const struct alert_rule *rule = alert_rules_find(rules, alert->rule->id);

		if (rule && rule->metric == alert->rule->metric) {
			alert->rule = rule;
			engine->active[rule->index]++;
			continue;
		}
		g_hash_table_iter_steal(&iter);
		g_ptr_array_add(engine->orphans, alert);
	}
	g_ptr_array_add(engine->old_rules, engine->rules);
	engine->rules = alert_rules_ref(rules);
}

/* A VM may be renamed, which makes it no other one. */
static uint64_t series_hash(const struct labels *labels)
{
	uint64_t h = 0;

	for (size_t i = 0; i < labels->n; i++) {
		const struct kvmlens_tag *tag = &labels->kv[i];

		if (strcmp(tag->key, "vm") == 0 && labels_get(labels, "uuid"))
			continue;
		h = alert_hash(alert_hash(h, tag->key), tag->value);
	}
	return h;
}

static struct alert *alert_add(struct alert_engine *engine, const struct alert_rule *rule,
			       struct labels *labels, uint64_t series)
{
	struct alert *alert;

	if (g_hash_table_size(engine->alerts) >= ENGINE_ALERTS_MAX) {
		engine->stats.refused++;
		return NULL;
	}
	alert = g_new0(struct alert, 1);
	alert->record.id = alert_hash_mix(rule->hash, series);
	alert->record.rule_id = g_strdup(rule->id);
	alert->record.labels = labels_ref(labels);
	alert->rule = rule;
	alert->series = series;
	alert->inhibition = alert_hash_mix(series, (uint64_t)(rule->metric - metrics) + 1);
	alert->reason = alert->quiet = "";
	engine->active[rule->index]++;
	g_hash_table_insert(engine->alerts, &alert->record.id, alert);
	return alert;
}

int alert_engine_restore(struct alert_engine *engine, const struct alert_record *record)
{
	const struct alert_rule *rule = alert_rules_find(engine->rules, record->rule_id);
	struct alert *alert;

	if (!rule || record->state == STATE_INACTIVE)
		return -ENOENT;
	alert = alert_add(engine, rule, record->labels, series_hash(record->labels));
	if (!alert)
		return -ENOSPC;
	/* Its id is ours anew, should another version have hashed otherwise. */
	alert->record = (struct alert_record){
		.id = alert->record.id,
		.rule_id = alert->record.rule_id,
		.labels = alert->record.labels,
		.state = record->state,
		.since_ms = record->since_ms,
		.fired_ms = record->fired_ms,
		.over_ms = record->over_ms,
		.seen_ms = record->seen_ms,
		.sent_ms = record->sent_ms,
		.told = record->told,
		.n = record->n,
		.value = record->value,
	};
	alert->restored = alert->kept = true;
	/* What held is not kept: until it is known again, it is as it was. */
	alert->terms = alert->record.fired_ms ? (1u << alert->rule->n_ands) - 1 : 0;
	return 0;
}

static struct alert *find(struct alert_engine *engine, const struct alert_rule *rule,
			  const struct labels *labels, uint64_t *series)
{
	uint64_t id;

	if (!*series)
		*series = series_hash(labels);
	id = alert_hash_mix(rule->hash, *series);
	return g_hash_table_lookup(engine->alerts, &id);
}

/* One rule, one entity. series is its hash once it was needed, 0 before. */
static void look(struct alert_engine *engine, const struct alert_rule *rule,
		 const struct snap_vm *vm, const void *entity, uint64_t *series)
{
	struct labels *labels = *(struct labels *const *)entity;
	bool follow = engine->active[rule->index] || rule->no_data == RULE_ALERT;
	struct metric_value value;
	struct alert *alert;
	double number = 0;
	bool known, holds;

	known = metric_read(rule->metric, entity, &value);
	if (known)
		number = metric_number(rule->metric, &value);
	holds = known && alert_rule_holds(rule, number, false);
	if (!holds && !follow)
		return;
	if (rule->n_match && !alert_rule_fits(rule, labels))
		return;
	alert = find(engine, rule, labels, series);
	if (!alert && (holds || (known && rule->no_data == RULE_ALERT)))
		alert = alert_add(engine, rule, labels, *series);
	if (!alert)
		return;
	alert->entity_seq = engine->seq;
	alert->vm = vm;
	alert->gone_ms = 0;
	if (!known)
		return;
	alert->value_seq = engine->seq;
	alert->record.value = number;
	engine_advance(engine, alert);
	alert->record.seen_ms = engine->now_ms;
}

/* Bits of the terms that are known, and of those that hold. */
struct terms {
	uint32_t known, hold;
};

static bool term_holds(struct alert_engine *engine, const struct alert_term *term, uint64_t key,
		       const struct snap_vm *vm, const void *entity, bool *known)
{
	const struct measure what = {term->metric, term->divisor, term->rate_ms, key};
	double value;

	if (!measure_read(engine->measures, &what, engine->snapshot, vm, entity, engine->now_ms,
			  &value))
		return false;
	*known = true;
	return alert_compare(term->op, value, term->threshold);
}

/* On the entity itself where the term is of its kind; else on any of the same VM or of the host. */
static void look_term(struct alert_engine *engine, const struct alert_rule *rule, unsigned i,
		      const struct snap_vm *vm, const void *entity, uint64_t series,
		      struct terms *terms)
{
	const struct alert_term *term = &rule->terms[i];
	bool known = false, holds = false;
	struct entities all = {(void *)entity, 1, 0};

	if (term->metric->scope != rule->metric->scope)
		all = metric_entities(term->metric->scope, engine->snapshot, vm);
	for (size_t k = 0; k < all.n; k++) {
		const void *other = entities_at(&all, k);
		const struct labels *labels = *(struct labels *const *)other;
		uint64_t key = alert_hash_mix(alert_hash_mix(rule->hash, series),
					      alert_hash(i + 1, labels->text));

		if (alert_matches(term->match, term->n_match, labels))
			holds |= term_holds(engine, term, key, vm, other, &known);
	}
	terms->known |= (uint32_t)known << i;
	terms->hold |= (uint32_t)holds << i;
}

/* While it fires, what is not known is as it was, for as long as a value of the rule would be. */
static void keep_terms(struct alert_engine *engine, struct alert *alert, const struct terms *terms)
{
	const struct alert_rule *rule = alert->rule;
	int64_t held_ms = alert_rule_held_ms(rule);

	for (unsigned i = 0; i < rule->n_ands + rule->n_ors; i++) {
		uint32_t bit = 1u << i;

		if (terms->known & bit || !alert->terms_ms[i])
			alert->terms_ms[i] = engine->now_ms;
		if (terms->known & bit || !engine_is_up(alert) ||
		    engine_lasted(engine, alert->terms_ms[i], held_ms))
			alert->terms = (alert->terms & ~bit) | (terms->hold & bit);
	}
}

/* The same for the value itself, where a term alone is known. */
static void keep_value(struct alert_engine *engine, struct alert *alert, double number)
{
	int64_t *known_ms = &alert->terms_ms[ALERT_TERMS_MAX];

	if (!isnan(number) || !*known_ms)
		*known_ms = engine->now_ms;
	if (!isnan(number) || !engine_is_up(alert) ||
	    engine_lasted(engine, *known_ms, alert_rule_held_ms(alert->rule)))
		alert->record.value = number;
}

/* A rule that compares more than one value, or none of a metric's own. */
static void look_compound(struct alert_engine *engine, const struct alert_rule *rule,
			  const struct snap_vm *vm, const void *entity, uint64_t *series)
{
	struct labels *labels = *(struct labels *const *)entity;
	struct measure what = {rule->metric, rule->divisor, rule->rate_ms, 0};
	struct terms terms = {0, 0};
	struct alert *alert;
	double number = NAN;
	bool known, holds;

	if (rule->n_match && !alert_rule_fits(rule, labels))
		return;
	alert = find(engine, rule, labels, series);
	what.key = alert_hash_mix(rule->hash, *series);
	known = measure_read(engine->measures, &what, engine->snapshot, vm, entity, engine->now_ms,
			     &number);
	for (unsigned i = 0; i < rule->n_ands + rule->n_ors; i++)
		look_term(engine, rule, i, vm, entity, *series, &terms);
	holds = (known && alert_rule_holds(rule, number, false) &&
		 engine_ands_hold(rule, terms.hold)) ||
		engine_ors_hold(rule, terms.hold);
	known |= (terms.known >> rule->n_ands) != 0;
	if (!alert && (holds || (known && rule->no_data == RULE_ALERT)))
		alert = alert_add(engine, rule, labels, *series);
	if (!alert)
		return;
	alert->entity_seq = engine->seq;
	alert->vm = vm;
	alert->gone_ms = 0;
	if (!alert->terms_ms)
		alert->terms_ms = g_new0(int64_t, ALERT_TERMS_MAX + 1);
	keep_terms(engine, alert, &terms);
	if (!known)
		return;
	alert->value_seq = engine->seq;
	keep_value(engine, alert, number);
	engine_advance(engine, alert);
	alert->record.seen_ms = engine->now_ms;
}

static void look_scope(struct alert_engine *engine, enum metric_scope scope,
		       const struct snap_vm *vm, const uint8_t *bits)
{
	const GArray *rules = engine->rules->by_scope[scope];
	struct entities entities;

	if (!rules)
		return;
	entities = metric_entities(scope, engine->snapshot, vm);
	for (size_t i = 0; i < entities.n; i++) {
		const void *entity = entities_at(&entities, i);
		uint64_t series = 0;

		for (guint k = 0; k < rules->len; k++) {
			const struct alert_rule *rule =
				g_array_index(rules, const struct alert_rule *, k);

			if (bits && !engine_fits(bits, rule))
				continue;
			if (alert_rule_is_plain(rule))
				look(engine, rule, vm, entity, &series);
			else
				look_compound(engine, rule, vm, entity, &series);
		}
	}
}

static void look_host(struct alert_engine *engine)
{
	for (int scope = 0; scope < SCOPE_VM; scope++)
		look_scope(engine, scope, NULL, NULL);
}

static void move_time(int64_t *ms, int64_t by)
{
	if (*ms)
		*ms = MAX(*ms + by, 1);
}

/* The wall clock was set: all is as long ago as it was, by the clock that others see. */
static void move_clock(struct alert_engine *engine, int64_t by)
{
	GHashTableIter iter;
	struct alert *alert;

	engine->now_ms += by;
	engine->rewrite = true;
	g_hash_table_iter_init(&iter, engine->alerts);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&alert)) {
		move_time(&alert->record.since_ms, by);
		move_time(&alert->record.fired_ms, by);
		move_time(&alert->record.over_ms, by);
		move_time(&alert->record.seen_ms, by);
		move_time(&alert->record.sent_ms, by);
		move_time(&alert->gone_ms, by);
	}
}

/* The lesser of the last two distances: a pause makes no interval. */
static void set_interval(struct alert_engine *engine, int64_t step_ms)
{
	engine->interval_ms = engine->last_step_ms ? MIN(step_ms, engine->last_step_ms) : step_ms;
	engine->last_step_ms = step_ms;
}

/* Time goes on evenly, whatever becomes of the wall clock meanwhile. */
static void set_clock(struct alert_engine *engine)
{
	const struct kvmlens_snapshot *s = engine->snapshot;
	int64_t before_ms = engine->now_ms;

	if (engine->now_ms && engine->mono_ns && s->mono_ns > engine->mono_ns) {
		engine->now_ms += (int64_t)((s->mono_ns - engine->mono_ns + 500000) / 1000000);
		set_interval(engine, engine->now_ms - before_ms);
		if (ABS(s->wall_ms - engine->now_ms) >= CLOCK_SET_MS)
			move_clock(engine, s->wall_ms - engine->now_ms);
	} else if (s->wall_ms > engine->now_ms) {
		engine->now_ms = s->wall_ms;
		if (before_ms)
			set_interval(engine, engine->now_ms - before_ms);
	}
	engine->mono_ns = s->mono_ns;
}

/* What is later than now is so by a clock that was set back while nothing ran. */
static void bound_times(struct alert_record *record, int64_t now_ms)
{
	record->since_ms = MIN(record->since_ms, now_ms);
	record->fired_ms = MIN(record->fired_ms, now_ms);
	record->over_ms = MIN(record->over_ms, now_ms);
	record->sent_ms = MIN(record->sent_ms, now_ms);
}

/* What was not running meanwhile cannot say that values were missing. */
static void take_up(struct alert_engine *engine)
{
	GHashTableIter iter;
	struct alert *alert;

	g_hash_table_iter_init(&iter, engine->alerts);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&alert)) {
		alert->change = CHANGE_KEPT;
		alert->reason = "";
		alert->dirty = engine->rewrite && alert->record.state != STATE_INACTIVE;
		alert->vm = NULL;
		if (!alert->restored)
			continue;
		alert->restored = false;
		bound_times(&alert->record, engine->now_ms);
		if (alert->record.state == STATE_PENDING &&
		    engine->now_ms - alert->record.seen_ms > alert->rule->no_data_after_ms)
			alert->record.since_ms = engine->now_ms;
		alert->record.seen_ms = engine->now_ms;
	}
	engine->rewrite = false;
}

void alert_engine_rewrite(struct alert_engine *engine)
{
	engine->rewrite = true;
}

void alert_engine_step(struct alert_engine *engine, const struct kvmlens_snapshot *snapshot,
		       const struct silences *silences, GPtrArray *events)
{
	engine->seq++;
	engine->snapshot = snapshot;
	engine->silences = silences;
	engine->events = events;
	set_clock(engine);
	take_up(engine);
	engine_settle_orphans(engine);
	look_host(engine);
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);
		const uint8_t *bits = engine_fit(engine, vm);

		for (int scope = SCOPE_VM; scope < SCOPE_MAX; scope++)
			look_scope(engine, scope, vm, bits);
	}
	engine_sweep(engine);
	engine_settle(engine);
	engine_fits_purge(engine);
	measures_purge(engine->measures, engine->now_ms);
	engine->snapshot = NULL;
}

void alert_engine_each(struct alert_engine *engine, alert_each_fn fn, void *arg)
{
	GHashTableIter iter;
	struct alert *alert;

	g_hash_table_iter_init(&iter, engine->alerts);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&alert))
		if (alert->record.state != STATE_INACTIVE)
			fn(arg, alert->rule, &alert->record, alert->vm, alert->quiet);
}

void alert_engine_stats(const struct alert_engine *engine, struct alert_engine_stats *ret_stats)
{
	*ret_stats = engine->stats;
	ret_stats->rules = engine->rules->rules->len;
}
