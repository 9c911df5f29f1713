/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of alerts: snapshots go in, events come out, and nothing else happens. It
 * knows no clock, file or network, and one thread at a time uses it.
 *
 * Of each rule and series:
 *
 *	inactive -> pending -> firing -> (resolved) inactive
 *	               |         ^ v
 *	               |       no data
 *	               v
 *	            inactive
 *
 * A pending alert whose value is missing is dropped, as Prometheus does. A firing one stands as it
 * was for no_data_after, and with no_data: keep for alert_rule_held_ms() at most. What is gone for
 * ALERT_GONE_MS (a VM, a disk beside others, a channel) resolves its alerts; where no entity of
 * the kind is left, a source may be silent, and no_data_after counts.
 * Spans are met within half an interval of the snapshots.
 */
#ifndef KVMLENS_ALERT_ENGINE_H
#define KVMLENS_ALERT_ENGINE_H

#include "alert/rules.h"
#include "alert/silence.h"

#define ENGINE_WARM_UP 3 /* first steps, in which a restored pending alert may lack its value */
#define ENGINE_ALERTS_MAX 100000

enum alert_state { STATE_INACTIVE, STATE_PENDING, STATE_FIRING, STATE_NODATA };

/* What is known of one alert; kept over a restart. */
struct alert_record {
	uint64_t id;
	char *rule_id;
	struct labels *labels; /* of the series, counted */
	enum alert_state state;
	int64_t since_ms; /* when the condition began to hold */
	int64_t fired_ms; /* 0: it does not fire */
	int64_t over_ms; /* when it ceased to hold while firing; 0: it holds */
	int64_t seen_ms; /* the last value's time */
	int64_t sent_ms; /* the last notification's; 0: nobody was told */
	enum alert_status told; /* if sent_ms */
	uint32_t n; /* notifications so far */
	double value; /* the last one */
};

enum alert_change {
	CHANGE_KEPT, /* it is told (again), or began to be over: the record alone has changed */
	CHANGE_PENDING,
	CHANGE_DROPPED, /* pending no more */
	CHANGE_FIRING,
	CHANGE_NODATA,
	CHANGE_RESOLVED,
};

/* An event: the new state, and what is to be told because of it. Owns everything. */
struct alert_event {
	enum alert_change change;
	struct alert_record record;
	const char *reason; /* static: of a resolution; "" */
	const char *quiet; /* static: "silenced", "inhibited"; "": neither */
	bool notify;
	bool detoured; /* it was queued in memory, as the store failed; notify is false then */
	struct notification notification;
	struct labels *labels; /* all of the notification's, counted; NULL: the record's */
	char **channels; /* of the rule, NULL: every one; then those that it goes to */
};

void alert_event_free(struct alert_event *event);

/* The reason that alerts of a VM end with which is gone. */
#define ALERT_VM_GONE "the VM is gone"

struct alert_engine;

/* Takes a reference on rules. */
struct alert_engine *alert_engine_new(struct alert_rules *rules);
void alert_engine_free(struct alert_engine *engine);

/*
 * Other rules from the next step on. Alerts of a rule that is no more are resolved then; those of
 * one that was changed go on by its new words.
 */
void alert_engine_set_rules(struct alert_engine *engine, struct alert_rules *rules);

/* An alert of before a restart; before the first step. Copied. -ENOENT: there is no such rule. */
int alert_engine_restore(struct alert_engine *engine, const struct alert_record *record);

/* What was kept is lost: let the next step tell of every alert again, though nobody is told. */
void alert_engine_rewrite(struct alert_engine *engine);

/*
 * Look at a snapshot, which is later than the one before. Appends a struct alert_event * for each
 * change to events, in order. silences may be NULL.
 */
void alert_engine_step(struct alert_engine *engine, const struct kvmlens_snapshot *snapshot,
		       const struct silences *silences, GPtrArray *events);

/* All that is not inactive; vm is of the last step's snapshot, NULL: it is not in it. */
typedef void (*alert_each_fn)(void *arg, const struct alert_rule *rule,
			      const struct alert_record *record, const struct snap_vm *vm,
			      const char *quiet);
void alert_engine_each(struct alert_engine *engine, alert_each_fn fn, void *arg);

struct alert_engine_stats {
	uint64_t rules, pending, firing, nodata; /* now */
	uint64_t fired, resolved; /* ever */
	uint64_t refused; /* alerts beyond ENGINE_ALERTS_MAX */
};

void alert_engine_stats(const struct alert_engine *engine, struct alert_engine_stats *ret_stats);

const char *alert_state_name(enum alert_state state);

#endif
