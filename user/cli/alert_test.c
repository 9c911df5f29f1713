// SPDX-License-Identifier: Apache-2.0
#include "cli/alert_test.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "alert/engine.h"
#include "alert/replay.h"
#include "alert/state.h"
#include "alert/text.h"
#include "cli/live.h"
#include "util/text.h"

struct test {
	struct cli *cli;
	struct alert_engine *engine;
	const struct alert_rule *rule;
	unsigned snapshots, values, fired;
};

const char *alert_time(int64_t ms, char *buf)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, ALERT_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm))
		g_strlcpy(buf, "?", ALERT_TIME_MAX);
	return buf;
}

static void print_json(const struct test *test, const struct alert_event *event)
{
	const struct notification *n = &event->notification;
	json_auto_t *labels = json_object(), *line = NULL;

	for (size_t i = 0; i < n->n_labels; i++)
		json_object_set_new(labels, n->labels[i].key, json_string(n->labels[i].value));
	line = json_pack("{s:I, s:s, s:s, s:O, s:s}", "time_ms", (json_int_t)n->at_ms, "rule",
			 n->rule_id, "change", alert_change_name(event->change), "labels", labels,
			 "summary", n->summary);
	if (isfinite(n->value))
		json_object_set_new(line, "value", json_real(n->value));
	json_dumpf(line, test->cli->out, JSON_COMPACT);
	fputc('\n', test->cli->out);
}

static void print_event(const struct test *test, const struct alert_event *event)
{
	char when[ALERT_TIME_MAX];

	if (test->cli->flags->format == FORMAT_JSON) {
		print_json(test, event);
		return;
	}
	fprintf(test->cli->out, "%s  %-8s  %s%s%s\n", alert_time(event->notification.at_ms, when),
		alert_change_name(event->change), event->notification.summary,
		*event->reason ? ": " : "", event->reason);
}

static int count_value(void *arg, const struct metric *metric, const struct snap_vm *vm,
		       const struct labels *labels, const struct metric_value *value)
{
	struct test *test = arg;

	test->values++;
	return 0;
}

static int step(void *arg, const struct kvmlens_snapshot *snapshot)
{
	g_autoptr(GPtrArray) events =
		g_ptr_array_new_with_free_func((GDestroyNotify)alert_event_free);
	struct test *test = arg;

	alert_engine_step(test->engine, snapshot, NULL, events);
	metric_walk(snapshot, test->rule->metric, count_value, test);
	test->snapshots++;
	for (guint i = 0; i < events->len; i++) {
		const struct alert_event *event = g_ptr_array_index(events, i);

		if (event->change == CHANGE_KEPT)
			continue;
		test->fired += event->change == CHANGE_FIRING;
		print_event(test, event);
	}
	fflush(test->cli->out);
	return 0;
}

static enum exit_code run_replay(struct test *test, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	g_autofree char *shown = text_path(path);
	unsigned line = 0;
	int r;

	if (!file) {
		cli_error(test->cli, "--replay: %s: %s", shown, g_strerror(errno));
		return EXIT_FAILED;
	}
	r = replay_file(file, step, test, &line);
	if (!is_stdin)
		fclose(file);
	if (r == -EBADMSG || r == -EMSGSIZE)
		cli_error(
			test->cli,
			"--replay: %s:%u: is no line of kvmlens's JSON; record it with kvmlens run "
			"--json FILE",
			shown, line);
	else if (r)
		cli_error(test->cli, "--replay: %s: %s", shown, g_strerror(-r));
	return r ? EXIT_FAILED : EXIT_DONE;
}

/* Every series as it is now, against the threshold. */
static int print_value(void *arg, const struct metric *metric, const struct snap_vm *vm,
		       const struct labels *labels, const struct metric_value *value)
{
	const struct test *test = arg;
	double number = metric_number(metric, value);
	g_autofree char *shown = alert_number(metric, number);
	g_autofree char *limit = alert_number(metric, test->rule->threshold);
	const struct labels *info =
		vm && vm->info.n ? *(struct labels **)entities_at(&vm->info, 0) : NULL;

	if ((vm && !alert_rule_fits_vm(test->rule, vm->labels, info)) ||
	    !alert_rule_fits(test->rule, labels))
		return 0;
	fprintf(test->cli->out, "%s %s %s: %s  %s\n", shown, rule_operator_sign(test->rule->op),
		limit, alert_rule_holds(test->rule, number, false) ? "holds" : "does not hold",
		labels->text);
	return 0;
}

static enum exit_code watch(struct test *test, struct kvmlens_collector *collector, int stop_fd)
{
	struct pollfd fd = {.fd = stop_fd, .events = POLLIN};
	uint64_t seq = 0;

	while (poll(&fd, 1, 0) == 0) {
		const struct kvmlens_snapshot *s = collector_wait(collector, seq, 1000);

		if (!s)
			continue;
		seq = s->seq;
		step(test, s);
		kvmlens_snapshot_unref(s);
	}
	return EXIT_DONE;
}

static enum exit_code run_live(struct test *test)
{
	const struct kvmlens_snapshot *snapshot;
	struct kvmlens_collector *collector;
	enum exit_code code = live_check_rights(test->cli);
	int stop_fd;

	if (code)
		return code;
	stop_fd = live_signals();
	code = live_start(test->cli, &collector);
	if (code)
		return code;
	snapshot = live_snapshot(test->cli, collector, 2);
	if (snapshot)
		metric_walk(snapshot, test->rule->metric, print_value, test);
	fflush(test->cli->out);
	if (snapshot && !test->cli->flags->once)
		code = watch(test, collector, stop_fd);
	code = snapshot ? code : EXIT_FAILED;
	kvmlens_snapshot_unref(snapshot);
	kvmlens_collector_free(collector);
	close(stop_fd);
	return code;
}

enum exit_code alert_test(struct cli *cli, const struct config_rule *rule)
{
	struct alert_rules *rules = alert_rules_new_one(rule, cli->config->node_id);
	struct test test = {.cli = cli, .engine = alert_engine_new(rules)};
	enum exit_code code = EXIT_DONE;

	if (!rules->rules->len) {
		cli_error(cli, "alerts: rule %s is for another component and fires never",
			  rule->id);
		code = EXIT_FAILED;
	} else {
		test.rule = g_ptr_array_index(rules->rules, 0);
		code = cli->flags->replay ? run_replay(&test, cli->flags->replay) : run_live(&test);
	}
	if (!code && cli->flags->replay && cli->flags->format != FORMAT_JSON)
		fprintf(cli->out, "fired %u times in %u snapshots with %u values of %s\n",
			test.fired, test.snapshots, test.values, test.rule->metric->name);
	alert_engine_free(test.engine);
	alert_rules_unref(rules);
	return code;
}
