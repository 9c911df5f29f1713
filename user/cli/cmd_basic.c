// SPDX-License-Identifier: Apache-2.0
/* The commands that touch neither the kernel nor a VM: help, version, check-config. */
#include <string.h>
#include <kvm_types.h>
#include <sched_types.h>
#include "cli/catalog.h"
#include "alert/channel.h"
#include "cli/command.h"
#include "cli/help.h"
#include "util/text.h"

static const struct {
	const char *name;
	void (*print)(FILE *out);
} topics[] = {
	{"config", help_config},      {"man", help_man},	{"man-config", help_man_config},
	{"man-metrics", catalog_man}, {"words", catalog_words},
};

static enum exit_code help_on(struct cli *cli, const char *topic)
{
	const struct cli_command *command = cli_command_find(topic);
	g_autofree char *shown = NULL;
	const char *near;

	for (size_t i = 0; i < G_N_ELEMENTS(topics); i++) {
		if (strcmp(topic, topics[i].name) == 0) {
			topics[i].print(cli->out);
			return EXIT_DONE;
		}
	}
	if (command) {
		help_command(command, cli->out);
	} else {
		shown = text_quote(topic);
		near = cli_command_nearest(topic);
		if (near)
			cli_error(cli, "help: unknown command %s; did you mean \"%s\"?", shown,
				  near);
		else
			cli_error(cli, "help: unknown command %s; kvmlens help lists them", shown);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

enum exit_code cmd_help(struct cli *cli)
{
	if (cli->n_args)
		return help_on(cli, cli->args[0]);
	if (cli->flags->format == FORMAT_MARKDOWN)
		help_markdown(cli->out);
	else
		help_overview(cli->out);
	return EXIT_DONE;
}

enum exit_code cmd_version(struct cli *cli)
{
	fprintf(cli->out, "kvmlens %s\nlibrary interface %d, kernel records sched %d, kvm %d\n",
		KVMLENS_VERSION, KVMLENS_API_VERSION, SCHED_ABI_VERSION, KVM_ABI_VERSION);
	return EXIT_DONE;
}

static void warn(const struct cli *cli, const char *lines)
{
	g_auto(GStrv) list = g_strsplit(lines, "\n", -1);

	for (char **line = list; *line; line++)
		if (**line)
			cli_error(cli, "warning: %s", *line);
}

enum exit_code cmd_check_config(struct cli *cli)
{
	const char *path = cli->n_args ? cli->args[0] : cli->flags->config;
	g_autoptr(GString) mistakes = g_string_new(NULL), warnings = g_string_new(NULL);
	g_autofree char *error = NULL;
	g_autofree char *shown = NULL;
	int err;

	if (!path)
		path = CONFIG_DEFAULT_PATH;
	err = config_check(cli->config, path, &error);
	if (err)
		cli_errors(cli, error);
	secrets_check(cli->config, mistakes, warnings);
	cli_errors(cli, mistakes->str);
	if (cli->config->rule_set)
		warn(cli, cli->config->rule_set->warnings->str);
	warn(cli, warnings->str);
	if (err || mistakes->len)
		return EXIT_CONFIG;
	shown = text_path(path);
	fprintf(cli->out, "%s: valid\n", shown);
	return EXIT_DONE;
}
