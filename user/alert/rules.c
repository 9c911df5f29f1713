// SPDX-License-Identifier: Apache-2.0
#include "alert/rules.h"

#include <math.h>
#include <string.h>
#include "util/text.h"

uint64_t alert_hash(uint64_t seed, const char *text)
{
	uint64_t h = seed ^ 0xcbf29ce484222325ull;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
	return alert_hash_mix(h, 0);
}

/* The finalizer of splitmix64 over both. */
uint64_t alert_hash_mix(uint64_t a, uint64_t b)
{
	uint64_t z = a + b * 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void match_add(struct alert_match **matches, size_t *n, const char *key, const char *glob)
{
	*matches = g_renew(struct alert_match, *matches, *n + 1);
	(*matches)[(*n)++] = (struct alert_match){g_strdup(key), g_strdup(glob)};
}

static void add_matches(struct alert_rule *rule, const struct rule_condition *condition,
			const char *of)
{
	for (size_t i = 0; i < condition->n_tags; i++) {
		const struct kvmlens_tag *tag = &condition->tags[i];

		if (strcmp(tag->key, "component") == 0)
			rule->never |= !text_glob(tag->value, rule_component(rule->metric));
		else
			match_add(&rule->tags, &rule->n_tags, tag->key, tag->value);
	}
	for (size_t i = 0; i < condition->n_labels; i++) {
		const struct kvmlens_tag *label = &condition->labels[i];

		if (strcmp(label->key, "vm") == 0 || strcmp(label->key, "uuid") == 0)
			match_add(&rule->vm_match, &rule->n_vm_match, label->key, label->value);
		else
			match_add(&rule->match, &rule->n_match, label->key, label->value);
	}
	if (of)
		match_add(&rule->match, &rule->n_match, "metric", of);
}

static char **copy_channels(const struct config_rule *config)
{
	char **channels;

	if (!config->n_channels)
		return NULL;
	channels = g_new0(char *, config->n_channels + 1);
	for (size_t i = 0; i < config->n_channels; i++)
		channels[i] = g_strdup(config->channels[i]);
	return channels;
}

static struct alert_term term_of(const struct rule_term *config)
{
	struct alert_term term = {
		.metric = metric_find(config->metric),
		.divisor = config->divisor ? metric_find(config->divisor) : NULL,
		.rate_ms = config->rate_ms,
		.op = config->op,
	};

	rule_number(config->threshold, &term.threshold);
	for (size_t i = 0; i < config->n_labels; i++)
		match_add(&term.match, &term.n_match, config->labels[i].key,
			  config->labels[i].value);
	return term;
}

static void add_terms(struct alert_rule *rule, const struct rule_condition *condition)
{
	rule->n_ands = condition->n_ands;
	rule->n_ors = condition->n_ors;
	rule->terms = g_new0(struct alert_term, rule->n_ands + rule->n_ors + 1);
	for (size_t i = 0; i < rule->n_ands; i++)
		rule->terms[i] = term_of(&condition->ands[i]);
	for (size_t i = 0; i < rule->n_ors; i++)
		rule->terms[rule->n_ands + i] = term_of(&condition->ors[i]);
}

/* A value that is computed has another unit than its metric. */
static const struct metric *shown_as(const struct alert_rule *rule)
{
	struct metric *shown;

	if (!rule->divisor && !rule->rate_ms)
		return rule->metric;
	shown = g_memdup2(rule->metric, sizeof(*shown));
	if (rule->divisor)
		shown->unit = "ratio";
	else if (strcmp(rule->metric->unit, "bytes") == 0)
		shown->unit = "bytes/s";
	else
		shown->unit = "per second";
	return shown;
}

static struct kvmlens_tag *copy_tags(const struct kvmlens_tag *tags, size_t n)
{
	struct kvmlens_tag *copy = g_new0(struct kvmlens_tag, n + 1);

	for (size_t i = 0; i < n; i++)
		copy[i] = (struct kvmlens_tag){g_strdup(tags[i].key), g_strdup(tags[i].value)};
	return copy;
}

static void tags_free(struct kvmlens_tag *tags, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		g_free((char *)tags[i].key);
		g_free((char *)tags[i].value);
	}
	g_free(tags);
}

static struct alert_rule *rule_new(const struct config_rule *config)
{
	static const enum alert_severity severities[] = {
		[RULE_INFO] = ALERT_INFO,
		[RULE_WARNING] = ALERT_WARNING,
		[RULE_CRITICAL] = ALERT_CRITICAL,
	};
	struct alert_rule *rule = g_new0(struct alert_rule, 1);
	struct rule_target target;

	rule_target(config, &target);
	rule->id = g_strdup(config->id);
	rule->name = g_strdup(config->name ? config->name : config->id);
	rule->text = g_strdup(config->text ? config->text : "");
	rule->description = g_strdup(config->description ? config->description : "");
	rule->severity = severities[config->severity];
	rule->metric = target.metric;
	rule->divisor = target.divisor;
	rule->rate_ms = target.rate_ms;
	rule->heartbeat = config->type == RULE_HEARTBEAT;
	rule->shown = shown_as(rule);
	add_terms(rule, &config->condition);
	rule->labels = copy_tags(config->labels, config->n_labels);
	rule->n_labels = config->n_labels;
	rule->annotations = copy_tags(config->annotations, config->n_annotations);
	rule->n_annotations = config->n_annotations;
	rule->runbook_url = g_strdup(config->runbook_url);
	rule->op = target.op;
	rule->threshold = target.threshold;
	rule->resolve = target.resolve;
	rule->for_ms = config->condition.duration_ms;
	rule->keep_ms = config->keep_firing_for_ms;
	rule->repeat_ms = config->repeat_ms;
	rule->no_data = config->no_data;
	rule->no_data_after_ms = config->no_data_after_ms;
	rule->channels = copy_channels(config);
	rule->hash = alert_hash(0, config->id);
	add_matches(rule, &config->condition, target.of);
	return rule;
}

static void matches_free(struct alert_match *matches, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		g_free(matches[i].key);
		g_free(matches[i].glob);
	}
	g_free(matches);
}

static void rule_free(void *arg)
{
	struct alert_rule *rule = arg;

	matches_free(rule->vm_match, rule->n_vm_match);
	matches_free(rule->match, rule->n_match);
	matches_free(rule->tags, rule->n_tags);
	for (size_t i = 0; i < rule->n_ands + rule->n_ors; i++)
		matches_free(rule->terms[i].match, rule->terms[i].n_match);
	g_free(rule->terms);
	tags_free(rule->labels, rule->n_labels);
	tags_free(rule->annotations, rule->n_annotations);
	if (rule->shown != rule->metric)
		g_free((struct metric *)rule->shown);
	g_free(rule->runbook_url);
	g_strfreev(rule->channels);
	g_free(rule->id);
	g_free(rule->name);
	g_free(rule->text);
	g_free(rule->description);
	g_free(rule);
}

static void add_rule(struct alert_rules *rules, const struct config_rule *config)
{
	struct alert_rule *rule = rule_new(config);
	GArray **scope = &rules->by_scope[rule->metric->scope];

	if (rule->never) {
		rule_free(rule);
		return;
	}
	rule->index = rules->rules->len;
	g_ptr_array_add(rules->rules, rule);
	if (!*scope)
		*scope = g_array_new(FALSE, FALSE, sizeof(rule));
	g_array_append_val(*scope, rule);
}

static struct alert_rules *rules_new(const char *host)
{
	struct alert_rules *rules = g_new0(struct alert_rules, 1);

	rules->ref = 1;
	rules->rules = g_ptr_array_new_with_free_func(rule_free);
	rules->host = g_strdup(host ? host : "");
	return rules;
}

struct alert_rules *alert_rules_new(const struct rule_set *set, const char *host)
{
	struct alert_rules *rules = rules_new(host);

	for (guint i = 0; set && i < set->rules->len; i++) {
		const struct config_rule *config = g_ptr_array_index(set->rules, i);

		if (config->enabled)
			add_rule(rules, config);
	}
	return rules;
}

struct alert_rules *alert_rules_new_one(const struct config_rule *rule, const char *host)
{
	struct alert_rules *rules = rules_new(host);

	add_rule(rules, rule);
	return rules;
}

struct alert_rules *alert_rules_ref(struct alert_rules *rules)
{
	g_atomic_int_inc(&rules->ref);
	return rules;
}

void alert_rules_unref(struct alert_rules *rules)
{
	if (!rules || !g_atomic_int_dec_and_test(&rules->ref))
		return;
	for (int i = 0; i < SCOPE_MAX; i++)
		g_clear_pointer(&rules->by_scope[i], g_array_unref);
	g_ptr_array_unref(rules->rules);
	g_free(rules->host);
	g_free(rules);
}

const struct alert_rule *alert_rules_find(const struct alert_rules *rules, const char *id)
{
	for (guint i = 0; i < rules->rules->len; i++) {
		const struct alert_rule *rule = g_ptr_array_index(rules->rules, i);

		if (strcmp(rule->id, id) == 0)
			return rule;
	}
	return NULL;
}

bool alert_rule_is_guest(const struct alert_rule *rule)
{
	const enum metric_scope scope = rule->metric->scope;

	return scope == SCOPE_INFO || scope == SCOPE_SPACE || scope == SCOPE_CARD ||
	       scope == SCOPE_GUEST_OS || scope == SCOPE_PROCESS;
}

/* Prometheus computes a ratio or rate again for each moment of the past that it looks back to. */
static bool is_computed(const struct alert_rule *rule)
{
	bool computed = rule->divisor || rule->rate_ms;

	for (size_t i = 0; i < rule->n_ands + rule->n_ors; i++)
		computed |= rule->terms[i].divisor || rule->terms[i].rate_ms;
	return computed;
}

int64_t alert_rule_held_ms(const struct alert_rule *rule)
{
	const enum metric_scope scope = rule->metric->scope;

	if (rule->no_data == RULE_RESOLVE)
		return rule->no_data_after_ms;
	if (is_computed(rule))
		return MAX(rule->no_data_after_ms, ALERT_GONE_MS);
	if (scope == SCOPE_VM || !*metric_scopes[scope].keys || alert_rule_is_guest(rule))
		return ALERT_KEEP_MS;
	return MAX(rule->no_data_after_ms, ALERT_GONE_MS);
}

bool alert_compare(enum rule_operator op, double value, double limit)
{
	if (isnan(value))
		return false;
	switch (op) {
	case RULE_GT:
		return value > limit;
	case RULE_GE:
		return value >= limit;
	case RULE_LT:
		return value < limit;
	case RULE_LE:
		return value <= limit;
	case RULE_EQ:
		return value == limit;
	case RULE_NE:
		return value != limit;
	default:
		return false;
	}
}

/* Where it resolves elsewhere than it fires, the threshold's side decides alone. */
bool alert_rule_holds(const struct alert_rule *rule, double value, bool fires)
{
	return alert_compare(rule->op, value, fires ? rule->resolve : rule->threshold);
}

/* "a*|b": one of the two; "!a*|b": neither, nor need there be such a label. */
static bool match_fits(const char *globs, const char *value)
{
	bool excludes = *globs == '!', found = false;
	g_auto(GStrv) any = g_strsplit(globs + excludes, "|", -1);

	for (char **glob = any; value && *glob && !found; glob++)
		found = text_glob(*glob, value);
	return found != excludes;
}

bool alert_matches(const struct alert_match *m, size_t n, const struct labels *labels)
{
	for (size_t i = 0; i < n; i++)
		if (!match_fits(m[i].glob, labels ? labels_get(labels, m[i].key) : NULL))
			return false;
	return true;
}

bool alert_rule_fits_vm(const struct alert_rule *rule, const struct labels *vm,
			const struct labels *info)
{
	return alert_matches(rule->vm_match, rule->n_vm_match, vm) &&
	       alert_matches(rule->tags, rule->n_tags, info);
}

bool alert_rule_fits(const struct alert_rule *rule, const struct labels *labels)
{
	return alert_matches(rule->match, rule->n_match, labels);
}
