// SPDX-License-Identifier: Apache-2.0
/* What fires, what fired, and what the rules would do. */
#include <errno.h>
#include <string.h>
#include "alert/deliver.h"
#include "alert/promrules.h"
#include "alert/state.h"
#include "alert/text.h"
#include "cli/alert_test.h"
#include "cli/table.h"
#include "util/text.h"
#include "util/timespan.h"

struct listing {
	struct cli *cli;
	struct table *table; /* NULL: JSON */
	json_t *array;
	unsigned n;
};

static enum exit_code open_store(struct cli *cli, sqlite3 **ret_db)
{
	const char *path = cli->config->store;
	g_autofree char *shown = text_path(path);
	int r = strcmp(path, "none") ? store_db_open_reader(path, ret_db) : -ENOENT;

	if (r)
		cli_error(cli, "%s: %s: %s", cli->command->name, shown,
			  r == -ENOENT ? "there is no store; kvmlens run keeps one, and "
					 "/api/v1/alerts shows alerts without one"
				       : g_strerror(-r));
	return exit_code_of(r);
}

static json_t *json_of(const struct kept_alert *alert, const char *id)
{
	const struct alert_record *r = &alert->record;
	json_t *labels = json_object(), *json;

	for (size_t i = 0; i < r->labels->n; i++)
		json_object_set_new(labels, r->labels->kv[i].key,
				    json_string(r->labels->kv[i].value));
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:o}", "id", id, "rule",
			 r->rule_id, "name", alert->rule_name, "severity",
			 alert_severity_name(alert->severity), "state", alert_state_name(r->state),
			 "since_ms", (json_int_t)r->since_ms, "fired_ms", (json_int_t)r->fired_ms,
			 "summary", alert->summary, "quiet", alert->quiet, "labels", labels);
	if (isfinite(r->value))
		json_object_set_new(json, "value", json_real(r->value));
	return json;
}

static int list_alert(void *arg, const struct kept_alert *alert)
{
	const struct alert_record *r = &alert->record;
	struct listing *listing = arg;
	const char *state = alert_state_name(r->state);
	g_autofree char *shown =
		*alert->quiet ? g_strdup_printf("%s, %s", state, alert->quiet) : g_strdup(state);
	char when[ALERT_TIME_MAX], id[17];

	listing->n++;
	g_snprintf(id, sizeof(id), "%016" G_GINT64_MODIFIER "x", r->id);
	if (!listing->table) {
		json_array_append_new(listing->array, json_of(alert, id));
		return 0;
	}
	table_row(listing->table,
		  (const char *const[]){alert_severity_name(alert->severity), shown,
					alert_time(r->fired_ms ? r->fired_ms : r->since_ms, when),
					r->rule_id, labels_get(r->labels, "vm"), alert->summary});
	return 0;
}

static const struct table_column alert_columns[] = {
	{"SEVERITY", false, 0}, {"STATE", false, 0}, {"SINCE", false, 0},
	{"RULE", false, 40},	{"VM", false, 32},   {"SUMMARY", false, 0},
};

static void begin_listing(struct listing *listing, struct cli *cli,
			  const struct table_column *columns, size_t n)
{
	bool json = cli->flags->format == FORMAT_JSON;

	*listing = (struct listing){.cli = cli,
				    .table = json ? NULL : table_new(columns, n),
				    .array = json ? json_array() : NULL};
}

static enum exit_code end_listing(struct listing *listing, int r, const char *nothing)
{
	struct cli *cli = listing->cli;

	if (r)
		cli_error(cli, "%s: cannot read the store: %s", cli->command->name, g_strerror(-r));
	else if (listing->array && json_dumpf(listing->array, cli->out, JSON_COMPACT) == 0)
		fputc('\n', cli->out);
	else if (listing->n)
		table_print(listing->table, cli->out);
	else
		fprintf(cli->out, "%s\n", nothing);
	if (listing->table)
		table_free(listing->table);
	json_decref(listing->array);
	return exit_code_of(r);
}

/* What an agent left that runs no more is not how things are. */
static void warn_of_age(const struct cli *cli, sqlite3 *db)
{
	int64_t last_ms = state_last_ms(db);
	char when[ALERT_TIME_MAX];

	if (last_ms && g_get_real_time() / 1000 - last_ms > STATE_ALIVE_MS)
		cli_error(cli,
			  "alerts: no agent has looked at the rules since %s; this is how it was "
			  "then",
			  alert_time(last_ms, when));
}

static enum exit_code run_list(struct cli *cli)
{
	g_autoptr(sqlite3) db = NULL;
	enum exit_code code = open_store(cli, &db);
	struct listing listing;

	if (code)
		return code;
	warn_of_age(cli, db);
	begin_listing(&listing, cli, alert_columns, G_N_ELEMENTS(alert_columns));
	return end_listing(&listing, state_each_alert(db, list_alert, &listing), "nothing fires");
}

static int list_entry(void *arg, const struct kept_entry *entry)
{
	struct listing *listing = arg;
	char when[ALERT_TIME_MAX];
	const char *told = entry->told ? "notified" : entry->quiet;
	bool resolved = entry->change == CHANGE_RESOLVED;

	listing->n++;
	if (!listing->table) {
		json_array_append_new(listing->array,
				      json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}",
						"time_ms", (json_int_t)entry->at_ms, "change",
						alert_change_name(entry->change), "alert",
						entry->alert_id, "rule", entry->rule_id, "severity",
						alert_severity_name(entry->severity), "summary",
						entry->summary, "reason", entry->reason, "quiet",
						entry->quiet, "told", entry->told));
		return 0;
	}
	table_row(listing->table,
		  (const char *const[]){
			  alert_time(entry->at_ms, when), alert_change_name(entry->change),
			  alert_severity_name(entry->severity), entry->rule_id,
			  *entry->vm ? entry->vm : NULL, *told ? told : NULL,
			  /* The summary of a resolution has its reason. */
			  *entry->reason && !resolved ? entry->reason : entry->summary});
	return 0;
}

static enum exit_code run_history(struct cli *cli)
{
	static const struct table_column columns[] = {
		{"TIME", false, 0},  {"CHANGE", false, 0}, {"SEVERITY", false, 0},
		{"RULE", false, 40}, {"VM", false, 32},	   {"NOTIFIED", false, 0},
		{"WHAT", false, 0},
	};
	const char *since = cli->flags->since ? cli->flags->since : "1d";
	const char *until = cli->flags->until ? cli->flags->until : "now";
	int64_t now = g_get_real_time() / 1000, since_ms, until_ms;
	g_autoptr(sqlite3) db = NULL;
	struct listing listing;
	enum exit_code code;

	if (moment_parse(since, now, &since_ms) || moment_parse(until, now, &until_ms)) {
		cli_error(cli, "--since, --until: write a time before now like 90s, 2h or 3d, or a "
			       "moment like 2026-01-31 12:00");
		return EXIT_USAGE;
	}
	code = open_store(cli, &db);
	if (code)
		return code;
	begin_listing(&listing, cli, columns, G_N_ELEMENTS(columns));
	return end_listing(&listing, state_each_entry(db, since_ms, until_ms, list_entry, &listing),
			   "nothing happened");
}

/* There are rules to speak of; else it was said. */
static enum exit_code need_rules(const struct cli *cli)
{
	if (cli->config->rule_set)
		return EXIT_DONE;
	cli_error(cli, "alerts: they are switched off; set alerts: {enabled: true}");
	return EXIT_FAILED;
}

static enum exit_code run_test(struct cli *cli)
{
	const char *id = cli->args[1], *near;
	const struct config_rule *rule;
	g_autofree char *shown = text_quote(id);

	if (need_rules(cli))
		return EXIT_FAILED;
	rule = rule_set_find(cli->config->rule_set, id);
	if (rule)
		return alert_test(cli, rule);
	near = rule_set_nearest(cli->config->rule_set, id);
	if (near)
		cli_error(cli, "alerts: there is no rule %s; did you mean \"%s\"?", shown, near);
	else
		cli_error(cli, "alerts: there is no rule %s; kvmlens alerts check lists them",
			  shown);
	return EXIT_USAGE;
}

/* Rules with a mistake never come this far: the configuration was read with them. */
static enum exit_code run_check(struct cli *cli)
{
	const struct rule_set *set = cli->config->rule_set;

	if (need_rules(cli))
		return EXIT_FAILED;
	for (guint i = 0; i < set->rules->len; i++) {
		const struct config_rule *rule = g_ptr_array_index(set->rules, i);
		struct rule_target target;
		g_autofree char *threshold = NULL;

		rule_target(rule, &target);
		threshold = alert_number(target.metric, target.threshold);
		fprintf(cli->out, "%-28s %s %s %s for %us%s\n", rule->id, target.metric->name,
			rule_operator_sign(target.op), threshold,
			rule->condition.duration_ms / 1000, rule->enabled ? "" : " (off)");
	}
	fprintf(cli->out, "%u rules are right", set->rules->len);
	if (set->skipped)
		fprintf(cli->out,
			"; %u default ones are left out: detail %s does not collect what "
			"they look at",
			set->skipped, config_level_name(cli->config->level));
	fputc('\n', cli->out);
	return EXIT_DONE;
}

static enum exit_code run_export(struct cli *cli)
{
	textbuf_auto out = {0};
	struct alert_rules *rules;

	if (!cli->flags->prometheus) {
		cli_error(cli, "alerts: export knows one form; add --prometheus");
		return EXIT_USAGE;
	}
	if (need_rules(cli))
		return EXIT_FAILED;
	rules = alert_rules_new(cli->config->rule_set, cli->config->node_id);
	promrules_render(rules, &out);
	fwrite(out.data, 1, out.len, cli->out);
	alert_rules_unref(rules);
	return EXIT_DONE;
}

static enum exit_code run_rules(struct cli *cli)
{
	fputs(rule_defaults, cli->out);
	return EXIT_DONE;
}

static const struct config_channel *find_channel(struct cli *cli, const char *name)
{
	const struct config *config = cli->config;
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *shown = text_quote(name);
	const char *near;

	for (size_t i = 0; i < config->n_channels; i++) {
		if (strcmp(config->channels[i].name, name) == 0)
			return &config->channels[i];
		g_ptr_array_add(names, config->channels[i].name);
	}
	near = text_nearest(name, (const char *const *)names->pdata, names->len);
	if (near)
		cli_error(cli, "alerts: there is no channel %s; did you mean \"%s\"?", shown, near);
	else
		cli_error(cli, "alerts: there is no channel %s; add it to \"channels\"", shown);
	return NULL;
}

static enum exit_code run_send_test(struct cli *cli)
{
	const struct config_channel *channel = find_channel(cli, cli->args[1]);
	g_autofree char *why = NULL, *link = NULL;

	if (!channel)
		return EXIT_USAGE;
	link = config_link(cli->config);
	if (channel_send_test(channel, cli->config->node_id, link, &why)) {
		cli_error(cli, "alerts: %s did not take it: %s", channel->name,
			  why ? why : "no reason is known");
		return EXIT_FAILED;
	}
	fprintf(cli->out, "%s took the message\n", channel->name);
	return EXIT_DONE;
}

static const struct action {
	const char *name, *arg; /* what follows it, NULL: nothing */
	enum exit_code (*run)(struct cli *cli);
} actions[] = {
	{"list", NULL, run_list},
	{"history", NULL, run_history},
	{"test", "RULE", run_test},
	{"check", NULL, run_check},
	{"export", NULL, run_export},
	{"rules", NULL, run_rules},
	{"send-test", "CHANNEL", run_send_test},
};

static enum exit_code unknown_action(const struct cli *cli, const char *name)
{
	const char *names[G_N_ELEMENTS(actions)], *near;
	g_autofree char *shown = text_quote(name);

	for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
		names[i] = actions[i].name;
	near = text_nearest(name, names, G_N_ELEMENTS(names));
	if (near)
		cli_error(cli, "alerts: %s is not known; did you mean \"%s\"?", shown, near);
	else
		cli_error(cli, "alerts: %s is not known; use one of %s", shown, cli->command->args);
	return EXIT_USAGE;
}

enum exit_code cmd_alerts(struct cli *cli)
{
	const char *name = cli->n_args ? cli->args[0] : "list";

	for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
		if (strcmp(actions[i].name, name))
			continue;
		if (actions[i].arg && cli->n_args < 2)
			cli_error(cli, "alerts: %s needs a name; write alerts %s %s", name, name,
				  actions[i].arg);
		else if (!actions[i].arg && cli->n_args > 1)
			cli_error(cli, "alerts: %s takes no name", name);
		else
			return actions[i].run(cli);
		return EXIT_USAGE;
	}
	return unknown_action(cli, name);
}
