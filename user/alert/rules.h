/* SPDX-License-Identifier: Apache-2.0 */
/* Alert rules made ready for evaluation, by scope, with strings of their own. */
#ifndef KVMLENS_ALERT_RULES_H
#define KVMLENS_ALERT_RULES_H

#include "alert/notification.h"
#include "config/rule.h"
#include "metric/metric.h"

/* A VM that a restarted source has not listed again yet is not gone. */
#define ALERT_GONE_MS 15000
#define ALERT_KEEP_MS INT64_C(86400000) /* a firing alert without values ends */

/* A label and the glob that its value must match. */
struct alert_match {
	char *key, *glob;
};

/* A further comparison of a compound condition. */
struct alert_term {
	const struct metric *metric, *divisor;
	int64_t rate_ms;
	enum rule_operator op;
	double threshold;
	struct alert_match *match; /* of the entity's labels */
	size_t n_match;
};

#define ALERT_TERMS_MAX (2 * RULE_TERMS_MAX)

struct alert_rule {
	char *id, *name, *text, *description; /* text "": the default one */
	enum alert_severity severity;
	const struct metric *metric;
	const struct metric *divisor; /* the value is the ratio to it; NULL: the metric's own */
	int64_t rate_ms; /* the value is what it grew by per second over so long; 0: its own */
	const struct metric *shown; /* as the value is written: metric, or made with its unit */
	bool heartbeat; /* it always fires, and nothing keeps it quiet */
	struct alert_term *terms; /* n_ands that must hold too, then n_ors that are enough */
	size_t n_ands, n_ors;
	struct kvmlens_tag *labels, *annotations; /* the latter's values may have placeholders */
	size_t n_labels, n_annotations;
	char *runbook_url; /* NULL: none */
	enum rule_operator op;
	double threshold, resolve;
	int64_t for_ms, keep_ms, repeat_ms, no_data_after_ms;
	enum rule_no_data no_data;
	char **channels; /* NULL-terminated; NULL: every channel */
	struct alert_match *vm_match, *match; /* of the VM's identity, of the entity's labels */
	size_t n_vm_match, n_match;
	struct alert_match *tags; /* of vm_info */
	size_t n_tags;
	bool never; /* its component is another one */
	uint64_t hash; /* of the id */
	guint index; /* in rules */
};

struct alert_rules {
	gint ref;
	GPtrArray *rules; /* struct alert_rule *, those that are enabled */
	GArray *by_scope[SCOPE_MAX]; /* struct alert_rule *; NULL: none */
	char *host; /* node id, for texts */
};

/* The enabled rules of a set that was checked; set may be NULL. Counted, never NULL. */
struct alert_rules *alert_rules_new(const struct rule_set *set, const char *host);
/* The same with one rule alone. */
struct alert_rules *alert_rules_new_one(const struct config_rule *rule, const char *host);
struct alert_rules *alert_rules_ref(struct alert_rules *rules);
void alert_rules_unref(struct alert_rules *rules);

const struct alert_rule *alert_rules_find(const struct alert_rules *rules, const char *id);

/* Does it look at no more than a value of its own metric? */
static inline bool alert_rule_is_plain(const struct alert_rule *rule)
{
	return !rule->divisor && !rule->rate_ms && !(rule->n_ands + rule->n_ors);
}

/* Are entities of its kind known from the guest's inside alone, whose sources may be silent? */
bool alert_rule_is_guest(const struct alert_rule *rule);

/* How long a value that is missing stands while an alert fires. */
int64_t alert_rule_held_ms(const struct alert_rule *rule);

/* Is a value on the side of the limit that the operator asks for? */
bool alert_compare(enum rule_operator op, double value, double limit);

/* Do labels match all globs? labels may be NULL. */
bool alert_matches(const struct alert_match *match, size_t n, const struct labels *labels);

/* Does the value make the rule begin, or go on, to fire? */
bool alert_rule_holds(const struct alert_rule *rule, double value, bool fires);

/* Do a VM's identity and its vm_info (may be NULL) match? For rules on scopes of VMs. */
bool alert_rule_fits_vm(const struct alert_rule *rule, const struct labels *vm,
			const struct labels *info);
/* Do the entity's own labels match? */
bool alert_rule_fits(const struct alert_rule *rule, const struct labels *labels);

/* A 64-bit hash of bytes, and of two hashes. */
uint64_t alert_hash(uint64_t seed, const char *text);
uint64_t alert_hash_mix(uint64_t a, uint64_t b);

#endif
