/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: subcommand, flags by the tables of options, the rest. */
#ifndef KVMLENS_CLI_PARSE_H
#define KVMLENS_CLI_PARSE_H

#include <glib.h>
#include "cli/command.h"

/* A flag as it was given; its value is text still. */
struct parsed_flag {
	const struct config_option *option;
	bool of_config; /* in config_options[], else in cli_options[] */
	const char *value; /* "true" for a flag that takes none */
};

typedef struct parsed {
	const struct cli_command *command; /* NULL: none was named */
	GArray *flags; /* struct parsed_flag, in order */
	GPtrArray *args; /* borrowed from argv */
} parsed_t;

/*
 * Split argv. -EINVAL: *ret_error is one line that says what is wrong and what to do. Strings are
 * borrowed from argv.
 */
int parse_args(int argc, char **argv, struct parsed *ret_parsed, char **ret_error);
void parsed_clear(struct parsed *parsed);

/* The flag's name as it is typed, without the dashes. Freed by the caller. */
char *parse_flag_name(const struct config_option *option);

#endif
