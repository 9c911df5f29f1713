/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alert rules as they are written: the struct that a rule of the file is loaded into, and the set
 * of all rules, which is right or refused as a whole.
 */
#ifndef KVMLENS_CONFIG_RULE_H
#define KVMLENS_CONFIG_RULE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <kvmlens.h>

#define RULES_DEFAULT_DIR "/etc/kvmlens/rules.d"
#define RULES_MAX 1024 /* all together */
#define RULE_REPEAT_MIN_MS 60000

enum rule_severity { RULE_INFO, RULE_WARNING, RULE_CRITICAL };
enum rule_type { RULE_THRESHOLD, RULE_ANOMALY, RULE_FORECAST, RULE_HEARTBEAT };

#define RULE_TERMS_MAX 8 /* of "and", and of "or" */
enum rule_operator { RULE_OP_NONE, RULE_GT, RULE_GE, RULE_LT, RULE_LE, RULE_EQ, RULE_NE };
enum rule_no_data { RULE_KEEP, RULE_ALERT, RULE_RESOLVE };

/* One comparison of a compound condition. */
struct rule_term {
	char *metric, *divisor;
	unsigned rate_ms;
	enum rule_operator op;
	char *threshold;
	struct kvmlens_tag *labels;
	size_t n_labels;
};

/* (The condition itself and all of "and") or any of "or". */
struct rule_condition {
	char *metric; /* NULL: the type's own */
	char *divisor; /* NULL: the value itself, else the ratio of both */
	unsigned rate_ms; /* of counters: per second, over so long; 0: the value itself */
	enum rule_operator op;
	char *threshold; /* see rule_number() */
	struct rule_term *ands, *ors;
	size_t n_ands, n_ors;
	unsigned duration_ms;
	struct kvmlens_tag *tags; /* of vm_info, and component; values are globs */
	size_t n_tags;
	struct kvmlens_tag *labels; /* of the series; values are globs */
	size_t n_labels;
	unsigned within_s; /* of forecasts */
};

struct config_rule {
	char *id, *name, *description, *text;
	enum rule_severity severity;
	enum rule_type type;
	struct rule_condition condition;
	char *resolve_threshold; /* NULL: the threshold */
	unsigned keep_firing_for_ms, repeat_ms; /* repeat 0: never */
	enum rule_no_data no_data;
	unsigned no_data_after_ms;
	bool enabled, raise_detail;
	char **channels;
	size_t n_channels;
	struct kvmlens_tag *labels; /* added to those of the series */
	size_t n_labels;
	struct kvmlens_tag *annotations; /* texts; they may hold placeholders */
	size_t n_annotations;
	char *runbook_url;
	/* Where it stands; no keys of the file. */
	const char *file; /* of the set that it is in */
	unsigned line;
};

struct config;
struct metric;

/* A number, with KiB to TiB behind it or not. -EINVAL. */
int rule_number(const char *text, double *ret_value);

/* "gt" and ">"; "warning". */
const char *rule_operator_name(enum rule_operator op);
const char *rule_operator_sign(enum rule_operator op);

/*
 * What a rule really looks at: anomaly and forecast rules are thresholds on the metrics of the
 * analytics, of the series that their "metric" label names. Only of a rule that was checked.
 */
struct rule_target {
	const struct metric *metric;
	enum rule_operator op;
	double threshold, resolve;
	const char *of; /* value of the label "metric", NULL: any */
	const struct metric *divisor; /* NULL: none */
	unsigned rate_ms;
};

void rule_target(const struct config_rule *rule, struct rule_target *ret_target);

/* What the tag "component" of a metric's rule is: "vm", "host" or "kvmlens". */
const char *rule_component(const struct metric *metric);

/* Can a placeholder of a text about this metric have that name? */
bool rule_placeholder_known(const struct metric *metric, const char *name, size_t len);

struct rule_set {
	GPtrArray *rules; /* const struct config_rule *, in order; those of the file, too */
	GPtrArray *parts; /* what else is to be freed */
	GString *warnings; /* a line for each rule that loads and is of doubtful use */
	unsigned skipped; /* default rules whose metric is not collected */
};

/*
 * The default rules unless config says no, those of the configuration, and those of each *.yaml in
 * its directory by name; a rule takes the place of a default one of the same id. config must
 * outlive the set. -EINVAL: *ret_error has a line for each mistake with file, line, what is wrong
 * and what to do, freed by the caller.
 */
int rule_set_load(const struct config *config, struct rule_set **ret_set, char **ret_error);
void rule_set_free(struct rule_set *set);

/* The set's rule of that id, NULL. */
const struct config_rule *rule_set_find(const struct rule_set *set, const char *id);
/* The id nearest to a misspelt one, NULL. */
const char *rule_set_nearest(const struct rule_set *set, const char *id);

/* What a rule with raise_detail asks for: globs on name and uuid, NULL: any VM. */
struct rule_raise {
	char *vm, *uuid;
	enum kvmlens_level level;
};

/* Those of the set (NULL: none), copied: struct rule_raise *. Never NULL. */
GPtrArray *rule_raises_new(const struct rule_set *set);

/* The level that a VM (NULL: any VM) is raised to, at least the given one. */
enum kvmlens_level rule_raises_level(const GPtrArray *raises, const char *vm, const char *uuid,
				     enum kvmlens_level level);

/* The file of default rules, as it is shipped. */
extern const char rule_defaults[];

#endif
