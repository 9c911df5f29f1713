/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine's files share; nothing else includes it. */
#ifndef KVMLENS_ALERT_ENGINE_INTERNAL_H
#define KVMLENS_ALERT_ENGINE_INTERNAL_H

#include "alert/engine.h"
#include "alert/measure.h"

struct alert {
	struct alert_record record;
	const struct alert_rule *rule;
	uint64_t series; /* hash of the label set */
	uint64_t inhibition; /* of the label set and the metric */
	uint64_t value_seq, entity_seq; /* the last step that saw its value, its entity */
	int64_t gone_ms; /* since when its VM or entity is missing, 0: it is not */
	const struct snap_vm *vm; /* of this step, NULL */
	bool restored; /* and not stepped yet */
	bool kept; /* it is of before a restart */
	uint32_t terms; /* bits: those of the rule that held when they were last known */
	int64_t *terms_ms; /* when each was known, and last the value; NULL: the rule is plain */
	bool dirty; /* the record changed in this step, whatever change says */
	enum alert_change change; /* of this step */
	const char *reason, *quiet; /* static */
};

/* Which rules fit a VM, for as long as what it is called stays. */
struct fit {
	struct vm_ident *ident;
	struct labels *info;
	uint64_t seq;
	uint8_t bits[];
};

struct alert_engine {
	struct alert_rules *rules;
	GPtrArray *old_rules; /* of alerts that are to be resolved */
	GPtrArray *orphans; /* struct alert *, of rules that are no more */
	GHashTable *alerts; /* struct alert by record.id */
	GHashTable *fits; /* struct fit by ident */
	bool rewrite; /* every alert is dirty in the next step */
	struct measures *measures;
	guint *active; /* alerts of each rule, by its index */
	uint64_t seq;
	struct alert_engine_stats stats;
	/* Of the step. */
	const struct kvmlens_snapshot *snapshot;
	const struct silences *silences;
	GPtrArray *events;
	enum alert_severity least, most; /* of those that are up */
	int64_t now_ms;
	uint64_t mono_ns;
	int64_t interval_ms; /* between snapshots, 0: not known yet */
	int64_t last_step_ms; /* how long after the one before the last snapshot was */
};

static inline bool engine_is_up(const struct alert *alert)
{
	return alert->record.state == STATE_FIRING || alert->record.state == STATE_NODATA;
}

/* Which rules fit this VM: a bit each. */
const uint8_t *engine_fit(struct alert_engine *engine, const struct snap_vm *vm);
void engine_fits_purge(struct alert_engine *engine);
void engine_fit_free(void *fit);

static inline bool engine_fits(const uint8_t *bits, const struct alert_rule *rule)
{
	return bits[rule->index / 8] & (1u << rule->index % 8);
}

/* Do the rule's terms, of which these bits hold, let a value of its own fire; are they enough? */
bool engine_ands_hold(const struct alert_rule *rule, uint32_t bits);
bool engine_ors_hold(const struct alert_rule *rule, uint32_t bits);

/* By its last value, go on from state to state. */
void engine_advance(struct alert_engine *engine, struct alert *alert);

/* Is a span that began then over? Within half an interval. */
bool engine_lasted(const struct alert_engine *engine, int64_t since_ms, int64_t span_ms);

/* End it, for the reason given ("": the condition is over). */
void engine_resolve(struct alert *alert, const char *reason);

/* What became of the alerts whose value this step did not see. */
void engine_sweep(struct alert_engine *engine);

/* Decide who is told, append the events, and forget what is over. */
void engine_settle(struct alert_engine *engine);
void engine_settle_orphans(struct alert_engine *engine);

void alert_free(void *alert);

#endif
