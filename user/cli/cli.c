// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <errno.h>
#include <string.h>
#include "cli/command.h"
#include "cli/help.h"
#include "cli/parse.h"
#include "config/check.h"
#include "config/load.h"

/* Commands that the alert rules matter to. */
#define WITH_RULES (FOR_RUN | FOR_ALERTS)

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(parsed_t, parsed_clear)

static void free_flags(struct cli_flags *flags)
{
	load_free(cli_options, sizeof(*flags), flags);
}

static struct cli_flags *new_flags(void)
{
	json_auto_t *defaults = check_defaults(cli_options);
	const char *why = "out of memory";
	void *flags;

	if (load_struct(cli_options, sizeof(struct cli_flags), defaults, &flags, &why))
		g_error("defaults of the command line: %s", why);
	return flags;
}

/* Set the flags of one of the two tables over base. */
static enum exit_code apply_flags(const struct cli *cli, bool of_config,
				  const struct config_option *table, size_t size, void *base)
{
	const GArray *flags = cli->parsed->flags;

	for (guint i = 0; i < flags->len; i++) {
		const struct parsed_flag *flag = &g_array_index(flags, struct parsed_flag, i);
		g_autofree char *name = parse_flag_name(flag->option);
		g_autoptr(GString) why = g_string_new(NULL);

		if (flag->of_config != of_config)
			continue;
		if (load_option(table, size, base, NULL, flag->option, flag->value, why)) {
			cli_error(cli, "--%s: %s", name, why->str);
			return EXIT_USAGE;
		}
	}
	return EXIT_DONE;
}

static enum exit_code apply_file(const struct cli *cli, struct config *config)
{
	const char *path = cli->flags->config ? cli->flags->config : CONFIG_DEFAULT_PATH;
	g_autofree char *error = NULL;
	int err = config_load(config, path, &error);

	if (!err || (err == -ENOENT && !cli->flags->config))
		return EXIT_DONE;
	cli_errors(cli, error);
	return EXIT_CONFIG;
}

/* Zero is no interval: what sets it leaves a trace. */
static void take_interval(struct config *config, unsigned *interval_ms, enum interval_by *by,
			  enum interval_by now)
{
	if (config->interval_ms) {
		*interval_ms = config->interval_ms;
		*by = now;
	}
	config->interval_ms = 0;
}

static enum exit_code load_rules(const struct cli *cli, struct config *config)
{
	g_autofree char *error = NULL;

	if (!config_load_rules(config, &error))
		return EXIT_DONE;
	cli_errors(cli, error);
	return EXIT_CONFIG;
}

enum exit_code cli_configure(const struct cli *cli, struct config **ret_config,
			     enum interval_by *ret_by)
{
	struct config *config = config_new();
	enum interval_by by = INTERVAL_BY_DEFAULT;
	unsigned interval_ms = config->interval_ms;
	enum exit_code code;

	config->interval_ms = 0;
	code = apply_file(cli, config);
	take_interval(config, &interval_ms, &by, INTERVAL_BY_FILE);
	if (!code)
		code = apply_flags(cli, true, config_options, sizeof(*config), config);
	take_interval(config, &interval_ms, &by, INTERVAL_BY_FLAG);
	if (!code && cli->command->bit & WITH_RULES)
		code = load_rules(cli, config);
	if (code) {
		config_free(config);
		return code;
	}
	config->interval_ms = interval_ms;
	*ret_config = config;
	*ret_by = by;
	return EXIT_DONE;
}

static enum exit_code check_format(struct cli *cli)
{
	enum config_format format = cli->flags->format;
	const struct config_option *option = option_find(cli_options, "format");
	g_autoptr(GString) known = g_string_new(NULL);

	if (format == FORMAT_AUTO || cli->command->formats & (1u << format))
		return EXIT_DONE;
	for (size_t i = 0; i < option->n_choices; i++)
		if (cli->command->formats & (1u << option->choices[i].val))
			g_string_append_printf(known, "%s%s", known->len ? " or " : "",
					       option->choices[i].str);
	cli_error(cli, "--format: %s cannot write %s; use %s", cli->command->name,
		  option->choices[format].str, known->str);
	return EXIT_USAGE;
}

static enum exit_code run_command(struct cli *cli)
{
	enum exit_code code;

	code = apply_flags(cli, false, cli_options, sizeof(*cli->flags), cli->flags);
	if (code)
		return code;
	if (cli->flags->help) {
		help_command(cli->command, cli->out);
		return EXIT_DONE;
	}
	code = check_format(cli);
	if (!code && cli->command->raw)
		cli->config = config_new();
	else if (!code)
		code = cli_configure(cli, &cli->config, &cli->interval);
	return code ? code : cli->command->run(cli);
}

/* What was asked for and could not be written is a failure, whatever the command says. */
static enum exit_code flush_out(struct cli *cli, enum exit_code code)
{
	if (fflush(cli->out) == 0 && !ferror(cli->out))
		return code;
	if (errno != EPIPE)
		cli_error(cli, "cannot write the output: %s", g_strerror(errno));
	return code ? code : EXIT_FAILED;
}

int cli_main(int argc, char **argv, FILE *out, FILE *err)
{
	struct cli cli = {.out = out, .err = err};
	g_auto(parsed_t) parsed = {};
	g_autofree char *error = NULL;
	enum exit_code code;

	if (parse_args(argc, argv, &parsed, &error)) {
		cli_error(&cli, "%s", error);
		return EXIT_USAGE;
	}
	if (!parsed.command) {
		help_overview(err);
		return EXIT_USAGE;
	}
	cli.command = parsed.command;
	cli.args = (char *const *)parsed.args->pdata;
	cli.n_args = parsed.args->len;
	cli.parsed = &parsed;
	cli.flags = new_flags();
	code = flush_out(&cli, run_command(&cli));
	config_free(cli.config);
	free_flags(cli.flags);
	return code;
}
