// SPDX-License-Identifier: Apache-2.0
/* The manual pages, and the tables of README. */
#include "cli/help.h"

#include <string.h>
#include "cli/parse.h"

/* Roff takes - for a hyphen, \ for an escape, and . or ' at a line's start for a request. */
void help_roff(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(*text, out);
	}
	fputc('\n', out);
}

void help_man_header(FILE *out, const char *name, const char *section, const char *summary)
{
	g_autofree char *title = g_ascii_strup(name, -1);

	fprintf(out,
		".\\\" SPDX-License-Identifier: Apache-2.0\n"
		".TH %s %s \"" KVMLENS_DATE "\" \"kvmlens " KVMLENS_VERSION "\" \"%s\"\n"
		".SH NAME\n%s \\- %s\n",
		title, section,
		*section == '8'	  ? "System Administration"
		: *section == '5' ? "File Formats"
				  : "Miscellanea",
		name, summary);
}

static void man_term(FILE *out, const char *name, const char *value)
{
	g_autofree char *term =
		g_strdup_printf("%s%s%s", name, value ? " " : "", value ? value : "");

	fputs(".TP\n.B ", out);
	help_roff(out, term);
}

static void man_commands(FILE *out)
{
	fputs(".SH COMMANDS\n", out);
	for (size_t i = 0; i < n_cli_commands; i++) {
		const struct cli_command *command = &cli_commands[i];
		g_autofree char *summary =
			g_strdup_printf("%c%s. %s", g_ascii_toupper(command->summary[0]),
					command->summary + 1, command->help);

		man_term(out, command->name, command->args);
		help_roff(out, summary);
	}
}

/* A flag once, with the commands that take it. */
static void man_flags(const struct config_option *table, FILE *out)
{
	for (; table->kind != OPTION_END; table++) {
		g_autofree char *name = parse_flag_name(table);
		g_autofree char *flag = g_strdup_printf("--%s", name);
		g_autoptr(GString) text = g_string_new(table->help);

		if (!table->commands)
			continue;
		help_append_limits(table, text);
		if (strcmp(table->name, "help") && table->commands) {
			g_string_append(text, " (");
			for (size_t i = 0; i < n_cli_commands; i++)
				if (cli_commands[i].bit & table->commands)
					g_string_append_printf(
						text, "%s%s",
						text->str[text->len - 1] == '(' ? "" : ", ",
						cli_commands[i].name);
			g_string_append_c(text, ')');
		}
		man_term(out, flag, table->value);
		help_roff(out, text->str);
	}
}

static void man_keys(const struct config_option *table, const char *prefix, FILE *out)
{
	for (; table->kind != OPTION_END; table++) {
		g_autofree char *name = g_strconcat(prefix, table->name, NULL);
		g_autofree char *inner = g_strconcat(name, ".", NULL);
		g_autoptr(GString) text = g_string_new(table->help);

		help_append_limits(table, text);
		g_string_append_printf(text, ". Example: %s", table->example);
		man_term(out, name, NULL);
		help_roff(out, text->str);
		if (table->fields)
			man_keys(table->fields, inner, out);
	}
}

static void man_examples(FILE *out)
{
	fputs(".SH EXAMPLES\n", out);
	for (size_t i = 0; i < n_cli_commands; i++) {
		g_auto(GStrv) lines = g_strsplit(cli_commands[i].examples, "\n", -1);

		for (char **line = lines; *line; line++) {
			g_auto(GStrv) parts = g_strsplit(*line, "\t", 2);

			if (!parts[0] || !parts[1])
				continue;
			man_term(out, parts[0], NULL);
			help_roff(out, parts[1]);
		}
	}
}

void help_man(FILE *out)
{
	help_man_header(out, "kvmlens", "8", "telemetry of the VMs of a KVM host");
	fputs(".SH SYNOPSIS\n.B kvmlens\n.I COMMAND\n.RI [ FLAGS ]\n.SH DESCRIPTION\n"
	      "Tells for each VM and each vCPU of a KVM host how long it wanted a CPU and did not "
	      "get one,\nexactly, from programs in the kernel; with the rest of the VMs' telemetry, as "
	      "metrics for\nPrometheus, as JSON, and as a live table.\n",
	      out);
	man_commands(out);
	fputs(".SH FLAGS\nA flag wins over the configuration file.\n", out);
	man_flags(cli_options, out);
	man_flags(config_options, out);
	fputs(".SH EXIT STATUS\n", out);
	for (int i = 0; i < EXIT_CODE_MAX; i++) {
		fprintf(out, ".TP\n.B %d\n", i);
		help_roff(out, exit_code_meaning(i));
	}
	fputs(".SH FILES\n.TP\n.I " CONFIG_DEFAULT_PATH "\nThe configuration, if it exists.\n"
	      ".TP\n.I /sys/fs/bpf/kvmlens/\nPinned maps and programs of a running agent; see "
	      "bpftool(8).\n",
	      out);
	man_examples(out);
	fputs(".SH SEE ALSO\nkvmlens.yaml(5), kvmlens\\-metrics(7), bpftool(8), virsh(1), prometheus(1)\n",
	      out);
}

void help_man_config(FILE *out)
{
	help_man_header(out, "kvmlens.yaml", "5", "configuration of kvmlens");
	fputs(".SH SYNOPSIS\n.I " CONFIG_DEFAULT_PATH "\n.SH DESCRIPTION\n"
	      "A YAML file with the keys below; an unknown key is an error. Flags of kvmlens(8) win "
	      "over the file.\n"
	      ".B kvmlens help config\nprints a commented file to start from, and\n"
	      ".B kvmlens check\\-config\nchecks one.\n.PP\n"
	      "SIGHUP or\n.B kvmlens reload\nmakes a running agent read the file again: interval, "
	      "detail and alert rules change at once, and what needs a restart is logged. A file "
	      "with a mistake changes nothing.\n.SH KEYS\n",
	      out);
	man_keys(config_options, "", out);
	fputs(".SH SEE ALSO\nkvmlens(8), kvmlens\\-metrics(7)\n", out);
}

void help_markdown(FILE *out)
{
	fputs("## Commands\n\n| command | what it does |\n|---|---|\n", out);
	for (size_t i = 0; i < n_cli_commands; i++)
		fprintf(out, "| `kvmlens %s` | %s |\n", cli_commands[i].name,
			cli_commands[i].summary);
	fputs("\n`kvmlens COMMAND --help` lists a command's flags and examples.\n", out);
	fputs("\n## Exit codes\n\n| code | meaning |\n|---|---|\n", out);
	for (int i = 0; i < EXIT_CODE_MAX; i++)
		fprintf(out, "| %d | %s |\n", i, exit_code_meaning(i));
}
