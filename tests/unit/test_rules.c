// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include "config/config.h"
#include "metric/metric.h"
#include "unit/suite.h"

typedef struct config config_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(config_t, config_free)

/* The configuration's text, then all rules. */
static int load(struct config *config, const char *text, char **ret_error)
{
	int err = config_load_text(config, "t.yaml", text, strlen(text), ret_error);

	return err ? err : config_load_rules(config, ret_error);
}

#define RULE(more) "rules:\n  - id: r\n" more
#define COND "    condition: {metric: vm.cpu.usage, operator: gt, threshold: 90}\n"
#define COND_WITH(more) \
	"    condition: {metric: vm.cpu.usage, operator: gt, threshold: 90, " more "}\n"

/* Each a mistake, with the line, what is wrong and what to do about it. */
static const struct {
	const char *text, *message;
} mistakes[] = {
	{"rules: 3\n", "t.yaml:1: rules: takes a list; write for example rules: [{id: busy, "},
	{"rules:\n  - 7\n",
	 "t.yaml:2: rules: takes keys with values; write for example id: vm-high-cpu-usage"},
	{"rules:\n\t- id: r\n", "t.yaml:2: not valid YAML: "},
	{"rules:\n  - {id: r\n", "t.yaml:3: not valid YAML: "},
	{"rules:\n  - name: x\n" COND, "t.yaml:2: rules: \"id\" is missing; add for example id: "},
	{RULE("    condtion: {}\n"),
	 "t.yaml:3: rules: unknown key \"condtion\"; did you mean \"condition\"?"},
	{RULE("    name: x\n"), "t.yaml:2: rules: \"condition\" is missing; add for example "},
	{RULE("    id: s\n" COND), "t.yaml:3: rules.id: is given twice; keep one"},
	{RULE(COND "  - id: r\n" COND),
	 "t.yaml:4: rules: has the \"id\" of an item above; choose another"},
	{"rules:\n  - id: a b\n" COND, "t.yaml:2: rules.id: may hold letters, digits, - _ and . "},
	{"rules:\n  - id: \"\"\n" COND,
	 "t.yaml:2: rules.id: is empty; give it a value or leave it out"},
	{RULE("    severity: critcal\n" COND),
	 "t.yaml:3: rules.severity: \"critcal\" is not known; did you mean \"critical\"? Use info, "
	 "warning or critical"},
	{RULE("    type: treshold\n" COND),
	 "t.yaml:3: rules.type: \"treshold\" is not known; did you mean \"threshold\"?"},
	{RULE("    enabled: maybe\n" COND),
	 "t.yaml:3: rules.enabled: \"maybe\" is neither true nor false"},
	{RULE("    no_data: keeep\n" COND),
	 "t.yaml:3: rules.no_data: \"keeep\" is not known; did you mean \"keep\"?"},
	{RULE("    repeat: 30\n" COND),
	 "t.yaml:3: rules.repeat: \"30\" is not a duration like 500ms, 2s or 1m; use 0ms to 30d"},
	{RULE("    repeat: 10s\n" COND), "t.yaml:2: rules: repeat: is shorter than a minute"},
	{RULE("    keep_firing_for: 8d\n" COND),
	 "t.yaml:3: rules.keep_firing_for: \"8d\" is out of range; use 0ms to 7d"},
	{RULE("    condition:\n      metric: vm.cpu.usge\n      operator: gt\n"
	      "      threshold: 1\n"),
	 "t.yaml:4: rules.condition.metric: there is no metric \"vm.cpu.usge\"; did you mean "
	 "\"vm.cpu.usage\"?"},
	{RULE("    condition: {metric: zzz, operator: gt, threshold: 1}\n"),
	 "t.yaml:3: rules.condition.metric: there is no metric \"zzz\"; kvmlens metrics --catalog "
	 "lists them"},
	{RULE("    condition: {metric: vm.cpu.wake_latency_seconds, operator: gt, threshold: 1}\n"),
	 "t.yaml:3: rules.condition.metric: \"vm.cpu.wake_latency_seconds\" is a histogram"},
	{RULE("    condition: {operator: gt, threshold: 1}\n"),
	 "t.yaml:2: rules: condition.metric is missing; add for example metric: vm.cpu.usage"},
	{RULE("    condition: {metric: vm.cpu.usage, threshold: 1}\n"),
	 "t.yaml:2: rules: condition.operator is missing; add for example operator: gt"},
	{RULE("    condition: {metric: vm.cpu.usage, operator: gt}\n"),
	 "t.yaml:2: rules: condition.threshold is missing; add for example threshold: 90"},
	{RULE("    condition: {metric: vm.cpu.usage, operator: \">\", threshold: 1}\n"),
	 "t.yaml:3: rules.condition.operator: \">\" is not known; use gt, ge, lt, le, eq or ne"},
	{RULE("    condition: {metric: vm.cpu.usage, operator: gt, threshold: 90%}\n"),
	 "t.yaml:3: rules.condition.threshold: \"90%\" is not a number; use one like 90, 0.5"},
	{RULE(COND_WITH("duration: 1 minute")),
	 "t.yaml:3: rules.condition.duration: \"1 minute\" is not a duration like 500ms, 2s or 1m"},
	{RULE(COND_WITH("duraton: 1m")),
	 "t.yaml:3: rules.condition: unknown key \"duraton\"; did you mean \"duration\"?"},
	{RULE(COND_WITH("tags: [a]")),
	 "t.yaml:3: rules.condition.tags: takes names with values; write for example tags: "},
	{RULE(COND_WITH("tags: {9x: a}")),
	 "t.yaml:3: rules.condition.tags: \"9x\" cannot be a tag's name"},
	{RULE(COND_WITH("labels: {uid: a}")),
	 "t.yaml:2: rules: condition.labels: vm.cpu.usage has no label \"uid\"; did you mean "
	 "\"uuid\"?"},
	{RULE(COND_WITH("labels: {disk: a}")),
	 "t.yaml:2: rules: condition.labels: vm.cpu.usage has no label \"disk\"; it has vm, uuid"},
	{RULE(COND "    resolve_threshold: 95\n"),
	 "t.yaml:2: rules: resolve_threshold: 95 lies beyond the threshold 90, so that it would "
	 "resolve while it fires; with operator gt it is at most the threshold"},
	{RULE("    resolve_threshold: 1\n"
	      "    condition: {metric: vm.state, operator: eq, threshold: 5}\n"),
	 "t.yaml:2: rules: resolve_threshold: eq has no side to come back to; leave it out"},
	{RULE(COND "    text: \"{vm\"\n"),
	 "t.yaml:4: rules.text: has a { without its }; close the placeholder"},
	{RULE(COND "    text: \"{vm{value}}\"\n"),
	 "t.yaml:4: rules.text: opens a placeholder inside another one"},
	{RULE(COND "    text: \"{valu}\"\n"),
	 "t.yaml:2: rules: text: there is no placeholder \"valu\" for vm.cpu.usage; did you mean "
	 "{value}?"},
	{RULE(COND "    channels: [male]\n"),
	 "t.yaml:2: rule r: there is no channel \"male\"; add it to \"channels\""},
	{"channels:\n  - {name: males, type: journal}\n" RULE(COND "    channels: [male]\n"),
	 "t.yaml:4: rule r: there is no channel \"male\"; did you mean \"males\"?"},
	{RULE("    condition: {metric: vm.process.cpu_usage, operator: gt, threshold: 1}\n"),
	 "t.yaml:2: rule r: vm.process.cpu_usage needs detail detailed, but standard is collected; "
	 "set detail: detailed, or raise_detail: true in the rule"},
	{"metrics: [memory]\n" RULE(COND),
	 "t.yaml:3: rule r: vm.cpu.usage belongs to a group that is off; add the group to metrics"},
	{RULE("    raise_detail: true\n"
	      "    condition: {metric: host.vms, operator: gt, threshold: 1}\n"),
	 "t.yaml:2: rules: raise_detail: host.vms is the host's and no VM's"},
	{RULE("    type: anomaly\n    condition: {operator: gt}\n"),
	 "t.yaml:2: rules: condition.operator: type anomaly has its own; leave it out"},
	{RULE("    type: forecast\n    condition: {within: 24h}\n"),
	 "t.yaml:2: rules: condition.metric is missing; say what fills up"},
	{"alerts: {rules_dir: /nonexistent}\n",
	 "alerts.rules_dir: /nonexistent cannot be read; create it or correct its name"},
};

static void test_mistakes(void)
{
	CU_ASSERT(G_N_ELEMENTS(mistakes) >= 30);
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autoptr(config_t) c = config_new();
		g_autofree char *error = NULL;

		CU_ASSERT_NOT_EQUAL(load(c, mistakes[i].text, &error), 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(error);
		if (!g_str_has_prefix(error, mistakes[i].message))
			printf("\n%zu: %s\ninstead of %s\n", i, error, mistakes[i].message);
		CU_ASSERT(g_str_has_prefix(error, mistakes[i].message));
		CU_ASSERT_PTR_NULL(c->rule_set);
	}
}

/* A file and a directory with a mistake in every line but few: each is named in the one run. */
static void test_all_mistakes(void)
{
	static const char of_file[] =
		"interval: 1x\n" /* 1 */
		"detial: basic\n"
		"http: {timeout: 0s, max_connections: x}\n" /* 3, twice */
		"tags: {9x: a, ok: b, vm: c}\n" /* 4, twice */
		"channels:\n"
		"- {name: a, type: slack, url: \"ftp://x\"}\n" /* 6 */
		"- {name: b, type: journal}\n"
		"- {name: b, type: journal, to: [x@y]}\n" /* 8 */
		"rules:\n"
		"- id: one\n" /* 10 */
		"  severty: info\n" /* 11 */
		"  condition: {metric: vm.cpu.usge, operator: gt}\n" /* 12 */
		"- id: two\n" /* 13 */
		"  condition: {metric: vm.cpu.usage, operator: gt, threshold: 9, "
		"labels: {disk: a}}\n"
		"- id: three\n" /* 15: the channel a is not known to be absent */
		"  channels: [a]\n"
		"  condition: {metric: vm.process.cpu_usage, operator: gt, "
		"threshold: 9}\n"
		"alerts: {default_rules: maybe, rules_dir: \"%s\"}\n"; /* 18 */
	static const char of_rules[] = "rules:\n- id: three\n  condition: {metric: vm.cpu.usage, "
				       "operator: gt, threshold: 1}\n- id: four\n  condition: 7\n";
	static const char *const lines[] = {
		"c.yaml:1: interval: ",
		"c.yaml:2: unknown key",
		"c.yaml:3: http.timeout: ",
		"c.yaml:3: http.max_connections: ",
		"c.yaml:4: tags: ",
		"c.yaml:4: tags: ",
		"c.yaml:6: channels: its \"url\"",
		"c.yaml:8: channels: has the \"name\"",
		"c.yaml:11: rules: unknown key",
		"c.yaml:12: rules.condition.metric: ",
		"c.yaml:13: rules: condition.labels: ",
		"c.yaml:18: alerts.default_rules: ",
		"c.yaml:15: rule three: vm.process.cpu_usage needs",
		"a.yaml:5: rules.condition: takes keys",
		"a.yaml:2: rule three: the id is taken by line 15",
	};
	g_autofree char *dir = g_dir_make_tmp("rules-XXXXXX", NULL);
	g_autofree char *rules_dir = g_build_filename(dir, "d", NULL);
	g_autofree char *path = g_build_filename(dir, "c.yaml", NULL);
	g_autofree char *more = g_build_filename(rules_dir, "a.yaml", NULL);
	g_autofree char *text = g_strdup_printf(of_file, rules_dir), *error = NULL;
	g_autoptr(config_t) c = config_new();
	g_auto(GStrv) got = NULL;

	g_mkdir(rules_dir, 0700);
	CU_ASSERT_TRUE(g_file_set_contents(path, text, -1, NULL));
	CU_ASSERT_TRUE(g_file_set_contents(more, of_rules, -1, NULL));
	CU_ASSERT_NOT_EQUAL(config_check(c, path, &error), 0);
	got = g_strsplit(error ? error : "", "\n", -1);
	CU_ASSERT_EQUAL(g_strv_length(got), G_N_ELEMENTS(lines));
	for (size_t i = 0; i < G_N_ELEMENTS(lines) && got[i]; i++) {
		if (!strstr(got[i], lines[i]))
			printf("\n%s\n  is not %s\n", got[i], lines[i]);
		CU_ASSERT_PTR_NOT_NULL(strstr(got[i], lines[i]));
	}
	g_unlink(more);
	g_unlink(path);
	g_rmdir(rules_dir);
	g_rmdir(dir);
}

/* The example of the specification, in our words. */
static void test_specification(void)
{
	static const char text[] = "alerts: {default_rules: false}\n"
				   "channels:\n"
				   "  - {name: email, type: journal}\n"
				   "  - {name: slack, type: journal}\n"
				   "rules:\n"
				   "  - id: vm-high-cpu-usage\n"
				   "    name: VM High CPU Usage\n"
				   "    description: VM CPU usage is critically high\n"
				   "    severity: critical\n"
				   "    type: threshold\n"
				   "    condition:\n"
				   "      metric: vm.cpu.usage\n"
				   "      operator: gt\n"
				   "      threshold: 90.0\n"
				   "      duration: 1m\n"
				   "      tags: {component: vm}\n"
				   "    channels: [email, slack]\n"
				   "    enabled: true\n";
	g_autoptr(config_t) c = config_new();
	g_autofree char *error = NULL;
	const struct config_rule *rule;
	struct rule_target target;

	CU_ASSERT_EQUAL_FATAL(load(c, text, &error), 0);
	CU_ASSERT_EQUAL_FATAL(c->rule_set->rules->len, 1);
	rule = rule_set_find(c->rule_set, "vm-high-cpu-usage");
	CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
	rule_target(rule, &target);
	CU_ASSERT_PTR_EQUAL(target.metric, &metrics[M_vm_cpu_usage]);
	CU_ASSERT_EQUAL(target.op, RULE_GT);
	CU_ASSERT_EQUAL(target.threshold, 90);
	CU_ASSERT_EQUAL(rule->condition.duration_ms, 60000);
	CU_ASSERT_EQUAL(rule->severity, RULE_CRITICAL);
	CU_ASSERT_EQUAL(rule->n_channels, 2);
	CU_ASSERT_EQUAL(rule->line, 6);
	CU_ASSERT_TRUE(rule->enabled);
}

static void test_defaults(void)
{
	static const char *const levels[] = {"basic", "standard", "detailed", "diagnostic"};

	for (size_t i = 0; i < G_N_ELEMENTS(levels); i++) {
		g_autoptr(config_t) c = config_new();
		g_autofree char *error = NULL;

		CU_ASSERT_EQUAL(config_set(c, "detail", levels[i], &error), 0);
		CU_ASSERT_EQUAL(load(c, "", &error), 0);
		if (error)
			printf("\n%s\n", error);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c->rule_set);
		CU_ASSERT(c->rule_set->rules->len >= 3);
		CU_ASSERT(i == 0 || c->rule_set->skipped == 0);
	}
}

/* One's own rule takes a default one's place, even to switch it off. */
static void test_replaced(void)
{
	g_autoptr(config_t) c = config_new();
	g_autofree char *error = NULL;
	const struct config_rule *rule;

	CU_ASSERT_EQUAL_FATAL(load(c,
				   "rules:\n  - id: vm-cpu-ready\n    enabled: false\n"
				   "    condition: {metric: vm.cpu.ready_time, operator: gt, "
				   "threshold: 50}\n",
				   &error),
			      0);
	rule = rule_set_find(c->rule_set, "vm-cpu-ready");
	CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
	CU_ASSERT_FALSE(rule->enabled);
	CU_ASSERT_STRING_EQUAL(rule->file, "t.yaml");
	CU_ASSERT_PTR_NULL(rule_set_find(c->rule_set, "vm-cpu-redy"));
	CU_ASSERT_STRING_EQUAL(rule_set_nearest(c->rule_set, "vm-cpu-redy"), "vm-cpu-ready");
}

static void write_rule(const char *dir, const char *name, const char *id)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *text =
		g_strdup_printf("# c\nrules:\n  - id: %s\n    condition: {metric: vm.cpu.usage, "
				"operator: gt, threshold: 2KiB}\n",
				id);

	g_file_set_contents(path, text, -1, NULL);
}

static void test_directory(void)
{
	g_autofree char *dir = g_dir_make_tmp("rules-XXXXXX", NULL);
	g_autofree char *text =
		g_strdup_printf("alerts: {default_rules: false, rules_dir: %s}\n", dir);
	g_autofree char *error = NULL, *a = g_build_filename(dir, "a.yaml", NULL),
			*b = g_build_filename(dir, "b.yaml", NULL);
	g_autoptr(config_t) c = config_new();
	const struct rule_set *set;
	struct rule_target target;

	write_rule(dir, "b.yaml", "second");
	write_rule(dir, "a.yaml", "first");
	CU_ASSERT_EQUAL_FATAL(load(c, text, &error), 0);
	CU_ASSERT_EQUAL_FATAL(c->rule_set->rules->len, 2);
	CU_ASSERT_PTR_EQUAL(rule_set_find(c->rule_set, "first"), c->rule_set->rules->pdata[0]);
	rule_target(rule_set_find(c->rule_set, "first"), &target);
	CU_ASSERT_EQUAL(target.threshold, 2048);
	/* All or nothing: a mistake leaves the rules that were there. */
	set = c->rule_set;
	write_rule(dir, "b.yaml", "first");
	CU_ASSERT_EQUAL(config_load_rules(c, &error), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(error, "b.yaml:3: rule first: the id is taken by line 3 of "));
	CU_ASSERT_PTR_EQUAL(c->rule_set, set);
	g_unlink(a);
	g_unlink(b);
	g_rmdir(dir);
}

static void test_raise(void)
{
	static const char text[] =
		"rules:\n  - id: r\n    raise_detail: true\n"
		"    condition: {metric: vm.process.cpu_usage, operator: gt, threshold: 1, "
		"labels: {vm: \"db-*\"}}\n";
	g_autoptr(config_t) c = config_new();
	g_autoptr(GPtrArray) raises = NULL;
	g_autofree char *error = NULL;

	CU_ASSERT_EQUAL_FATAL(load(c, text, &error), 0);
	raises = rule_raises_new(c->rule_set);
	CU_ASSERT_EQUAL(rule_raises_level(raises, "db-1", "u", KVMLENS_STANDARD), KVMLENS_DETAILED);
	CU_ASSERT_EQUAL(rule_raises_level(raises, "db-1", "u", KVMLENS_DIAGNOSTIC),
			KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL(rule_raises_level(raises, "web", "u", KVMLENS_STANDARD), KVMLENS_STANDARD);
	CU_ASSERT_EQUAL(rule_raises_level(raises, NULL, NULL, KVMLENS_BASIC), KVMLENS_DETAILED);
}

/* Anomalies and forecasts are thresholds on what the analytics say. */
static void test_thin_types(void)
{
	static const char text[] =
		"detail: detailed\nrules:\n"
		"  - {id: a, type: anomaly, condition: {}}\n"
		"  - {id: b, type: anomaly, condition: {metric: vm_cpu_usage, threshold: 0.9}}\n"
		"  - {id: c, type: forecast, condition: {metric: vm.memory.usage_percent, within: "
		"24h}}\n";
	g_autoptr(config_t) c = config_new();
	g_autofree char *error = NULL;
	struct rule_target target;

	CU_ASSERT_EQUAL_FATAL(load(c, text, &error), 0);
	rule_target(rule_set_find(c->rule_set, "a"), &target);
	CU_ASSERT_PTR_EQUAL(target.metric, &metrics[M_vm_anomaly_score]);
	CU_ASSERT_EQUAL(target.op, RULE_GE);
	CU_ASSERT_EQUAL(target.threshold, 0.8);
	CU_ASSERT_PTR_NULL(target.of);
	rule_target(rule_set_find(c->rule_set, "b"), &target);
	CU_ASSERT_PTR_EQUAL(target.metric, &metrics[M_vm_anomaly_series_score]);
	CU_ASSERT_EQUAL(target.threshold, 0.9);
	CU_ASSERT_STRING_EQUAL(target.of, "vm.cpu.usage");
	rule_target(rule_set_find(c->rule_set, "c"), &target);
	CU_ASSERT_PTR_EQUAL(target.metric, &metrics[M_vm_time_to_full_seconds]);
	CU_ASSERT_EQUAL(target.op, RULE_LT);
	CU_ASSERT_EQUAL(target.threshold, 86400);
	CU_ASSERT_STRING_EQUAL(target.of, "vm.memory.usage_percent");
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"all mistakes in one run", test_all_mistakes},
		{"thirty mistakes", test_mistakes},
		{"the specification's example", test_specification},
		{"default rules at every level", test_defaults},
		{"a default rule replaced", test_replaced},
		{"a directory of files", test_directory},
		{"detail raised by a rule", test_raise},
		{"anomalies and forecasts", test_thin_types},
		CU_TEST_INFO_NULL,
	};

	return suite_run("rules", tests);
}
