// SPDX-License-Identifier: Apache-2.0
/* Forms of rules beyond one metric and a threshold, channels by severity and VM, windows. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include "alert/channel.h"
#include "alert/measure.h"
#include "alert/route.h"
#include "alert/silence.h"
#include "unit/alert_lab.h"
#include "unit/fake_snapshot.h"
#include "unit/news.h"
#include "unit/suite.h"

typedef struct config config_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(config_t, config_free)

static struct config *load(const char *text)
{
	g_autofree char *error = NULL;
	struct config *config = config_new();

	if (config_load_text(config, "t.yaml", text, strlen(text), &error) ||
	    config_load_rules(config, &error))
		g_error("%s", error);
	return config;
}

/* Each a mistake of a new form, in the line where its rule begins, and what it is called. */
static void test_mistakes(void)
{
	static const struct {
		const char *rule, *message;
	} cases[] = {
		{"condition: {metric: vm.cpu.usage, rate: 5m, operator: gt, threshold: 1}",
		 "rate: vm.cpu.usage is no counter"},
		{"condition: {metric: vm.memory.used, divide_by: vm.disk.size, operator: gt, "
		 "threshold: 1}",
		 "divide_by: vm.disk.size has the labels vm, uuid, disk"},
		{"condition: {metric: host.vms, operator: gt, threshold: 1, and: [{metric: "
		 "vm.cpu.usage, operator: gt, threshold: 1}]}",
		 "condition.and: vm.cpu.usage is of a VM, host.vms is of the host"},
		{"condition: {metric: vm.cpu.usage, operator: gt, threshold: 1, or: [{metric: "
		 "vm.disk.read_iops, operator: gt, threshold: 1}]}",
		 "condition.or: vm.disk.read_iops has not the labels of vm.cpu.usage"},
		{"condition: {metric: vm.cpu.usage, operator: gt, threshold: 1, and: [{metric: "
		 "vm.disk.read_iops, operator: gt, threshold: 1, labels: {dsk: a}}]}",
		 "vm.disk.read_iops has no label \"dsk\"; did you mean \"disk\"?"},
		{"condition: {metric: vm.cpu.usage, operator: gt, threshold: 1, and: [{metric: "
		 "vm.disk.read_iops, operator: gt, threshold: 1, labels: {vm: a}}]}",
		 "the VM is the condition's own"},
		{"condition: {metric: vm.cpu.usage, operator: gt, threshold: 1, and: [{operator: gt, "
		 "threshold: 1}]}",
		 "\"metric\" is missing"},
		{"type: heartbeat", "a heartbeat is for the receiver that waits for it"},
		{"type: heartbeat, channels: [c], condition: {metric: host.vms, operator: gt, "
		 "threshold: 1}",
		 "a heartbeat always fires; leave the condition out"},
		{"labels: {severity: high}, condition: {metric: host.vms, operator: gt, threshold: 1}",
		 "every alert of this rule has a label severity of its own"},
		{"annotations: {summary: x}, condition: {metric: host.vms, operator: gt, threshold: 1}",
		 "summary has a key of its own; write text: beside annotations"},
		{"annotations: {x: \"{nono}\"}, condition: {metric: host.vms, operator: gt, "
		 "threshold: 1}",
		 "annotations: there is no placeholder \"nono\""},
		{"runbook_url: ftp://x, condition: {metric: host.vms, operator: gt, threshold: 1}",
		 "must begin with https:// or http://"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strdup_printf(
			"channels: [{name: c, type: journal}]\nrules:\n- {id: r, %s}\n",
			cases[i].rule);
		g_autoptr(config_t) c = config_new();
		g_autofree char *error = NULL;

		CU_ASSERT_NOT_EQUAL(config_load_text(c, "t.yaml", text, strlen(text), &error), 0);
		if (!error || !strstr(error, cases[i].message))
			printf("\n%s\n  is not %s\n", error, cases[i].message);
		CU_ASSERT_PTR_NOT_NULL(error && strstr(error, cases[i].message));
		CU_ASSERT(error && g_str_has_prefix(error, "t.yaml:3: "));
	}
}

/* What loads, and will not do what it was written for: a line each, with the rule's own. */
static void test_doubts(void)
{
	static const char text[] =
		"tags: {stage: test}\n"
		"alerts: {default_rules: false}\n"
		"channels:\n- {name: c, type: journal, rules: [percnt]}\n"
		"silences:\n- {name: s, rule: nothing-like-it, from: \"00:00\", duration: 1h}\n"
		"rules:\n"
		"- {id: percent, condition: {metric: vm.cpu.usage, operator: gt, threshold: 150}}\n"
		"- {id: counter, condition: {metric: vm.cpu.ready_seconds_total, operator: gt, "
		"threshold: 5}}\n"
		"- {id: tag, condition: {metric: vm.cpu.usage, operator: gt, threshold: 5, tags: "
		"{stage: \"prod*\"}}}\n"
		"- {id: component, condition: {metric: vm.cpu.usage, operator: gt, threshold: 5, tags: "
		"{component: host}}}\n"
		"- {id: good, condition: {metric: vm.cpu.ready_seconds_total, rate: 1m, operator: gt, "
		"threshold: 5, tags: {stage: \"te*\"}}}\n"
		"- {id: off, enabled: false, condition: {metric: vm.cpu.usage, operator: gt, threshold: "
		"150}}\n";
	static const char *const lines[] = {
		"t.yaml:8: rule percent: never fires: vm.cpu.usage is at most 100 percent",
		"t.yaml:9: rule counter: vm.cpu.ready_seconds_total is a counter",
		"t.yaml:10: rule tag: never fires: the tag stage is \"test\"",
		"t.yaml:11: rule component: never fires: the tag component is \"vm\"",
		"t.yaml:6: silence s: there is no rule \"nothing-like-it\"",
		"t.yaml:4: channel c: there is no rule \"percnt\"; did you mean \"percent\"?",
	};
	g_autoptr(config_t) c = load(text);
	g_auto(GStrv) got = g_strsplit(c->rule_set->warnings->str, "\n", -1);

	CU_ASSERT_EQUAL(g_strv_length(got), G_N_ELEMENTS(lines));
	for (size_t i = 0; i < G_N_ELEMENTS(lines) && got[i]; i++) {
		if (!g_str_has_prefix(got[i], lines[i]))
			printf("\n%s\n  is not %s\n", got[i], lines[i]);
		CU_ASSERT(g_str_has_prefix(got[i], lines[i]));
	}
}

static bool goes_to(const struct routes *routes, char *const *named, const char *vm,
		    const char *rule, enum alert_severity severity, const char *expected)
{
	const struct kvmlens_tag labels[] = {{"vm", vm ? vm : ""}, {"uuid", "u-1"}};
	const struct notification n = {
		.rule_id = rule, .severity = severity, .labels = labels, .n_labels = vm ? 2 : 0};
	g_auto(GStrv) names = routes_find(routes, named, &n);
	g_autofree char *got = g_strjoinv(" ", names);

	if (strcmp(got, expected))
		printf("\n%s instead of %s\n", got, expected);
	return strcmp(got, expected) == 0;
}

static void test_routes(void)
{
	static const char text[] = "channels:\n"
				   "- {name: all, type: journal}\n"
				   "- {name: night, type: journal, min_severity: critical}\n"
				   "- {name: db, type: journal, vms: [\"db-*\", u-1]}\n"
				   "- {name: web, type: journal, vms: [\"web-*\", \"www\"], "
				   "min_severity: warning}\n"
				   "- {name: disks, type: journal, rules: [\"vm-disk-*\"]}\n";
	static char *named[] = {(char *)"night", (char *)"web", NULL};
	g_autoptr(config_t) c = load(text);
	struct routes *routes = routes_new(c);

	CU_ASSERT(goes_to(routes, NULL, "x", "vm-cpu", ALERT_INFO, "all db"));
	CU_ASSERT(goes_to(routes, NULL, "web-3", "vm-cpu", ALERT_CRITICAL, "all night db web"));
	CU_ASSERT(goes_to(routes, NULL, "web-3", "vm-disk-x", ALERT_INFO, "all db disks"));
	CU_ASSERT(goes_to(routes, NULL, NULL, "host-x", ALERT_CRITICAL, "all night"));
	CU_ASSERT(goes_to(routes, named, "web-3", "vm-cpu", ALERT_WARNING, "web"));
	CU_ASSERT(goes_to(routes, named, "db-3", "vm-cpu", ALERT_WARNING, ""));
	routes_free(routes);
}

/* The time of a text in UTC, in milliseconds. */
static int64_t at(const char *text)
{
	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);

	return g_date_time_to_unix(time) * 1000;
}

/* Berlin is an hour ahead of UTC in winter, two in summer, from 29 March to 25 October. */
static void test_windows(void)
{
	static const char text[] =
		"silences:\n"
		"- {name: night, vm: \"*\", days: [sat], from: \"22:30\", duration: 4h, time_zone: "
		"Europe/Berlin}\n"
		"- {name: daily, rule: \"vm-*\", from: \"01:00\", duration: 30m, time_zone: UTC}\n"
		"- {name: long, vm: a, days: [fri], from: \"18:00\", duration: 62h, time_zone: "
		"Europe/Berlin}\n";
	static const struct {
		unsigned window;
		const char *time;
		bool active;
	} cases[] = {
		{0, "2026-01-10T21:29:59", false}, /* Saturday */
		{0, "2026-01-10T21:30:00", true},
		{0, "2026-01-11T01:29:59", true}, /* over midnight */
		{0, "2026-01-11T01:30:00", false},
		{0, "2026-01-11T21:30:00", false}, /* Sunday */
		{0, "2026-07-11T20:29:00", false}, /* in summer an hour earlier by UTC */
		{0, "2026-07-11T20:30:00", true},
		{0, "2026-03-29T01:29:59", true}, /* clocks are set forth within it: it lasts 4 h */
		{0, "2026-03-29T01:30:00", false},
		{0, "2026-10-25T00:29:59", true}, /* and back */
		{0, "2026-10-25T00:30:00", false},
		{1, "2026-01-11T01:10:00", true},
		{1, "2026-01-11T01:30:00", false},
		{1, "2026-01-11T00:59:59", false},
		{2, "2026-01-09T17:00:00", true}, /* Friday, and until Monday at 8 */
		{2, "2026-01-12T06:59:00", true},
		{2, "2026-01-12T07:00:00", false},
	};
	g_autoptr(config_t) c = load(text);
	g_autoptr(GPtrArray) windows = silence_windows_new(c);
	struct silences *all;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct silence_window *w = g_ptr_array_index(windows, cases[i].window);
		int64_t since = 0, until = 0;
		bool active = silence_window_active(w, at(cases[i].time), &since, &until);

		if (active != cases[i].active)
			printf("\n%s of %s\n", cases[i].time, w->name);
		CU_ASSERT_EQUAL(active, cases[i].active);
		CU_ASSERT_EQUAL(until - since, active ? w->span_ms : 0);
	}
	all = silences_combine(NULL, windows, at("2026-01-11T01:10:00"));
	CU_ASSERT_EQUAL(all->list->len, 3);
	silences_free(all);
}

static void test_window_mistakes(void)
{
	static const struct {
		const char *item, *message;
	} cases[] = {
		{"{name: a, vm: x, from: \"24:00\", duration: 1h}", "is no time of day"},
		{"{name: a, vm: x, from: \"7:00\", duration: 1h}", "is no time of day"},
		{"{name: a, vm: x, from: \"07:00\", duration: 1h, time_zone: Mars/Base}",
		 "is no time zone that this host knows"},
		{"{name: a, vm: x, from: \"07:00\", duration: 1h, days: [mo]}",
		 "did you mean \"mon\"?"},
		{"{name: a, from: \"07:00\", duration: 1h}", "has neither \"vm\" nor \"rule\""},
		{"{name: a, vm: x, from: \"07:00\"}", "\"duration\" is missing"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strdup_printf("silences:\n- %s\n", cases[i].item);
		g_autoptr(config_t) c = config_new();
		g_autofree char *error = NULL;

		CU_ASSERT_NOT_EQUAL(config_load_text(c, "f", text, strlen(text), &error), 0);
		if (!error || !strstr(error, cases[i].message))
			printf("\n%s\n", error);
		CU_ASSERT_PTR_NOT_NULL(error && strstr(error, cases[i].message));
	}
}

/* Files of secrets: missing, and readable by all; certificates are no secret. */
static void test_secrets(void)
{
	g_autofree char *dir = g_dir_make_tmp("secrets-XXXXXX", NULL);
	g_autofree char *open = g_build_filename(dir, "open", NULL);
	g_autofree char *closed = g_build_filename(dir, "closed", NULL);
	g_autoptr(GString) mistakes = g_string_new(NULL), warnings = g_string_new(NULL);
	g_autofree char *text = g_strdup_printf(
		"channels:\n"
		"- {name: a, type: webhook, url: \"https://x\", token_file: %s, ca_file: %s}\n"
		"- {name: b, type: webhook, url: \"https://x\", token_file: %s, secret_file: "
		"%s/none}\n",
		open, open, closed, dir);
	g_autoptr(config_t) c = load(text);

	CU_ASSERT_TRUE(g_file_set_contents(open, "key\n", -1, NULL));
	CU_ASSERT_TRUE(g_file_set_contents(closed, "key\n", -1, NULL));
	g_chmod(open, 0644);
	g_chmod(closed, 0640);
	secrets_check(c, mistakes, warnings);
	CU_ASSERT(g_str_has_prefix(mistakes->str, "t.yaml:3: channel b: secret_file: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(mistakes->str, "/none: No such file or directory"));
	CU_ASSERT_PTR_NULL(strchr(mistakes->str, '\n'));
	CU_ASSERT(g_str_has_prefix(warnings->str, "t.yaml:2: channel a: token_file: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(warnings->str, "every user can read"));
	CU_ASSERT_PTR_NULL(strchr(warnings->str, '\n'));
	g_unlink(open);
	g_unlink(closed);
	g_rmdir(dir);
}

/* What the rule adds to an alert, and that a VM's label is not displaced by it. */
static void test_additions(void)
{
	const struct notification *n;
	struct alert_lab lab;

	lab_init(&lab,
		 "rules:\n- id: r\n  labels: {team: infra}\n"
		 "  annotations: {more: \"of {vm}\\nand {{so on\"}\n"
		 "  runbook_url: \"https://x/{vm}\"\n  description: |\n    One {vm}.\n    Two.\n"
		 "  condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 10}\n");
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, (double[]){11}, 1, 1000), 1);
	n = &lab_event(&lab, 0)->notification;
	CU_ASSERT_EQUAL_FATAL(n->n_labels, 3);
	CU_ASSERT_STRING_EQUAL(n->labels[2].key, "team");
	CU_ASSERT_STRING_EQUAL(n->labels[2].value, "infra");
	CU_ASSERT_EQUAL_FATAL(n->n_annotations, 1);
	CU_ASSERT_STRING_EQUAL(n->annotations[0].value, "of vm-0000\nand {so on");
	CU_ASSERT_STRING_EQUAL(n->runbook_url, "https://x/vm-0000");
	CU_ASSERT_STRING_EQUAL(n->description, "One vm-0000.\nTwo.\n");
	lab_clear(&lab);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"mistakes in new forms", test_mistakes},
		{"rules of doubtful use", test_doubts},
		{"channels by severity, VM and rule", test_routes},
		{"windows", test_windows},
		{"mistakes in windows", test_window_mistakes},
		{"files of secrets", test_secrets},
		{"labels, annotations, lines", test_additions},
		CU_TEST_INFO_NULL,
	};

	return suite_run("alert_rules", tests);
}
