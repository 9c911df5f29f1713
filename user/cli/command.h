/* SPDX-License-Identifier: Apache-2.0 */
/* Subcommands: rows of a constant table, each with what it takes, says of itself, and does. */
#ifndef KVMLENS_CLI_COMMAND_H
#define KVMLENS_CLI_COMMAND_H

#include <stdbool.h>
#include <stdio.h>
#include "cli/exit_code.h"
#include "config/config.h"
#include "config/option.h"

/* What only the command line can say; its rows are cli_options[]. */
struct cli_flags {
	char *config; /* path, NULL: CONFIG_DEFAULT_PATH where that exists */
	enum config_format format;
	bool once, catalog, all, help, version;
	char *since, *until, *step; /* as they were typed, NULL: the default */
	char *season; /* samples in a cycle: "24,168" */
	unsigned horizon; /* samples to forecast, 0: the default */
	char *for_time; /* detail: how long, as it was typed */
	char *replay; /* alerts test: a file of JSON lines */
	bool prometheus; /* alerts export */
	char *rule, *comment; /* silence */
	char *vm; /* a glob on the name, or a uuid; NULL: all */
};

/* Commands that somebody watches or waits for are quicker than the default, unless told. */
enum interval_by { INTERVAL_BY_DEFAULT, INTERVAL_BY_FILE, INTERVAL_BY_FLAG };

struct cli_command;
struct parsed;

/* One invocation. */
struct cli {
	const struct cli_command *command;
	struct cli_flags *flags;
	struct config *config; /* defaults, file, flags */
	enum interval_by interval; /* who set config->interval_ms */
	char *const *args; /* what is neither flag nor subcommand */
	int n_args;
	const struct parsed *parsed;
	FILE *out, *err;
};

struct cli_command {
	const char *name;
	unsigned bit; /* enum option_for: the flags it knows */
	bool raw; /* the file is not read before it runs */
	const char *args; /* "[FILE]", NULL: it takes none */
	int max_args;
	unsigned formats; /* 1 << enum config_format: what --format may be */
	const char *summary; /* one line for the list */
	const char *help; /* a paragraph */
	const char *examples; /* lines of "command\tcomment" */
	enum exit_code (*run)(struct cli *cli);
};

extern const struct cli_command cli_commands[];
extern const size_t n_cli_commands;
extern const struct config_option cli_options[];

const struct cli_command *cli_command_find(const char *name);

/* The name nearest to a misspelt subcommand, NULL. */
const char *cli_command_nearest(const char *name);

/*
 * Read the configuration: defaults, file, flags. Anything but EXIT_DONE: it was said on cli->err
 * what is wrong. The caller frees *ret_config; *ret_by is who set the interval.
 */
enum exit_code cli_configure(const struct cli *cli, struct config **ret_config,
			     enum interval_by *ret_by);

/* One line on cli->err: "kvmlens: ...". */
void cli_error(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for each line of a text. */
void cli_errors(const struct cli *cli, const char *lines);

enum exit_code cmd_alerts(struct cli *cli);
enum exit_code cmd_analyze(struct cli *cli);
enum exit_code cmd_check_config(struct cli *cli);
enum exit_code cmd_detail(struct cli *cli);
enum exit_code cmd_doctor(struct cli *cli);
enum exit_code cmd_help(struct cli *cli);
enum exit_code cmd_history(struct cli *cli);
enum exit_code cmd_insights(struct cli *cli);
enum exit_code cmd_metrics(struct cli *cli);
enum exit_code cmd_reload(struct cli *cli);
enum exit_code cmd_run(struct cli *cli);
enum exit_code cmd_silence(struct cli *cli);
enum exit_code cmd_top(struct cli *cli);
enum exit_code cmd_unload(struct cli *cli);
enum exit_code cmd_store(struct cli *cli);
enum exit_code cmd_version(struct cli *cli);
enum exit_code cmd_vms(struct cli *cli);
enum exit_code cmd_why(struct cli *cli);

#endif
