/* SPDX-License-Identifier: Apache-2.0 */
/* Help, manual page, reference and a commented configuration file, all from the tables. */
#ifndef KVMLENS_CLI_HELP_H
#define KVMLENS_CLI_HELP_H

#include <stdio.h>
#include "cli/command.h"

/* The list of subcommands and exit codes. */
void help_overview(FILE *out);

/* One subcommand with its flags and examples. */
void help_command(const struct cli_command *command, FILE *out);

/* A configuration file with every key at its default, commented. It is valid as it stands. */
void help_config(FILE *out);

/* The manual page kvmlens(8), in roff. */
void help_man(FILE *out);

/* The manual page kvmlens.yaml(5), in roff. */
void help_man_config(FILE *out);

/* Start a manual page: title line and NAME section. */
void help_man_header(FILE *out, const char *name, const char *section, const char *summary);

/* Print one line of text in roff, escaped. */
void help_roff(FILE *out, const char *text);

/* README's sections "Commands" and "Exit codes", in Markdown. */
void help_markdown(FILE *out);

/* Append " (table, json)": what --format may be for a command. */
void help_append_formats(const struct cli_command *command, GString *out);

/* Append " (100ms to 1h; default 10s)", as every kind of help shows them. */
void help_append_limits(const struct config_option *option, GString *out);

#endif
