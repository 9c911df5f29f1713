// SPDX-License-Identifier: Apache-2.0
/* The commands that only pass a word to the running agent: detail, reload. */
#include <string.h>
#include "cli/ask.h"
#include "util/timespan.h"

#define DEFAULT_FOR "5m"

static bool is_level(const char *name)
{
	for (enum kvmlens_level level = KVMLENS_BASIC; level <= KVMLENS_DIAGNOSTIC; level++)
		if (!strcmp(name, config_level_name(level)))
			return true;
	return false;
}

enum exit_code cmd_detail(struct cli *cli)
{
	const char *span = cli->flags->for_time ? cli->flags->for_time : DEFAULT_FOR;
	json_auto_t *reply = NULL;
	enum exit_code code;
	int64_t ms;

	if (cli->n_args != 2 || !is_level(cli->args[1])) {
		cli_error(cli, "detail: name a VM and a level: basic, standard, detailed or "
			       "diagnostic");
		return EXIT_USAGE;
	}
	if (timespan_parse(span, &ms) || ms > 86400000) {
		cli_error(cli, "--for: write a time span of at most a day: 90s, 5m, 2h");
		return EXIT_USAGE;
	}
	code = ask_agent(cli,
			 json_pack("{s:s, s:s, s:s, s:I}", "command", "detail", "vm", cli->args[0],
				   "level", cli->args[1], "seconds",
				   (json_int_t)((ms + 999) / 1000)),
			 &reply);
	if (code)
		return code;
	if (ms)
		fprintf(cli->out, "%s for %s: %lld VMs\n", cli->args[1], span,
			(long long)json_integer_value(json_object_get(reply, "vms")));
	else
		fputs("back to the configuration\n", cli->out);
	return EXIT_DONE;
}

enum exit_code cmd_reload(struct cli *cli)
{
	json_auto_t *reply = NULL;
	enum exit_code code = ask_agent(cli, json_pack("{s:s}", "command", "reload"), &reply);

	if (!code)
		fputs("reloaded\n", cli->out);
	return code;
}
