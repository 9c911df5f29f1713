// SPDX-License-Identifier: Apache-2.0
/* Silences, in the store's file: the running agent reads them with every snapshot. */
#include <errno.h>
#include <string.h>
#include "alert/state.h"
#include "cli/alert_test.h"
#include "cli/table.h"
#include "util/text.h"
#include "util/timespan.h"

#define DEFAULT_FOR "1h"
#define FOR_MAX_MS INT64_C(7776000000) /* 90 days */

static enum exit_code open_store(struct cli *cli, sqlite3 **ret_db)
{
	const char *path = cli->config->store;
	g_autofree char *shown = text_path(path);
	int r = strcmp(path, "none") ? state_open_beside(path, ret_db) : -ENOENT;

	if (r)
		cli_error(cli, "silence: %s: %s", shown,
			  r == -ENOENT ? "there is no store that a silence could be kept in; "
					 "kvmlens run makes one"
				       : g_strerror(-r));
	return exit_code_of(r);
}

/* Is there a VM in the store that the glob matches? Also where that is not known. */
static bool any_vm(sqlite3 *db, const char *glob)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) rows = store_db_prepare(db, "SELECT name, uuid FROM vm", &r);
	bool any = !rows;

	while (!any && sqlite3_step(rows) == SQLITE_ROW)
		for (int i = 0; i < 2; i++) {
			const char *text = (const char *)sqlite3_column_text(rows, i);

			any |= text && text_glob(glob, text);
		}
	return any;
}

static bool any_rule(const struct rule_set *set, const char *glob)
{
	for (guint i = 0; i < set->rules->len; i++)
		if (text_glob(glob, ((const struct config_rule *)set->rules->pdata[i])->id))
			return true;
	return false;
}

/* A silence of what is not there is no mistake: it may come. It may be a slip of the pen, too. */
static void warn_of_nothing(struct cli *cli, sqlite3 *db, const struct silence *silence)
{
	g_autofree char *error = NULL, *vm = NULL, *rule = NULL;
	const struct rule_set *set;
	const char *near;

	if (silence->vm && !any_vm(db, silence->vm)) {
		vm = text_quote(silence->vm);
		cli_error(cli, "silence: warning: no VM is called %s so far", vm);
	}
	if (!silence->rule || config_load_rules(cli->config, &error) || !cli->config->rule_set)
		return;
	set = cli->config->rule_set;
	if (any_rule(set, silence->rule))
		return;
	rule = text_quote(silence->rule);
	near = rule_set_nearest(set, silence->rule);
	if (near)
		cli_error(cli, "silence: warning: there is no rule %s; did you mean \"%s\"?", rule,
			  near);
	else
		cli_error(cli, "silence: warning: there is no rule %s", rule);
}

static enum exit_code begin(struct cli *cli, int64_t ms)
{
	const struct cli_flags *flags = cli->flags;
	int64_t now = g_get_real_time() / 1000, id = 0;
	g_autoptr(sqlite3) db = NULL;
	enum exit_code code = open_store(cli, &db);
	const struct silence silence = {.since_ms = now,
					.until_ms = now + ms,
					.rule = flags->rule,
					.vm = flags->vm,
					.comment = flags->comment};
	char when[ALERT_TIME_MAX];
	int r;

	if (code)
		return code;
	warn_of_nothing(cli, db, &silence);
	r = state_silence_add(db, &silence, &id);
	if (r) {
		cli_error(cli, "silence: %s",
			  r == -ENOSPC ? "there are too many; end one first" : g_strerror(-r));
		return EXIT_FAILED;
	}
	fprintf(cli->out, "silence %lld until %s\n", (long long)id,
		alert_time(silence.until_ms, when));
	return EXIT_DONE;
}

static enum exit_code run_begin(struct cli *cli)
{
	const char *span = cli->flags->for_time ? cli->flags->for_time : DEFAULT_FOR;
	int64_t ms;

	if (timespan_parse(span, &ms) || ms <= 0 || ms > FOR_MAX_MS) {
		cli_error(cli, "--for: write a time span of at most 90d: 30m, 2h, 3d");
		return EXIT_USAGE;
	}
	if (!cli->flags->vm && !cli->flags->rule) {
		cli_error(cli, "silence: say what, with --vm NAME or --rule ID; '*' is everything");
		return EXIT_USAGE;
	}
	return begin(cli, ms);
}

static enum exit_code run_list(struct cli *cli)
{
	static const struct table_column columns[] = {
		{"ID", true, 0},     {"UNTIL", false, 0},   {"VM", false, 40},
		{"RULE", false, 40}, {"COMMENT", false, 0},
	};
	struct silences *silences = NULL, *stored;
	g_autoptr(GPtrArray) windows = NULL;
	g_autoptr(sqlite3) db = NULL;
	enum exit_code code = open_store(cli, &db);
	struct table *table;
	int r;

	if (code)
		return code;
	r = state_silences(db, g_get_real_time() / 1000, &silences);
	if (r) {
		cli_error(cli, "silence: %s", g_strerror(-r));
		silences_free(silences);
		return EXIT_FAILED;
	}
	windows = silence_windows_new(cli->config);
	stored = silences;
	silences = silences_combine(stored, windows, g_get_real_time() / 1000);
	silences_free(stored);
	table = table_new(columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < silences->list->len; i++) {
		const struct silence *s = &g_array_index(silences->list, struct silence, i);
		char id[24], until[ALERT_TIME_MAX];

		/* One of the configuration has no number, and is called by its comment. */
		g_snprintf(id, sizeof(id), s->id ? "%lld" : "-", (long long)s->id);
		table_row(table, (const char *const[]){id, alert_time(s->until_ms, until), s->vm,
						       s->rule, s->comment});
	}
	if (silences->list->len)
		table_print(table, cli->out);
	else
		fputs("nothing is silenced\n", cli->out);
	table_free(table);
	silences_free(silences);
	return EXIT_DONE;
}

static enum exit_code run_end(struct cli *cli)
{
	char *end;
	gint64 id = g_ascii_strtoll(cli->args[1], &end, 10);
	g_autoptr(sqlite3) db = NULL;
	enum exit_code code = open_store(cli, &db);
	int r;

	if (code)
		return code;
	r = *end || id <= 0 ? -ENOENT : state_silence_end(db, id, g_get_real_time() / 1000);
	if (r == 0) {
		fprintf(cli->out, "silence %lld is over\n", (long long)id);
		return EXIT_DONE;
	}
	cli_error(cli, "silence: %s",
		  r == -ENOENT
			  ? "there is none of that id in force; kvmlens silence list shows them"
			  : g_strerror(-r));
	return EXIT_FAILED;
}

enum exit_code cmd_silence(struct cli *cli)
{
	if (!cli->n_args)
		return run_begin(cli);
	if (cli->n_args == 1 && strcmp(cli->args[0], "list") == 0)
		return run_list(cli);
	if (cli->n_args == 2 && strcmp(cli->args[0], "end") == 0)
		return run_end(cli);
	cli_error(cli,
		  "silence: write silence --vm NAME --for 1h, silence list, or silence end ID");
	return EXIT_USAGE;
}
