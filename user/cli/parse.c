// SPDX-License-Identifier: Apache-2.0
#include "cli/parse.h"

#include <errno.h>
#include <string.h>
#include "util/text.h"

struct parser {
	int argc;
	char **argv;
	int next;
	struct parsed parsed;
	char **ret_error;
};

static int fail(struct parser *parser, char *message)
{
	*parser->ret_error = message;
	return -EINVAL;
}

char *parse_flag_name(const struct config_option *option)
{
	char *name = g_strdup(option->flag ? option->flag : option->name);

	return g_strdelimit(name, "_", '-');
}

static bool flag_is(const struct config_option *option, const char *name)
{
	g_autofree char *own = parse_flag_name(option);

	return strcmp(own, name) == 0;
}

static const struct config_option *find_flag(const struct config_option *table, const char *name,
					     unsigned commands)
{
	for (; table->kind != OPTION_END; table++)
		if (table->commands & commands && flag_is(table, name))
			return table;
	return NULL;
}

static void add_names(const struct config_option *table, unsigned commands, GPtrArray *names)
{
	for (; table->kind != OPTION_END; table++)
		if (table->commands & commands)
			g_ptr_array_add(names, parse_flag_name(table));
}

/* "run, top and doctor": the subcommands that know a flag. */
static char *commands_with(unsigned commands)
{
	GString *out = g_string_new(NULL);
	size_t left = 0;

	for (size_t i = 0; i < n_cli_commands; i++)
		left += (cli_commands[i].bit & commands) != 0;
	for (size_t i = 0; i < n_cli_commands; i++) {
		if (!(cli_commands[i].bit & commands))
			continue;
		g_string_append(out, cli_commands[i].name);
		if (--left)
			g_string_append(out, left == 1 ? " and " : ", ");
	}
	return g_string_free(out, FALSE);
}

static int unknown_flag(struct parser *parser, const char *name)
{
	const struct cli_command *command = parser->parsed.command;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const struct config_option *other = find_flag(config_options, name, ~0u);
	g_autofree char *shown = text_quote(name);
	const char *near;

	if (!other)
		other = find_flag(cli_options, name, ~0u);
	if (other) {
		g_autofree char *who = commands_with(other->commands);

		return fail(parser, g_strdup_printf("%s: takes no --%s, a flag of %s",
						    command->name, name, who));
	}
	add_names(config_options, command->bit, names);
	add_names(cli_options, command->bit, names);
	near = text_nearest(name, (const char *const *)names->pdata, names->len);
	if (near)
		return fail(parser, g_strdup_printf("%s: unknown flag %s; did you mean --%s?",
						    command->name, shown, near));
	return fail(parser, g_strdup_printf("%s: unknown flag %s; see kvmlens %s --help",
					    command->name, shown, command->name));
}

static int take_flag(struct parser *parser, const char *arg)
{
	const struct cli_command *command = parser->parsed.command;
	const char *equals = strchr(arg, '=');
	g_autofree char *name = equals ? g_strndup(arg, equals - arg) : g_strdup(arg);
	struct parsed_flag flag = {.of_config = true, .value = equals ? equals + 1 : NULL};

	flag.option = find_flag(config_options, name, command->bit);
	if (!flag.option) {
		flag.of_config = false;
		flag.option = find_flag(cli_options, name, command->bit);
	}
	if (!flag.option)
		return unknown_flag(parser, name);
	if (flag.option->kind == OPTION_BOOL) {
		flag.value = flag.value ? flag.value : "true";
	} else if (!flag.value) {
		if (parser->next == parser->argc)
			return fail(parser, g_strdup_printf("--%s: needs a value; write --%s=%s",
							    name, name, flag.option->value));
		flag.value = parser->argv[parser->next++];
	}
	g_array_append_val(parser->parsed.flags, flag);
	return 0;
}

static int take_command(struct parser *parser, const char *name)
{
	g_autofree char *shown = text_quote(name);
	const char *near;

	parser->parsed.command = cli_command_find(name);
	if (parser->parsed.command)
		return 0;
	near = cli_command_nearest(name);
	if (near)
		return fail(parser, g_strdup_printf("unknown command %s; did you mean \"%s\"?",
						    shown, near));
	return fail(parser, g_strdup_printf("unknown command %s; kvmlens help lists them", shown));
}

static int take_arg(struct parser *parser, char *arg)
{
	const struct cli_command *command = parser->parsed.command;
	g_autofree char *shown = text_quote(arg);

	if ((int)parser->parsed.args->len >= command->max_args)
		return fail(parser,
			    g_strdup_printf("%s: %s is one argument too many; see kvmlens %s "
					    "--help",
					    command->name, shown, command->name));
	g_ptr_array_add(parser->parsed.args, arg);
	return 0;
}

/* Before a subcommand there are --help and --version alone, which are subcommands too. */
static const char *command_word(const char *arg)
{
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		return "help";
	if (strcmp(arg, "--version") == 0 || strcmp(arg, "-V") == 0)
		return "version";
	return arg;
}

static int take_next(struct parser *parser, bool *flags_ended)
{
	char *arg = parser->argv[parser->next++];

	if (!parser->parsed.command)
		return take_command(parser, command_word(arg));
	if (*flags_ended || arg[0] != '-' || !arg[1])
		return take_arg(parser, arg);
	if (strcmp(arg, "--") == 0) {
		*flags_ended = true;
		return 0;
	}
	if (strcmp(arg, "-h") == 0)
		return take_flag(parser, "help");
	if (arg[1] == '-')
		return take_flag(parser, arg + 2);
	return unknown_flag(parser, arg);
}

int parse_args(int argc, char **argv, struct parsed *ret_parsed, char **ret_error)
{
	struct parser parser = {.argc = argc, .argv = argv, .next = 1, .ret_error = ret_error};
	bool flags_ended = false;
	int err = 0;

	parser.parsed.flags = g_array_new(FALSE, FALSE, sizeof(struct parsed_flag));
	parser.parsed.args = g_ptr_array_new();
	while (!err && parser.next < argc)
		err = take_next(&parser, &flags_ended);
	if (err)
		parsed_clear(&parser.parsed);
	else
		*ret_parsed = parser.parsed;
	return err;
}

void parsed_clear(struct parsed *parsed)
{
	g_clear_pointer(&parsed->flags, g_array_unref);
	g_clear_pointer(&parsed->args, g_ptr_array_unref);
}
