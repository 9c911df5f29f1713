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
	if (engine->now_ms - r->since_ms >= alert->rule->for_ms)
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
	if (engine->now_ms - r->over_ms >= alert->rule->keep_ms)
		engine_resolve(alert, reason);
}

/* It goes on where it was when its values stopped. */
static void back(struct alert *alert)
{
	alert->record.state = STATE_FIRING;
	alert->dirty = true;
}

void engine_advance(struct alert_engine *engine, struct alert *alert)
{
	struct alert_record *r = &alert->record;
	bool fires = r->fired_ms != 0;
	bool holds = alert_rule_holds(alert->rule, r->value, fires);

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

/* Is it what the alert is of that is missing, rather than its value? */
static bool is_gone(struct alert_engine *engine, const struct alert *alert, GHashTable *vms)
{
	const enum metric_scope scope = alert->rule->metric->scope;
	const char *uuid = labels_get(alert->record.labels, "uuid");
	const struct snap_vm *vm;

	if (alert->entity_seq == engine->seq)
		return false;
	if (!metric_scope_in_vm(scope))
		return false;
	vm = uuid ? g_hash_table_lookup(vms, uuid) : NULL;
	if (!vm || scope == SCOPE_VM)
		return !vm || !engine_fits(engine_fit(engine, vm), alert->rule);
	/* A disk that was detached has others beside it; a source that fell silent has none. */
	return metric_entities(scope, engine->snapshot, vm).n > 0;
}

static void missing(struct alert_engine *engine, struct alert *alert)
{
	struct alert_record *r = &alert->record;

	if (engine->now_ms - r->seen_ms <= alert->rule->no_data_after_ms) {
		if (r->state == STATE_PENDING || r->state == STATE_FIRING)
			engine_advance(engine, alert);
		return;
	}
	if (r->state == STATE_NODATA)
		return;
	if (r->state == STATE_PENDING) {
		engine_resolve(alert, "no data");
	} else if (alert->rule->no_data == RULE_RESOLVE) {
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
		if (engine_is_up(alert)) {
			engine->least = MIN(engine->least, alert->rule->severity);
			engine->most = MAX(engine->most, alert->rule->severity);
		}
		if (alert->value_seq == engine->seq)
			continue;
		if (!vms)
			vms = vms_by_uuid(engine->snapshot);
		if (!is_gone(engine, alert, vms)) {
			alert->gone_ms = 0;
			missing(engine, alert);
			continue;
		}
		if (!alert->gone_ms)
			alert->gone_ms = engine->now_ms;
		if (engine->now_ms - alert->gone_ms >= ENGINE_GONE_MS)
			engine_resolve(alert, "gone");
	}
}
