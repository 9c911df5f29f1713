// SPDX-License-Identifier: Apache-2.0
/* Who is told of what: silences, inhibition, repeats; and the events that say so. */
#include <string.h>
#include "alert/engine_internal.h"
#include "alert/text.h"

void alert_event_free(struct alert_event *event)
{
	struct notification *n = &event->notification;

	labels_unref(event->record.labels);
	labels_unref(event->labels);
	for (size_t i = 0; i < n->n_annotations; i++) {
		g_free((char *)n->annotations[i].key);
		g_free((char *)n->annotations[i].value);
	}
	g_free((struct kvmlens_tag *)n->annotations);
	g_free((char *)n->runbook_url);
	g_free(event->record.rule_id);
	g_free((char *)n->key);
	g_free((char *)n->alert_id);
	g_free((char *)n->rule_name);
	g_free((char *)n->summary);
	g_free((char *)n->description);
	g_strfreev(event->channels);
	g_free(event);
}

/* The state that ought to have been told; false: nothing yet, or no more. */
static bool news_of(const struct alert *alert, enum alert_status *ret_status)
{
	if (!engine_is_up(alert))
		return false;
	*ret_status = ALERT_FIRING;
	if (alert->record.state == STATE_NODATA && alert->rule->no_data == RULE_ALERT)
		*ret_status = ALERT_NODATA;
	return true;
}

static bool wants_telling(const struct alert_engine *engine, const struct alert *alert,
			  enum alert_status *ret_status)
{
	const struct alert_record *r = &alert->record;

	if (alert->change == CHANGE_RESOLVED) {
		*ret_status = ALERT_RESOLVED;
		return r->sent_ms != 0;
	}
	if (!news_of(alert, ret_status))
		return false;
	if (!r->sent_ms || r->told != *ret_status)
		return true;
	return alert->rule->repeat_ms && engine_lasted(engine, r->sent_ms, alert->rule->repeat_ms);
}

/* The most severe alert that fires, by series: severity plus one. Empty where all are alike. */
static GHashTable *severest(struct alert_engine *engine)
{
	GHashTable *table = g_hash_table_new(g_int64_hash, g_int64_equal);
	GHashTableIter iter;
	struct alert *alert;

	if (engine->least >= engine->most)
		return table;
	g_hash_table_iter_init(&iter, engine->alerts);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&alert)) {
		guint has;

		if (!engine_is_up(alert) || alert->change == CHANGE_RESOLVED ||
		    alert->rule->severity == engine->least)
			continue;
		has = GPOINTER_TO_UINT(g_hash_table_lookup(table, &alert->inhibition));
		if (alert->rule->severity + 1u > has)
			g_hash_table_insert(table, &alert->inhibition,
					    GUINT_TO_POINTER(alert->rule->severity + 1u));
	}
	return table;
}

static const char *quiet_of(const struct alert_engine *engine, const struct alert *alert,
			    GHashTable *severities)
{
	guint worst =
		g_hash_table_size(severities)
			? GPOINTER_TO_UINT(g_hash_table_lookup(severities, &alert->inhibition))
			: 0;

	if (silences_match(engine->silences, engine->now_ms, alert->rule->id, alert->record.labels))
		return "silenced";
	return worst > alert->rule->severity + 1u ? "inhibited" : "";
}

static void fill_annotations(const struct alert_rule *rule, const struct alert_subject *subject,
			     struct notification *n)
{
	struct kvmlens_tag *tags = g_new0(struct kvmlens_tag, rule->n_annotations + 1);

	for (size_t i = 0; i < rule->n_annotations; i++)
		tags[i] = (struct kvmlens_tag){g_strdup(rule->annotations[i].key),
					       alert_text(rule->annotations[i].value, subject)};
	n->annotations = tags;
	n->n_annotations = rule->n_annotations;
	n->runbook_url = rule->runbook_url ? alert_text(rule->runbook_url, subject) : NULL;
}

static void fill_notification(struct alert_engine *engine, const struct alert *alert,
			      enum alert_status status, struct notification *n)
{
	const struct alert_record *r = &alert->record;
	const struct alert_subject subject = {
		alert->rule,	r,	alert->vm,    engine->rules->host,
		engine->now_ms, status, alert->reason};

	n->key = g_strdup_printf("%016" G_GINT64_MODIFIER "x-%" G_GINT64_FORMAT "-%s-%u", r->id,
				 r->fired_ms ? r->fired_ms : r->seen_ms, alert_status_name(status),
				 r->n);
	n->rule_name = g_strdup(alert->rule->name);
	n->severity = alert->rule->severity;
	n->status = status;
	n->starts_ms = r->fired_ms ? r->fired_ms : r->seen_ms;
	n->ends_ms = status == ALERT_RESOLVED ? engine->now_ms : 0;
	n->metric = alert->rule->metric->name;
	n->value = status == ALERT_NODATA ? NAN : r->value;
	n->threshold = alert->rule->threshold;
	n->description = alert_text(alert->rule->description, &subject);
	fill_annotations(alert->rule, &subject, n);
	n->summary = alert_summary(&subject);
}

static struct alert_event *event_new(struct alert_engine *engine, const struct alert *alert,
				     enum alert_status status)
{
	struct alert_event *event = g_new0(struct alert_event, 1);
	struct notification *n = &event->notification;

	event->change = alert->change;
	event->record = alert->record;
	event->record.rule_id = g_strdup(alert->record.rule_id);
	event->record.labels = labels_ref(alert->record.labels);
	event->reason = alert->reason;
	event->quiet = alert->quiet;
	event->channels = g_strdupv(alert->rule->channels);
	fill_notification(engine, alert, status, n);
	n->alert_id = g_strdup_printf("%016" G_GINT64_MODIFIER "x", alert->record.id);
	n->rule_id = event->record.rule_id;
	n->group_key = event->record.rule_id;
	n->at_ms = engine->now_ms;
	event->labels =
		labels_new(event->record.labels, alert->rule->labels, alert->rule->n_labels);
	n->labels = event->labels->kv;
	n->n_labels = event->labels->n;
	return event;
}

static void settle(struct alert_engine *engine, struct alert *alert, GHashTable *severities)
{
	enum alert_status status = ALERT_FIRING;
	bool tell = wants_telling(engine, alert, &status);
	struct alert_event *event;

	alert->quiet = engine_is_up(alert) && !alert->rule->heartbeat
			       ? quiet_of(engine, alert, severities)
			       : "";
	/* The end of what was told is told, quiet or not. */
	if (status != ALERT_RESOLVED && *alert->quiet)
		tell = false;
	if (alert->change == CHANGE_KEPT && !tell && !alert->dirty)
		return;
	if (alert->change == CHANGE_RESOLVED)
		engine->stats.resolved++;
	event = event_new(engine, alert, status);
	event->notify = tell;
	if (tell) {
		alert->record.sent_ms = engine->now_ms;
		alert->record.told = status;
		alert->record.n++;
		event->record.sent_ms = alert->record.sent_ms;
		event->record.told = status;
		event->record.n = alert->record.n;
	}
	g_ptr_array_add(engine->events, event);
}

static void count_states(struct alert_engine *engine, const struct alert *alert)
{
	engine->stats.pending += alert->record.state == STATE_PENDING;
	engine->stats.firing += alert->record.state == STATE_FIRING;
	engine->stats.nodata += alert->record.state == STATE_NODATA;
}

/* Over: forget it, but for one whose silence is to be noticed. */
static bool is_forgotten(struct alert *alert)
{
	if (alert->change != CHANGE_RESOLVED && alert->change != CHANGE_DROPPED)
		return alert->record.state == STATE_INACTIVE && alert->gone_ms;
	if (alert->rule->no_data != RULE_ALERT || alert->gone_ms)
		return true;
	alert->record.state = STATE_INACTIVE;
	alert->record.fired_ms = alert->record.over_ms = alert->record.sent_ms = 0;
	alert->record.n = 0;
	alert->reason = "";
	return false;
}

void engine_settle(struct alert_engine *engine)
{
	g_autoptr(GHashTable) severities = severest(engine);
	GHashTableIter iter;
	struct alert *alert;

	engine->stats.pending = engine->stats.firing = engine->stats.nodata = 0;
	g_hash_table_iter_init(&iter, engine->alerts);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&alert)) {
		settle(engine, alert, severities);
		if (!is_forgotten(alert)) {
			count_states(engine, alert);
			continue;
		}
		engine->active[alert->rule->index]--;
		g_hash_table_iter_remove(&iter);
	}
}

void engine_settle_orphans(struct alert_engine *engine)
{
	g_autoptr(GHashTable) none = g_hash_table_new(g_int64_hash, g_int64_equal);

	for (guint i = 0; i < engine->orphans->len; i++) {
		struct alert *alert = g_ptr_array_index(engine->orphans, i);

		engine_resolve(alert, "rule removed");
		if (alert->record.state != STATE_INACTIVE)
			settle(engine, alert, none);
	}
	g_ptr_array_set_size(engine->orphans, 0);
	g_ptr_array_set_size(engine->old_rules, 0);
}
