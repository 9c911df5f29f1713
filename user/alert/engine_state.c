// SPDX-License-Identifier: Apache-2.0
/* From state to state: by a value, and by the lack of one. */
#include <string.h>
#include "alert/engine_internal.h"

const uint8_t *engine_fit(struct alert_engine *engine, const struct snap_vm *vm)
{
	struct fit *fit = g_hash_table_lookup(engine->fits, vm->ident);
	struct labels *info = vm->info.n ? *(struct labels **)entities_at(&vm->info, 0) : NULL;
	const GPtrArray *rules = engine->rules->rules;

	if (fit && fit->info == info) {
		fit->seq = engine->seq;
		return fit->bits;
	}
	fit = g_malloc0(sizeof(*fit) + rules->len / 8 + 1);
	fit->ident = vm_ident_ref(vm->ident);
	fit->info = info ? labels_ref(info) : NULL;
	fit->seq = engine->seq;
	for (guint i = 0; i < rules->len; i++) {
		const struct alert_rule *rule = g_ptr_array_index(rules, i);

		if (metric_scope_in_vm(rule->metric->scope) &&
		    alert_rule_fits_vm(rule, vm->labels, info))
			fit->bits[i / 8] |= 1u << i % 8;
	}
	g_hash_table_replace(engine->fits, vm->ident, fit);
	return fit->bits;
}

void engine_fits_purge(struct alert_engine *engine)
{
	GHashTableIter iter;
	struct fit *fit;

	if (g_hash_table_size(engine->fits) <= engine->snapshot->vms.n)
		return;
	g_hash_table_iter_init(&iter, engine->fits);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&fit))
		if (fit->seq != engine->seq)
			g_hash_table_iter_remove(&iter);
}

/*
 * A span is over at the snapshot that is nearest to its end: waiting for the first one behind it
 * would make a minute of snapshots every ten seconds last seventy whenever one is a little early.
 * One snapshot alone is no span.
 */
bool engine_lasted(const struct alert_engine *engine, int64_t since_ms, int64_t span_ms)
{
	int64_t ms = engine->now_ms - since_ms;

	return ms >= span_ms || (ms > 0 && 2 * ms > 2 * span_ms - engine->interval_ms);
}

static void fire(struct alert_engine *engine, struct alert *alert)
{
	alert->record.state = STATE_FIRING;
	alert->record.fired_ms = engine->now_ms;
	alert->record.over_ms = alert->record.sent_ms = 0;
	alert->record.n = 0;
	alert->change = CHANGE_FIRING;
	engine->stats.fired++;
}

void engine_resolve(struct alert *alert, const char *reason)
{
	alert->change = alert->record.state == STATE_PENDING ? CHANGE_DROPPED : CHANGE_RESOLVED;
	alert->reason = reason;
}

static void advance_waiting(struct alert_engine *engine, struct alert *alert, bool holds)
{
	struct alert_record *r = &alert->record;

	if (!holds) {
		if (r->state == STATE_PENDING)
			engine_resolve(alert, "");
		return;
	}
	if (r->state == STATE_INACTIVE) {
		r->state = STATE_PENDING;
		r->since_ms = engine->now_ms;
		alert->change = CHANGE_PENDING;
	}
	if (engine_lasted(engine, r->since_ms, alert->rule->for_ms))
		fire(engine, alert);
}

static void advance_firing(struct alert_engine *engine, struct alert *alert, bool holds,
			   const char *reason)
{
	struct alert_record *r = &alert->record;

	alert->dirty |= holds != !r->over_ms;
	if (holds) {
		r->over_ms = 0;
		return;
	}
	if (!r->over_ms)
		r->over_ms = engine->now_ms;
	if (engine_lasted(engine, r->over_ms, alert->rule->keep_ms))
		engine_resolve(alert, reason);
}

/* It goes on where it was when its values stopped. */
static void back(struct alert *alert)
{
	alert->record.state = STATE_FIRING;
	alert->dirty = true;
}

bool engine_ands_hold(const struct alert_rule *rule, uint32_t bits)
{
	uint32_t all = (1u << rule->n_ands) - 1;

	return (bits & all) == all;
}

bool engine_ors_hold(const struct alert_rule *rule, uint32_t bits)
{
	return bits >> rule->n_ands;
}

void engine_advance(struct alert_engine *engine, struct alert *alert)
{
	struct alert_record *r = &alert->record;
	bool fires = r->fired_ms != 0;
	bool holds = (alert_rule_holds(alert->rule, r->value, fires) &&
		      engine_ands_hold(alert->rule, alert->terms)) ||
		     engine_ors_hold(alert->rule, alert->terms);

	/* Values are back of one that never fired: it was told that they were missing. */
	if (r->state == STATE_NODATA && !fires)
		engine_resolve(alert, "data is back");
	else if (r->state == STATE_NODATA)
		back(alert);
	if (r->state == STATE_FIRING)
		advance_firing(engine, alert, holds, "");
	else if (r->state != STATE_NODATA)
		advance_waiting(engine, alert, holds);
}

/* As for what is missing altogether: a source may have fallen silent. */
static int64_t gone_unsure(const struct alert_rule *rule)
{
	if (alert_rule_is_guest(rule) || rule->no_data == RULE_ALERT)
		return ALERT_KEEP_MS;
	return MAX(rule->no_data_after_ms, ALERT_GONE_MS);
}

/* It was there, or might be: what it has no value of will not come back by itself. */
static bool is_down(const struct snap_vm *vm)
{
	return !vm->up &&
	       (vm->downs.n || vm->state == KVMLENS_VM_OFF || vm->state == KVMLENS_VM_CRASHED);
}

/*
 * Is it what the alert is of that is missing, rather than its value? For how long it must be so,
 * 0: it is there.
 */
static int64_t gone_after(struct alert_engine *engine, const struct alert *alert, GHashTable *vms,
			  const char **ret_reason)
{
	const enum metric_scope scope = alert->rule->metric->scope;
	const char *uuid = labels_get(alert->record.labels, "uuid");
	const struct snap_vm *vm = NULL;

	if (metric_scope_in_vm(scope)) {
		vm = uuid ? g_hash_table_lookup(vms, uuid) : NULL;
		if (!vm || is_down(vm)) {
			*ret_reason = ALERT_VM_GONE;
			return ALERT_GONE_MS;
		}
	}
	if (alert->entity_seq == engine->seq)
		return 0;
	if (scope == SCOPE_DOWN && vm->up) {
		*ret_reason = "the VM is back";
		return ALERT_GONE_MS;
	}
	if (metric_scope_in_vm(scope)) {
		if (!engine_fits(engine_fit(engine, vm), alert->rule))
			return ALERT_GONE_MS;
		if (scope == SCOPE_VM)
			return 0;
	}
	/* A disk that was detached has others beside it; a source that fell silent has none. */
	return metric_entities(scope, engine->snapshot, vm).n ? ALERT_GONE_MS
							      : gone_unsure(alert->rule);
}

static void missing(struct alert_engine *engine, struct alert *alert)
{
	struct alert_record *r = &alert->record;

	if (r->state == STATE_PENDING) {
		/* Sources need a moment after a start. */
		if (!alert->kept || engine->seq > ENGINE_WARM_UP)
			engine_resolve(alert, "no data");
		return;
	}
	if (!engine_lasted(engine, r->seen_ms, alert->rule->no_data_after_ms)) {
		if (r->state == STATE_FIRING)
			engine_advance(engine, alert);
		return;
	}
	if (engine_is_up(alert) && alert->rule->no_data == RULE_KEEP &&
	    engine_lasted(engine, r->seen_ms, alert_rule_held_ms(alert->rule))) {
		advance_firing(engine, alert, false, "no data");
		return;
	}
	if (r->state == STATE_NODATA)
		return;
	if (alert->rule->no_data == RULE_RESOLVE) {
		advance_firing(engine, alert, false, "no data");
	} else {
		r->state = STATE_NODATA;
		alert->change = CHANGE_NODATA;
	}
}

static GHashTable *vms_by_uuid(const struct kvmlens_snapshot *snapshot)
{
	GHashTable *vms = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; i < snapshot->vms.n; i++) {
		struct snap_vm *vm = entities_at(&snapshot->vms, i);
		const char *uuid = labels_get(vm->labels, "uuid");

		if (uuid)
			g_hash_table_insert(vms, (gpointer)uuid, vm);
	}
	return vms;
}

void engine_sweep(struct alert_engine *engine)
{
	g_autoptr(GHashTable) vms = NULL;
	GHashTableIter iter;
	struct alert *alert;

	engine->least = ALERT_CRITICAL;
	engine->most = ALERT_INFO;
	g_hash_table_iter_init(&iter, engine->alerts);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&alert)) {
		const char *reason = "gone";
		int64_t after_ms;

		if (engine_is_up(alert)) {
			engine->least = MIN(engine->least, alert->rule->severity);
			engine->most = MAX(engine->most, alert->rule->severity);
		}
		if (alert->value_seq == engine->seq)
			continue;
		if (!vms)
			vms = vms_by_uuid(engine->snapshot);
		after_ms = gone_after(engine, alert, vms, &reason);
		if (!after_ms)
			alert->gone_ms = 0;
		else if (!alert->gone_ms)
			alert->gone_ms = engine->now_ms;
		if (after_ms && (after_ms == ALERT_GONE_MS
					 ? engine->now_ms - alert->gone_ms >= after_ms
					 : engine_lasted(engine, alert->record.seen_ms, after_ms)))
			engine_resolve(alert, reason);
		else if (after_ms != ALERT_GONE_MS)
			missing(engine, alert);
		else if (alert->record.state == STATE_PENDING)
			missing(engine, alert);
	}
}
