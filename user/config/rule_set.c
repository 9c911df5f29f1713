// SPDX-License-Identifier: Apache-2.0
/* All rules together: default ones, the configuration's, and those of a directory. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "config/check.h"
#include "config/config.h"
#include "config/document.h"
#include "config/load.h"
#include "config/mark.h"
#include "config/rule.h"
#include "config/rule_options.h"
#include "metric/metric.h"
#include "util/text.h"

#define DEFAULTS_NAME "default rules"

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_document_t, yaml_document_delete)

/* The default rules are a file of their own, so that it can be read, copied and checked. */
__asm__(".section .rodata\n"
	".global rule_defaults\n"
	"rule_defaults:\n"
	".incbin \"scripts/default-rules.yaml\"\n"
	".byte 0\n"
	".previous\n");

/* A file of rules. */
struct rule_file {
	struct config_rule *rules;
	size_t n_rules;
	char *path; /* no key */
};

static const struct config_option file_options[] = {
	{.name = "rules",
	 AS_LIST(struct rule_file, rules, n_rules, struct config_rule, rule_options),
	 .verify = rule_verify,
	 .max = RULES_MAX,
	 .required = true,
	 .help = "alert rules",
	 .example = "rules: [{id: busy, condition: {metric: vm.cpu.usage, operator: gt, threshold: "
		    "90}}]"},
	{.kind = OPTION_END},
};

static void file_free(void *arg)
{
	struct rule_file *file = arg;

	g_clear_pointer(&file->path, g_free);
	load_free(file_options, sizeof(*file), file);
}

static struct rule_set *set_new(void)
{
	struct rule_set *set = g_new0(struct rule_set, 1);

	set->rules = g_ptr_array_new();
	set->warnings = g_string_new(NULL);
	set->parts = g_ptr_array_new_with_free_func(file_free);
	return set;
}

void rule_set_free(struct rule_set *set)
{
	if (!set)
		return;
	g_ptr_array_unref(set->rules);
	g_ptr_array_unref(set->parts);
	g_string_free(set->warnings, TRUE);
	g_free(set);
}

typedef struct rule_set rule_set_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rule_set_t, rule_set_free)

const struct config_rule *rule_set_find(const struct rule_set *set, const char *id)
{
	for (guint i = 0; i < set->rules->len; i++) {
		const struct config_rule *rule = g_ptr_array_index(set->rules, i);

		if (strcmp(rule->id, id) == 0)
			return rule;
	}
	return NULL;
}

const char *rule_set_nearest(const struct rule_set *set, const char *id)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new();

	for (guint i = 0; i < set->rules->len; i++) {
		const struct config_rule *rule = g_ptr_array_index(set->rules, i);

		g_ptr_array_add(ids, rule->id);
	}
	return text_nearest(id, (const char *const *)ids->pdata, ids->len);
}

/* What is wrong and doubtful in all places, a line each. */
struct finding {
	GString *mistakes, *warnings;
};

static void add_line(GString *lines, const char *line)
{
	g_string_append_printf(lines, "%s%s", lines->len ? "\n" : "", line);
}

/* Append "FILE:LINE: rule ID: " and what is wrong. */
static void note(GString *lines, const struct config_rule *rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void note(GString *lines, const struct config_rule *rule, const char *format, ...)
{
	g_autofree char *shown = text_path(rule->file), *what = NULL, *line = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	line = g_strdup_printf("%s:%u: rule %s: %s", shown, rule->line, rule->id, what);
	add_line(lines, line);
}

/* The highest level that any VM may be collected at. */
static enum kvmlens_level highest_level(const struct config *config)
{
	enum kvmlens_level highest = config->level;

	for (size_t i = 0; i < config->n_vms; i++)
		highest = MAX(highest, config->vms[i].level);
	return highest;
}

/* Why a metric is not collected, or NULL. */
static char *not_collected(const struct config *config, const struct config_rule *rule,
			   const struct metric *metric)
{
	enum kvmlens_level have =
		metric_scope_in_vm(metric->scope) ? highest_level(config) : config->level;

	if (metric->group && !(config->groups & metric->group))
		return g_strdup_printf("%s belongs to a group that is off; add the group to "
				       "metrics, or leave the rule out",
				       metric->name);
	if (metric->level <= have || rule->raise_detail)
		return NULL;
	return g_strdup_printf(
		"%s needs detail %s, but %s is collected; set detail: %s%s", metric->name,
		config_level_name(metric->level), config_level_name(have),
		config_level_name(metric->level),
		metric_scope_in_vm(metric->scope) ? ", or raise_detail: true in the rule" : "");
}

/* All metrics of a rule: its target's, the divisors and those of its terms. */
static GPtrArray *metrics_of(const struct config_rule *rule)
{
	const struct rule_condition *c = &rule->condition;
	GPtrArray *list = g_ptr_array_new();
	struct rule_target target;

	rule_target(rule, &target);
	g_ptr_array_add(list, (gpointer)target.metric);
	if (target.divisor)
		g_ptr_array_add(list, (gpointer)target.divisor);
	for (size_t i = 0; i < c->n_ands + c->n_ors; i++) {
		const struct rule_term *term = i < c->n_ands ? &c->ands[i] : &c->ors[i - c->n_ands];

		g_ptr_array_add(list, (gpointer)metric_find(term->metric));
		if (term->divisor)
			g_ptr_array_add(list, (gpointer)metric_find(term->divisor));
	}
	return list;
}

static char *any_not_collected(const struct config *config, const struct config_rule *rule)
{
	g_autoptr(GPtrArray) list = metrics_of(rule);
	char *why = NULL;

	for (guint i = 0; !why && i < list->len; i++)
		why = not_collected(config, rule, g_ptr_array_index(list, i));
	return why;
}

/* Percent of wall time, of a size and the like; of a process or a thread it may be more. */
static bool is_whole_percent(const struct metric *metric)
{
	return strcmp(metric->unit, "percent") == 0 && metric->scope != SCOPE_PROCESS &&
	       metric->scope != SCOPE_ROLE;
}

/* A comparison that no value can make true, or that stays true for ever. */
static void doubt_value(const struct config_rule *rule, const struct metric *metric,
			enum rule_operator op, double threshold, bool ratio, bool rate,
			struct finding *finding)
{
	bool above = op == RULE_GT || op == RULE_GE;

	if (ratio)
		return;
	if (metric->kind == METRIC_COUNTER && !rate)
		note(finding->warnings, rule,
		     "%s is a counter, which only grows: the rule never resolves by itself; add "
		     "for example rate: 5m",
		     metric->name);
	else if (is_whole_percent(metric) && (op == RULE_GT   ? threshold >= 100
					      : op == RULE_GE ? threshold > 100
							      : op == RULE_EQ && threshold > 100))
		note(finding->warnings, rule,
		     "never fires: %s is at most 100 percent, and %g is asked for", metric->name,
		     threshold);
	else if (!above && op != RULE_NE && (threshold < 0 || (op == RULE_LT && threshold == 0)) &&
		 metric->type != TYPE_DOUBLE)
		note(finding->warnings, rule, "never fires: %s is never below zero", metric->name);
}

/* The component that a metric belongs to, and tags that all VMs have. */
static void doubt_tags(const struct config *config, const struct config_rule *rule,
		       const struct metric *metric, struct finding *finding)
{
	for (size_t i = 0; i < rule->condition.n_tags; i++) {
		const struct kvmlens_tag *tag = &rule->condition.tags[i];
		const char *has = NULL;

		if (strcmp(tag->key, "component") == 0)
			has = rule_component(metric);
		for (size_t k = 0; !has && k < config->n_tags; k++)
			if (strcmp(config->tags[k].key, tag->key) == 0)
				has = config->tags[k].value;
		if (has && !text_glob(tag->value, has))
			note(finding->warnings, rule,
			     "never fires: the tag %s is \"%s\" for %s, not \"%s\"", tag->key, has,
			     metric->name, tag->value);
		else if (!metric_scope_in_vm(metric->scope) && strcmp(tag->key, "component"))
			note(finding->warnings, rule,
			     "the tag %s is of VMs, and %s is of the host: it is ignored", tag->key,
			     metric->name);
	}
}

static void doubt(const struct config *config, const struct config_rule *rule,
		  struct finding *finding)
{
	const struct rule_condition *c = &rule->condition;
	struct rule_target target;

	rule_target(rule, &target);
	if (rule->type == RULE_THRESHOLD)
		doubt_value(rule, target.metric, target.op, target.threshold, target.divisor,
			    target.rate_ms, finding);
	for (size_t i = 0; i < c->n_ands + c->n_ors; i++) {
		const struct rule_term *term = i < c->n_ands ? &c->ands[i] : &c->ors[i - c->n_ands];
		double threshold = 0;

		rule_number(term->threshold, &threshold);
		doubt_value(rule, metric_find(term->metric), term->op, threshold, term->divisor,
			    term->rate_ms, finding);
	}
	doubt_tags(config, rule, target.metric, finding);
}

/* Each of a rule's channels is there. */
static void check_channels(const struct config *config, const struct config_rule *rule,
			   struct finding *finding)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (size_t i = 0; i < config->n_channels; i++)
		g_ptr_array_add(names, config->channels[i].name);
	for (size_t i = 0; i < rule->n_channels && !config->channels_unsure; i++) {
		g_autofree char *shown = text_quote(rule->channels[i]);
		const char *near;

		if (g_ptr_array_find_with_equal_func(names, rule->channels[i], g_str_equal, NULL))
			continue;
		near = text_nearest(rule->channels[i], (const char *const *)names->pdata,
				    names->len);
		if (near)
			note(finding->mistakes, rule,
			     "there is no channel %s; did you mean \"%s\"?", shown, near);
		else
			note(finding->mistakes, rule,
			     "there is no channel %s; add it to \"channels\" of the configuration",
			     shown);
	}
}

static void add_rule(struct rule_set *set, const struct config *config,
		     const struct config_rule *rule, struct finding *finding)
{
	const struct config_rule *same = rule_set_find(set, rule->id);
	g_autofree char *why = rule->enabled ? any_not_collected(config, rule) : NULL;
	bool is_default = strcmp(rule->file, DEFAULTS_NAME) == 0;
	guint at;

	if (why && is_default) {
		set->skipped++;
		return;
	}
	if (why)
		note(finding->mistakes, rule, "%s", why);
	check_channels(config, rule, finding);
	if (rule->enabled && !is_default)
		doubt(config, rule, finding);
	if (same && strcmp(same->file, DEFAULTS_NAME))
		note(finding->mistakes, rule, "the id is taken by line %u of %s; choose another",
		     same->line, same->file);
	else if (same && g_ptr_array_find(set->rules, same, &at))
		set->rules->pdata[at] = (gpointer)rule;
	else if (set->rules->len >= RULES_MAX)
		note(finding->mistakes, rule, "is one too many; there may be %d", RULES_MAX);
	else
		g_ptr_array_add(set->rules, (gpointer)rule);
}

static void add_rules(struct rule_set *set, const struct config *config, struct config_rule *rules,
		      size_t n, const char *path, struct finding *finding)
{
	for (size_t i = 0; i < n; i++) {
		rules[i].file = path;
		add_rule(set, config, &rules[i], finding);
	}
}

/* What is right of a file with mistakes is checked further. */
static void add_text(struct rule_set *set, const struct config *config, const char *path,
		     const char *text, size_t len, struct finding *finding)
{
	g_autofree char *shown = text_path(path);
	g_autoptr(GString) why = g_string_new(NULL);
	g_auto(yaml_document_t) document = {};
	json_auto_t *json = NULL;
	const char *problem = "out of memory";
	struct rule_file *file;
	void *loaded = NULL;
	int err;

	g_string_append_printf(why, "%s:", shown);
	err = document_parse(text, len, &document, why);
	if (!err)
		err = check_document(file_options, &document, &json, why);
	if (json && load_struct(file_options, sizeof(*file), json, &loaded, &problem))
		err = -EINVAL;
	if (json && !loaded)
		g_string_append_printf(why, " cannot be loaded: %s", problem);
	if (err)
		add_line(finding->mistakes, why->str);
	if (!loaded)
		return;
	file = loaded;
	g_ptr_array_add(set->parts, file);
	file->path = g_strdup(path);
	for (size_t i = 0; i < file->n_rules; i++)
		file->rules[i].line = mark_line(&document, "rules", "id", file->rules[i].id);
	add_rules(set, config, file->rules, file->n_rules, file->path, finding);
}

static int by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_file(struct rule_set *set, const struct config *config, const char *path,
		     struct finding *finding)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *error = NULL;

	if (config_read_bounded(path, text, &error))
		add_line(finding->mistakes, error);
	else
		add_text(set, config, path, text->str, text->len, finding);
}

static void add_directory(struct rule_set *set, const struct config *config,
			  struct finding *finding)
{
	const char *path = config->alerts.rules_dir;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
	const char *name;

	/* Any other failure must not pass for rules that were taken away. */
	if (strcmp(path, RULES_DEFAULT_DIR) == 0 &&
	    (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
	     g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ACCES)))
		return;
	if (!dir) {
		g_autofree char *shown = text_path(path), *line = NULL;

		line = g_strdup_printf("alerts.rules_dir: %s cannot be read; create it or "
				       "correct its name",
				       shown);
		add_line(finding->mistakes, line);
		return;
	}
	while ((name = g_dir_read_name(dir)))
		if (g_str_has_suffix(name, ".yaml") && *name != '.')
			g_ptr_array_add(names, g_build_filename(path, name, NULL));
	g_ptr_array_sort(names, by_name);
	for (guint i = 0; i < names->len; i++)
		add_file(set, config, g_ptr_array_index(names, i), finding);
}

static bool any_rule(const struct rule_set *set, const char *glob)
{
	for (guint i = 0; i < set->rules->len; i++)
		if (text_glob(glob, ((const struct config_rule *)set->rules->pdata[i])->id))
			return true;
	return false;
}

static void doubt_glob(const struct rule_set *set, const struct config *config, unsigned line,
		       const char *what, const char *glob, GString *warnings)
{
	g_autofree char *shown = config->path ? text_path(config->path) : g_strdup("flags");
	g_autofree char *text = NULL, *quoted = text_quote(glob);
	const char *near = rule_set_nearest(set, glob);

	if (any_rule(set, glob))
		return;
	text = g_strdup_printf("%s:%u: %s: there is no rule %s%s%s%s", shown, line, what, quoted,
			       near ? "; did you mean \"" : "", near ? near : "",
			       near ? "\"?" : "");
	add_line(warnings, text);
}

/* Silences and channels that wait for rules that are not there. */
static void doubt_globs(const struct rule_set *set, const struct config *config, GString *warnings)
{
	for (size_t i = 0; i < config->n_silences; i++) {
		const struct config_silence *s = &config->silences[i];
		g_autofree char *what = g_strdup_printf("silence %s", s->name);

		if (s->rule)
			doubt_glob(set, config, s->line, what, s->rule, warnings);
	}
	for (size_t i = 0; i < config->n_channels; i++) {
		const struct config_channel *c = &config->channels[i];
		g_autofree char *what = g_strdup_printf("channel %s", c->name);

		for (size_t k = 0; k < c->n_rules; k++)
			doubt_glob(set, config, c->line, what, c->rules[k], warnings);
	}
}

int rule_set_load(const struct config *config, struct rule_set **ret_set, char **ret_error)
{
	g_autoptr(rule_set_t) set = set_new();
	g_autoptr(GString) mistakes = g_string_new(NULL);
	struct finding finding = {mistakes, set->warnings};

	if (config->alerts.default_rules)
		add_text(set, config, DEFAULTS_NAME, rule_defaults, strlen(rule_defaults),
			 &finding);
	add_rules(set, config, config->rules, config->n_rules, config->path ? config->path : "",
		  &finding);
	add_directory(set, config, &finding);
	doubt_globs(set, config, set->warnings);
	if (mistakes->len) {
		*ret_error = g_strdup(mistakes->str);
		return -EINVAL;
	}
	*ret_set = g_steal_pointer(&set);
	return 0;
}

static void raise_free(void *arg)
{
	struct rule_raise *raise = arg;

	g_free(raise->vm);
	g_free(raise->uuid);
	g_free(raise);
}

static struct rule_raise *raise_of(const struct config_rule *rule)
{
	struct rule_raise *raise = g_new0(struct rule_raise, 1);
	g_autoptr(GPtrArray) list = metrics_of(rule);
	struct rule_target target;

	rule_target(rule, &target);
	raise->level = target.metric->level;
	for (guint i = 0; i < list->len; i++)
		raise->level = MAX(raise->level,
				   ((const struct metric *)g_ptr_array_index(list, i))->level);
	for (size_t i = 0; i < rule->condition.n_labels; i++) {
		const struct kvmlens_tag *label = &rule->condition.labels[i];

		if (strcmp(label->key, "vm") == 0)
			raise->vm = g_strdup(label->value);
		else if (strcmp(label->key, "uuid") == 0)
			raise->uuid = g_strdup(label->value);
	}
	return raise;
}

GPtrArray *rule_raises_new(const struct rule_set *set)
{
	GPtrArray *raises = g_ptr_array_new_with_free_func(raise_free);

	for (guint i = 0; set && i < set->rules->len; i++) {
		const struct config_rule *rule = g_ptr_array_index(set->rules, i);

		if (rule->enabled && rule->raise_detail)
			g_ptr_array_add(raises, raise_of(rule));
	}
	return raises;
}

enum kvmlens_level rule_raises_level(const GPtrArray *raises, const char *vm, const char *uuid,
				     enum kvmlens_level level)
{
	for (guint i = 0; i < raises->len; i++) {
		const struct rule_raise *raise = g_ptr_array_index(raises, i);

		if (vm && raise->vm && !text_glob(raise->vm, vm))
			continue;
		if (vm && raise->uuid && !text_glob(raise->uuid, uuid ? uuid : ""))
			continue;
		level = MAX(level, raise->level);
	}
	return level;
}
