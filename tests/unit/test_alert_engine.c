// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>
#include "metric/metric.h"
#include "alert/text.h"
#include "alert/view.h"
#include "tui/health.h"
#include "unit/alert_lab.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

#define TICK 10000
#define READY(id, more, cond)                            \
	"  - id: " id "\n    keep_firing_for: 0s\n" more \
	"    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 10, " cond "}\n"

/* One VM with these values, a tick apart; what happened as letters: p f n r d, or - for nothing. */
static void run(struct alert_lab *lab, const double *values, unsigned n, char *ret_story)
{
	static const char letters[] = "kpdfnr";

	for (unsigned i = 0; i < n; i++) {
		guint events = lab_step(lab, &values[i], 1, TICK);

		CU_ASSERT(events <= 1);
		ret_story[i] = events ? letters[lab_event(lab, 0)->change] : '-';
	}
	ret_story[n] = '\0';
}

static void check_story(const char *yaml, const double *values, unsigned n, const char *expected)
{
	struct alert_lab lab;
	char story[64];

	lab_init(&lab, yaml);
	run(&lab, values, n, story);
	if (strcmp(story, expected))
		printf("\n%s instead of %s\n", story, expected);
	CU_ASSERT_STRING_EQUAL(story, expected);
	lab_clear(&lab);
}

#define STORY(yaml, expected, ...)                                  \
	check_story("rules:\n" yaml, (const double[]){__VA_ARGS__}, \
		    sizeof((double[]){__VA_ARGS__}) / sizeof(double), expected)

static void test_states(void)
{
	STORY(READY("r", "", ""), "-f-r-", 5, 11, 12, 10, 5);
	/* After its duration, not before. */
	STORY(READY("r", "", "duration: 30s"), "p--f-r", 11, 11, 11, 11, 11, 1);
	STORY(READY("r", "", "duration: 30s"), "p--dp--f", 11, 11, 11, 1, 11, 11, 11, 11);
	/* Hysteresis. */
	STORY(READY("r", "    resolve_threshold: 5\n", ""), "-f--r", 6, 11, 9, 6, 5);
	/* Over for a while before it is resolved; k: that is begins or ends to be over. */
	STORY(READY("r", "    repeat: 0s\n", "duration: 10s"), "pfr", 11, 11, 9);
}

/* A value that flaps around the threshold is one alert. */
static void test_flapping(void)
{
	struct alert_lab lab;
	unsigned fired = 0, told = 0;

	lab_init(&lab,
		 "rules:\n  - id: r\n    condition: {metric: vm.cpu.ready_time, operator: gt, "
		 "threshold: 10}\n");
	for (unsigned i = 0; i < 60; i++) {
		double value = i % 2 ? 9.5 : 10.5;

		for (guint e = 0, n = lab_step(&lab, &value, 1, TICK); e < n; e++) {
			fired += lab_event(&lab, e)->change == CHANGE_FIRING;
			told += lab_event(&lab, e)->notify;
		}
	}
	CU_ASSERT_EQUAL(fired, 1);
	CU_ASSERT_EQUAL(told, 1);
	lab_clear(&lab);
}

static void test_no_data(void)
{
	/* A gap that is short is none, a long one no resolution. */
	STORY(READY("r", "    no_data_after: 25s\n", ""), "f--n-kr", 11, NAN, NAN, NAN, NAN, 11, 1);
	STORY(READY("r", "    no_data_after: 25s\n", ""), "f--nr", 11, NAN, NAN, NAN, 1);
	STORY(READY("r", "    no_data_after: 25s\n    no_data: resolve\n", ""), "f--r", 11, NAN,
	      NAN, NAN);
	STORY(READY("r", "    no_data_after: 25s\n", "duration: 1h"), "pd--", 11, NAN, NAN, NAN);
	/* It does not become due while its value is missing, and begins again afterwards. */
	STORY(READY("r", "", "duration: 20s"), "pd-p-f", 11, NAN, NAN, 11, 11, 11);
	/* Told of by itself, whether it fired or not. */
	STORY(READY("r", "    no_data_after: 25s\n    no_data: alert\n", ""), "---n-r", 1, NAN, NAN,
	      NAN, NAN, 1);
}

/* Snapshots come a little early or late: what lasts a minute lasts six intervals of ten seconds. */
static void test_lateness(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(3);

	for (int run = 0; run < 200; run++) {
		int64_t began = LAB_START_MS + 1000 * TICK, at = began, late = 0;
		struct alert_lab lab;
		double value = 11;

		lab_init(&lab, "rules:\n" READY("r", "", "duration: 1m"));
		lab.now_ms = began - TICK;
		lab_step(&lab, (double[]){1}, 1, 0);
		for (int i = 0; i < 9; i++) {
			lab.now_ms = at = began + i * TICK + g_rand_int_range(rand, -300, 300);
			lab_step(&lab, &value, 1, 0);
			if (lab.events->len && lab_event(&lab, 0)->change == CHANGE_FIRING)
				late = at - began - 60000;
		}
		CU_ASSERT(ABS(late) <= 300 && late);
		lab_clear(&lab);
	}
}

static void test_gone(void)
{
	static const double values[] = {11, 11};
	struct alert_lab lab;

	lab_init(&lab, "rules:\n" READY("r", "", ""));
	CU_ASSERT_EQUAL(lab_step(&lab, values, 2, TICK), 2);
	CU_ASSERT_EQUAL(lab_step(&lab, values, 1, TICK), 0); /* not listed for a moment */
	CU_ASSERT_EQUAL(lab_step(&lab, values, 2, TICK), 0);
	CU_ASSERT_EQUAL(lab_step(&lab, values, 1, TICK), 0);
	CU_ASSERT_EQUAL(lab_step(&lab, values, 1, TICK), 0);
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, values, 1, TICK), 1);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->change, CHANGE_RESOLVED);
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->reason, "the VM is gone");
	CU_ASSERT_TRUE(lab_event(&lab, 0)->notify);
	lab_clear(&lab);
}

#define CLAUSES                                                                      \
	"    name: VM waits\n"                                                       \
	"    text: \"{vm} waits {value} % of the time, most for {top_aggressor}\"\n" \
	"    description: \"Over {threshold}{unit} on {host} (by {top_aggressor}). " \
	"Pin it: {top_aggressor}. Else move it.\"\n"

/* What is not known is left out with its clause, units stand once, and an end says how it was. */
static void test_texts(void)
{
	double value = 42.5;
	struct alert_lab lab;

	lab_init(&lab, "rules:\n" READY("r", CLAUSES, ""));
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, &value, 1, 90000), 1);
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->notification.summary,
			       "vm-0000 waits 42.5 % of the time");
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->notification.description,
			       "Over 10 % on lab. Pin it. Else move it.");
	value = 3;
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, &value, 1, TICK), 1);
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->notification.summary,
			       "VM waits: vm-0000: over after 1m30s; vm.cpu.ready_time is 3 % now");
	lab_clear(&lab);
	/* The text that a rule without one has. */
	value = 42.5;
	lab_init(&lab, "rules:\n" READY("r", "    name: VM waits\n", ""));
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, &value, 1, TICK), 1);
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->notification.summary,
			       "VM waits: vm.cpu.ready_time of vm-0000 is 42.5 % (> 10 %)");
	lab_clear(&lab);
}

static void check_number(const char *metric, double value, const char *expected)
{
	g_autofree char *text = alert_number(metric_find(metric), value);

	CU_ASSERT_STRING_EQUAL(text, expected);
}

static void test_numbers(void)
{
	check_number("vm.cpu.ready_time", 93.25, "93.25 %");
	check_number("vm.disk.read_latency", 16.5, "16.5 ms");
	check_number("vm.memory.available", 1.5 * (1 << 30), "1.5 GiB");
	check_number("vm.disk.read_throughput", 2048, "2 KiB/s");
	check_number("vm.time_to_full_seconds", 199584, "2.31 days");
	check_number("vm.time_to_full_seconds", 9000, "2.5 hours");
	check_number("vm.time_to_full_seconds", 45, "45 s");
	check_number("vm.cpu.vcpus", 4, "4");
}

static void test_notification(void)
{
	static const double value = 42.5;
	const struct notification *n;
	struct alert_lab lab;
	g_autofree char *key = NULL;

	lab_init(&lab, "channels:\n  - {name: log, type: journal}\nrules:\n" READY(
			       "r",
			       "    name: Waits\n    severity: critical\n    channels: [log]\n"
			       "    text: \"{vm} on {host}: {value} {unit} > {threshold} {{x}\"\n",
			       ""));
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, &value, 1, TICK), 1);
	n = &lab_event(&lab, 0)->notification;
	CU_ASSERT_STRING_EQUAL(n->summary, "vm-0000 on lab: 42.5 % > 10 % {x}");
	CU_ASSERT_STRING_EQUAL(n->rule_name, "Waits");
	CU_ASSERT_EQUAL(n->severity, ALERT_CRITICAL);
	CU_ASSERT_EQUAL(n->status, ALERT_FIRING);
	CU_ASSERT_EQUAL(n->starts_ms, LAB_START_MS);
	CU_ASSERT_EQUAL(n->ends_ms, 0);
	CU_ASSERT_EQUAL(n->value, 42.5);
	CU_ASSERT_STRING_EQUAL(n->labels[0].value, "vm-0000");
	CU_ASSERT(strlen(n->key) <= NOTIFICATION_KEY_MAX);
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->channels[0], "log");
	key = g_strdup(n->key);
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, (double[]){1}, 1, TICK), 1);
	n = &lab_event(&lab, 0)->notification;
	CU_ASSERT_EQUAL(n->status, ALERT_RESOLVED);
	CU_ASSERT_EQUAL(n->ends_ms, LAB_START_MS + TICK);
	CU_ASSERT_STRING_NOT_EQUAL(n->key, key);
	lab_clear(&lab);
}

static void test_repeat(void)
{
	struct alert_lab lab;
	unsigned told = 0;
	double value = 11;

	lab_init(&lab, "rules:\n" READY("r", "    repeat: 1m\n", ""));
	for (unsigned i = 0; i < 13; i++)
		told += lab_step(&lab, &value, 1, TICK);
	CU_ASSERT_EQUAL(told, 3);
	lab_clear(&lab);
}

/* What top's banner says of the lab's VMs, all together; free it. */
static char *banner_of(const struct alert_lab *lab, unsigned vms)
{
	struct fake_spec spec = {.vms = vms, .vcpus = 1, .level = KVMLENS_STANDARD};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct alert_view *view = alert_view_new(lab->engine);
	GString *text = g_string_new(NULL);
	GArray *problems;

	alert_view_fill(view, snapshot);
	problems = health_problems(snapshot, snapshot->mono_ns, TICK, false);
	for (guint i = 0; i < problems->len; i++)
		g_string_append_printf(text, "%s\n",
				       g_array_index(problems, struct problem, i).text);
	g_array_unref(problems);
	alert_view_unref(view);
	kvmlens_snapshot_unref(snapshot);
	return g_string_free(text, FALSE);
}

/* What is silenced, or inhibited by a worse one, does not fire for whoever sits before top. */
static void test_banner(void)
{
	struct silence silence = {
		.since_ms = 0, .until_ms = LAB_START_MS + 15000, .rule = "r", .vm = "vm-0000"};
	double values[] = {50, 50};
	struct alert_lab lab;
	char *text;

	lab_init(&lab,
		 "rules:\n" READY("low", "", "") READY("high", "    severity: critical\n", ""));
	lab_step(&lab, values, 2, TICK);
	text = banner_of(&lab, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "2 alerts fire: high of vm-0000, high of vm-0001\n"));
	g_free(text);
	lab_clear(&lab);

	lab_init(&lab, "rules:\n" READY("r", "", ""));
	lab.silences = silences_new();
	silences_add(lab.silences, &silence);
	lab_step(&lab, values, 2, TICK);
	text = banner_of(&lab, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "1 alert fires: r of vm-0001\n"));
	g_free(text);
	/* The silence has ended. */
	lab_step(&lab, values, 2, TICK);
	lab_step(&lab, values, 2, TICK);
	text = banner_of(&lab, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "2 alerts fire: r of vm-0000, r of vm-0001\n"));
	g_free(text);
	lab_clear(&lab);
}

/* A VM that died, and is started again: its alert ends as it is back. */
static void test_back(void)
{
	const char *yaml = "rules:\n  - id: died\n    keep_firing_for: 0s\n"
			   "    condition: {metric: vm.died, operator: gt, threshold: 0}\n";
	struct fake_spec spec = {
		.vms = 1, .vcpus = 1, .level = KVMLENS_STANDARD, .everything = true};
	const char *reason = NULL;
	struct alert_lab lab;
	unsigned fired = 0;

	lab_init(&lab, yaml);
	for (unsigned i = 0; i < 10 && !reason; i++) {
		struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
		struct snap_vm *vm = entities_at(&snapshot->vms, 0);

		snapshot->wall_ms = lab.now_ms += TICK;
		vm->up = i >= 2;
		vm->state = vm->up ? KVMLENS_VM_RUNNING : KVMLENS_VM_CRASHED;
		for (size_t d = 0; d < vm->downs.n; d++)
			((struct snap_down *)entities_at(&vm->downs, d))->died = 1;
		while (vm->up && vm->downs.n)
			entities_remove(&vm->downs, 0);
		g_ptr_array_set_size(lab.events, 0);
		alert_engine_step(lab.engine, snapshot, NULL, lab.events);
		for (guint e = 0; e < lab.events->len; e++) {
			fired += lab_event(&lab, e)->change == CHANGE_FIRING;
			if (lab_event(&lab, e)->change == CHANGE_RESOLVED)
				reason = lab_event(&lab, e)->reason;
		}
		kvmlens_snapshot_unref(snapshot);
	}
	CU_ASSERT_TRUE(fired > 0);
	CU_ASSERT_STRING_EQUAL(reason ?: "", "the VM is back");
	lab_clear(&lab);
}

static void test_silence(void)
{
	struct silence silence = {
		.since_ms = 0, .until_ms = LAB_START_MS + 30000, .rule = "r*", .vm = "vm-0000"};
	struct alert_lab lab;
	double values[] = {11, 11};

	lab_init(&lab, "rules:\n" READY("r", "", ""));
	lab.silences = silences_new();
	silences_add(lab.silences, &silence);
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, values, 2, TICK), 2);
	for (guint i = 0; i < 2; i++) {
		bool first = !strcmp(lab_event(&lab, i)->notification.labels[0].value, "vm-0000");

		CU_ASSERT_EQUAL(lab_event(&lab, i)->notify, !first);
		CU_ASSERT_STRING_EQUAL(lab_event(&lab, i)->quiet, first ? "silenced" : "");
	}
	CU_ASSERT_EQUAL(lab_step(&lab, values, 2, TICK), 0);
	CU_ASSERT_EQUAL(lab_step(&lab, values, 2, TICK), 0);
	/* The silence has ended and it still fires. */
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, values, 2, TICK), 1);
	CU_ASSERT_TRUE(lab_event(&lab, 0)->notify);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->notification.status, ALERT_FIRING);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->notification.starts_ms, LAB_START_MS);
	lab_clear(&lab);
}

static void test_inhibition(void)
{
	struct alert_lab lab;
	double value = 50;

	lab_init(
		&lab,
		"rules:\n" READY(
			"low", "",
			"") "  - id: high\n    severity: critical\n"
			    "    keep_firing_for: 0s\n"
			    "    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 30}\n");
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, &value, 1, TICK), 2);
	for (guint i = 0; i < 2; i++) {
		const struct alert_event *event = lab_event(&lab, i);

		CU_ASSERT_EQUAL(event->notify, !strcmp(event->record.rule_id, "high"));
	}
	/* The worse one is over: now the lesser one is news. */
	value = 20;
	CU_ASSERT_EQUAL(lab_step(&lab, &value, 1, TICK), 2);
	for (guint i = 0; i < 2; i++)
		CU_ASSERT_TRUE(lab_event(&lab, i)->notify);
	lab_clear(&lab);
}

static void test_matching(void)
{
	double values[] = {11, 11, 11};
	struct alert_lab lab;

	lab_init(&lab, "rules:\n" READY("r", "", "labels: {vm: \"*1\"}")
			       READY("s", "", "tags: {component: host}")
				       READY("t", "", "tags: {component: vm, rack: r1}"));
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, values, 3, TICK), 1);
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->notification.labels[0].value, "vm-0001");
	lab_clear(&lab);
}

static void test_reload(void)
{
	double value = 11;
	struct alert_lab lab;

	lab_init(&lab, "rules:\n" READY("r", "", "") READY("s", "", ""));
	CU_ASSERT_EQUAL(lab_step(&lab, &value, 1, TICK), 2);
	/* One goes, one stays and is not told anew. */
	lab_set_rules(&lab, "rules:\n" READY("r", "    name: Other\n", ""));
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, &value, 1, TICK), 1);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->change, CHANGE_RESOLVED);
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->record.rule_id, "s");
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->reason, "rule removed");
	CU_ASSERT_EQUAL(lab_step(&lab, &value, 1, TICK), 0);
	/* What was kept is lost: it is told to the store again, and to nobody else. */
	alert_engine_rewrite(lab.engine);
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, &value, 1, TICK), 1);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->change, CHANGE_KEPT);
	CU_ASSERT_FALSE(lab_event(&lab, 0)->notify);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->record.state, STATE_FIRING);
	CU_ASSERT_EQUAL(lab_step(&lab, &value, 1, TICK), 0);
	lab_clear(&lab);
}

static void keep_record(void *arg, const struct alert_rule *rule, const struct alert_record *record,
			const struct snap_vm *vm, const char *quiet)
{
	struct alert_record *copy = arg;

	*copy = *record;
	copy->rule_id = g_strdup(record->rule_id);
	labels_ref(copy->labels);
}

/* A restart while it fires: nothing is told again, and what is over meanwhile is resolved. */
static void test_restart(void)
{
	static const char yaml[] = "rules:\n" READY("r", "", "");
	struct alert_record record = {0};
	struct alert_lab lab;
	double value = 11;

	lab_init(&lab, yaml);
	CU_ASSERT_EQUAL(lab_step(&lab, &value, 1, TICK), 1);
	alert_engine_each(lab.engine, keep_record, &record);
	lab_clear(&lab);
	lab_init(&lab, yaml);
	lab.now_ms += 3600000;
	CU_ASSERT_EQUAL(alert_engine_restore(lab.engine, &record), 0);
	CU_ASSERT_EQUAL(lab_step(&lab, (double[]){NAN}, 1, TICK), 0); /* no rates yet */
	CU_ASSERT_EQUAL(lab_step(&lab, &value, 1, TICK), 0);
	value = 1;
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, &value, 1, TICK), 1);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->change, CHANGE_RESOLVED);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->notification.starts_ms, LAB_START_MS);
	lab_clear(&lab);
	g_free(record.rule_id);
	labels_unref(record.labels);
}

/* The plainest model of a rule: what Prometheus does, with hysteresis, its spans in snapshots. */
struct model {
	bool active, firing, over;
	unsigned since, over_since;
};

static char model_step(struct model *m, double value, unsigned now, double resolve, unsigned hold,
		       unsigned keep)
{
	bool holds = value > (m->firing ? resolve : 10);

	if (holds)
		m->over = false;
	if (holds && !m->active) {
		m->active = true;
		m->since = now;
	}
	if (holds && !m->firing && now - m->since >= hold) {
		m->firing = true;
		return 'f';
	}
	if (holds || !m->active)
		return '-';
	if (m->firing && !m->over) {
		m->over = true;
		m->over_since = now;
	}
	if (m->firing && now - m->over_since < keep)
		return '-';
	holds = m->firing;
	*m = (struct model){0};
	return holds ? 'r' : '-';
}

/* The number of intervals that is nearest to a span; no span but none is empty. */
static unsigned nearest(unsigned span, unsigned interval)
{
	unsigned n = (2 * span + interval) / (2 * interval);

	return span && !n ? 1 : n;
}

static void check_random(GRand *rand, unsigned hold, unsigned keep, unsigned resolve)
{
	g_autofree char *yaml = g_strdup_printf(
		"rules:\n  - id: r\n    keep_firing_for: %us\n    resolve_threshold: %u\n"
		"    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 10, duration: "
		"%us}\n",
		keep, resolve, hold);
	struct model models[4] = {{0}};
	struct alert_lab lab;
	double values[4] = {10, 10, 10, 10};
	unsigned interval = g_rand_int_range(rand, 1, 15);
	char expected[4], got[4];

	lab_init(&lab, yaml);
	lab_step(&lab, values, 4, interval * 1000);
	for (unsigned i = 0; i < 300; i++) {
		for (unsigned v = 0; v < 4; v++) {
			values[v] = CLAMP(values[v] + g_rand_double_range(rand, -4, 4), 0, 20);
			expected[v] = model_step(&models[v], values[v], i, resolve,
						 nearest(hold, interval), nearest(keep, interval));
			got[v] = '-';
		}
		lab_step(&lab, values, 4, interval * 1000);
		for (guint e = 0; e < lab.events->len; e++) {
			const struct alert_event *event = lab_event(&lab, e);
			unsigned v = event->notification.labels[0].value[6] - '0';

			if (event->change == CHANGE_FIRING)
				got[v] = 'f';
			else if (event->change == CHANGE_RESOLVED)
				got[v] = 'r';
		}
		CU_ASSERT_EQUAL_FATAL(memcmp(expected, got, 4), 0);
	}
	lab_clear(&lab);
}

static void test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(5);

	for (unsigned i = 0; i < 40; i++)
		check_random(rand, g_rand_int_range(rand, 0, 40), g_rand_int_range(rand, 0, 40),
			     g_rand_int_range(rand, 5, 11));
}

/*
 * With gaps, VMs that come and go, silences and repeats: of each alert the news alternates, every
 * end of what was told is told, and no key comes twice.
 */
static void test_news(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) up = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct alert_lab lab;
	double values[6];

	lab_init(&lab, "rules:\n" READY("a", "    repeat: 1m\n    no_data_after: 30s\n",
					"duration: "
					"20s") READY("b",
						     "    severity: critical\n    no_data: alert\n"
						     "    no_data_after: 20s\n",
						     ""));
	for (unsigned i = 0; i < 3000; i++) {
		lab.silences = lab.silences ?: silences_new();
		if (g_rand_int_range(rand, 0, 50) == 0) {
			struct silence s = {.until_ms = lab.now_ms + 60000, .vm = "vm-0001"};

			silences_add(lab.silences, &s);
		}
		for (unsigned v = 0; v < 6; v++)
			values[v] = g_rand_int_range(rand, 0, 4) ? g_rand_double_range(rand, 0, 20)
								 : NAN;
		lab_step(&lab, values, g_rand_int_range(rand, 2, 7), 7000);
		for (guint e = 0; e < lab.events->len; e++) {
			const struct alert_event *event = lab_event(&lab, e);
			const struct notification *n = &event->notification;
			bool was = g_hash_table_contains(up, n->alert_id);

			if (!event->notify)
				continue;
			CU_ASSERT_TRUE(g_hash_table_add(keys, g_strdup(n->key)));
			if (n->status != ALERT_RESOLVED)
				g_hash_table_add(up, g_strdup(n->alert_id));
			else
				CU_ASSERT_TRUE(was);
			if (n->status == ALERT_RESOLVED)
				g_hash_table_remove(up, n->alert_id);
		}
	}
	CU_ASSERT(g_hash_table_size(keys) > 1000);
	/* Nothing stays up once all is well. */
	for (unsigned i = 0; i < 6; i++)
		values[i] = 1;
	for (unsigned i = 0; i < 3; i++) {
		lab_step(&lab, values, 6, TICK);
		for (guint e = 0; e < lab.events->len; e++)
			if (lab_event(&lab, e)->notification.status == ALERT_RESOLVED)
				g_hash_table_remove(up, lab_event(&lab, e)->notification.alert_id);
	}
	CU_ASSERT_EQUAL(g_hash_table_size(up), 0);
	lab_clear(&lab);
}

/* The wall clock is set, forth and back: nothing takes longer, and stamps are of the new time. */
static void test_clock(void)
{
	struct silence silence = {.rule = "r", .vm = "vm-0000"};
	const struct notification *n;
	struct alert_lab lab;
	double value = 11;

	lab_init(&lab, "rules:\n" READY("r", "", "duration: 20s"));
	for (int i = 0; i < 3; i++) {
		lab.mono_ns += TICK * UINT64_C(1000000);
		/* An hour forth behind the first step. */
		lab_step(&lab, &value, 1, i ? TICK : TICK + 3600000);
		CU_ASSERT_EQUAL_FATAL(lab.events->len, 1);
		CU_ASSERT_EQUAL(lab_event(&lab, 0)->notify, i == 2);
	}
	n = &lab_event(&lab, 0)->notification;
	CU_ASSERT_EQUAL(n->starts_ms, lab.now_ms - TICK);
	/* Two hours back. A silence is of the clock that people see. */
	lab.now_ms -= 7200000;
	lab.silences = silences_new();
	silence.since_ms = lab.now_ms - 1;
	silence.until_ms = lab.now_ms + 60000;
	silences_add(lab.silences, &silence);
	lab.mono_ns += TICK * UINT64_C(1000000);
	lab_step(&lab, &value, 1, TICK);
	CU_ASSERT_EQUAL_FATAL(lab.events->len, 1);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->change, CHANGE_KEPT);
	CU_ASSERT_STRING_EQUAL(lab_event(&lab, 0)->quiet, "silenced");
	value = 1;
	lab.mono_ns += TICK * UINT64_C(1000000);
	lab_step(&lab, &value, 1, TICK);
	CU_ASSERT_EQUAL_FATAL(lab.events->len, 1);
	n = &lab_event(&lab, 0)->notification;
	CU_ASSERT_EQUAL(n->status, ALERT_RESOLVED);
	CU_ASSERT_EQUAL(n->ends_ms, lab.now_ms - TICK);
	CU_ASSERT_EQUAL(n->starts_ms, n->ends_ms - 2 * TICK);
	lab_clear(&lab);
}

/* The same while nothing ran. */
static void test_restart_earlier(void)
{
	static const char yaml[] = "rules:\n" READY("r", "", "duration: 20s");
	struct alert_record record = {0};
	struct alert_lab lab;
	double value = 11;

	lab_init(&lab, yaml);
	CU_ASSERT_EQUAL(lab_step(&lab, &value, 1, TICK), 1);
	alert_engine_each(lab.engine, keep_record, &record);
	lab_clear(&lab);
	lab_init(&lab, yaml);
	lab.now_ms -= 3600000;
	CU_ASSERT_EQUAL(alert_engine_restore(lab.engine, &record), 0);
	lab_step(&lab, &value, 1, TICK);
	lab_step(&lab, &value, 1, TICK);
	CU_ASSERT_EQUAL_FATAL(lab_step(&lab, &value, 1, TICK), 1);
	CU_ASSERT_EQUAL(lab_event(&lab, 0)->change, CHANGE_FIRING);
	lab_clear(&lab);
	g_free(record.rule_id);
	labels_unref(record.labels);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"from state to state", test_states},
		{"a flapping value", test_flapping},
		{"no data", test_no_data},
		{"snapshots early and late", test_lateness},
		{"a VM that is gone", test_gone},
		{"what is told", test_notification},
		{"texts", test_texts},
		{"numbers with their units", test_numbers},
		{"repeats", test_repeat},
		{"a VM that is back", test_back},
		{"silences", test_silence},
		{"silenced and inhibited alerts are no banner of top's", test_banner},
		{"inhibition", test_inhibition},
		{"matching", test_matching},
		{"other rules", test_reload},
		{"a restart", test_restart},
		{"a clock that is set", test_clock},
		{"a restart with an earlier clock", test_restart_earlier},
		{"random series against a model", test_random},
		{"news over random series", test_news},
		CU_TEST_INFO_NULL,
	};

	return suite_run("alert_engine", tests);
}
