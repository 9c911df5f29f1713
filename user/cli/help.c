// SPDX-License-Identifier: Apache-2.0
/* Help on the terminal. */
#include "cli/help.h"

#include <string.h>
#include "cli/parse.h"

#define WIDTH 100

/* Print text from column on, broken at spaces; the cursor stands at column already. */
static void print_wrapped(FILE *out, const char *text, int column)
{
	int at = column;

	while (*text) {
		int len = strcspn(text, " ");

		if (at > column && at + 1 + len > WIDTH) {
			fprintf(out, "\n%*s", column, "");
			at = column;
		} else if (at > column) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", len, text);
		at += len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

void help_append_limits(const struct config_option *option, GString *out)
{
	g_autoptr(GString) limits = g_string_new(NULL);

	if (option->kind != OPTION_BOOL)
		option_append_range(option, limits);
	if (option->def)
		g_string_append_printf(limits, "%sdefault %s", limits->len ? "; " : "",
				       option->def);
	if (limits->len)
		g_string_append_printf(out, " (%s)", limits->str);
}

static void print_option(const struct config_option *option, const struct cli_command *command,
			 FILE *out)
{
	g_autofree char *name = parse_flag_name(option);
	g_autoptr(GString) text = g_string_new(option->help);
	int n;

	n = fprintf(out, "  --%s%s%s", name, option->value ? " " : "",
		    option->value ? option->value : "");
	if (option->kind == OPTION_TAGS)
		g_string_append(text, "; may be repeated");
	if (strcmp(option->name, "format") == 0)
		help_append_formats(command, text);
	else
		help_append_limits(option, text);
	if (n < 26)
		fprintf(out, "%*s", 26 - n, "");
	else
		fprintf(out, "\n%*s", 26, "");
	print_wrapped(out, text->str, 26);
}

void help_append_formats(const struct cli_command *command, GString *out)
{
	const struct config_option *option = option_find(cli_options, "format");
	bool first = true;

	for (size_t i = 0; i < option->n_choices; i++) {
		if (!(command->formats & (1u << option->choices[i].val)))
			continue;
		g_string_append_printf(out, "%s%s", first ? " (" : ", ", option->choices[i].str);
		first = false;
	}
	g_string_append_c(out, ')');
}

static void print_options(const struct config_option *table, const struct cli_command *command,
			  FILE *out)
{
	for (; table->kind != OPTION_END; table++)
		if (table->commands & command->bit)
			print_option(table, command, out);
}

static void print_examples(const char *examples, FILE *out)
{
	g_auto(GStrv) lines = g_strsplit(examples, "\n", -1);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) parts = g_strsplit(*line, "\t", 2);

		if (parts[0] && parts[1])
			fprintf(out, "  # %s\n  %s\n", parts[1], parts[0]);
	}
}

static void print_exit_codes(FILE *out)
{
	fputs("\nExit codes:\n", out);
	for (int i = 0; i < EXIT_CODE_MAX; i++)
		fprintf(out, "  %d  %s\n", i, exit_code_meaning(i));
}

void help_overview(FILE *out)
{
	fputs("kvmlens " KVMLENS_VERSION
	      ": how long the VMs of this KVM host waited for a CPU, and why\n\n"
	      "Usage: kvmlens COMMAND [FLAGS]\n\nCommands:\n",
	      out);
	for (size_t i = 0; i < n_cli_commands; i++)
		fprintf(out, "  %-14s%s\n", cli_commands[i].name, cli_commands[i].summary);
	fputs("\n  kvmlens COMMAND --help explains a command, kvmlens help config the "
	      "configuration file.\n",
	      out);
	print_exit_codes(out);
}

void help_command(const struct cli_command *command, FILE *out)
{
	fprintf(out, "Usage: kvmlens %s [FLAGS]%s%s\n\n", command->name, command->args ? " " : "",
		command->args ? command->args : "");
	print_wrapped(out, command->help, 0);
	fputs("\nFlags:\n", out);
	print_options(cli_options, command, out);
	print_options(config_options, command, out);
	fputs("\nExamples:\n", out);
	print_examples(command->examples, out);
	print_exit_codes(out);
}

static void print_config_table(const struct config_option *table, int indent, FILE *out)
{
	for (; table->kind != OPTION_END; table++) {
		g_autoptr(GString) limits = g_string_new(NULL);

		help_append_limits(table, limits);
		fprintf(out, "%*s# %s%s\n", indent, "", table->help, limits->str);
		if (table->kind == OPTION_SECTION) {
			fprintf(out, "%*s%s:\n", indent, "", table->name);
			print_config_table(table->fields, indent + 2, out);
		} else if (table->def) {
			fprintf(out, "%*s%s: %s\n", indent, "", table->name, table->def);
		} else {
			fprintf(out, "%*s#%s\n", indent, "", table->example);
		}
		if (!indent)
			fputc('\n', out);
	}
}

void help_config(FILE *out)
{
	fputs("# kvmlens's configuration: every key, at its default. Flags of the same name win.\n"
	      "# Durations are written 500ms, 2s, 1m30s, 1h; kvmlens check-config FILE checks it.\n\n",
	      out);
	print_config_table(config_options, 0, out);
}
