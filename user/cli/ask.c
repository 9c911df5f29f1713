// SPDX-License-Identifier: Apache-2.0
#include "cli/ask.h"

#include <errno.h>
#include <string.h>
#include "control/control.h"
#include "util/text.h"

#define ANSWER_MS 10000

static enum exit_code no_answer(struct cli *cli, int err)
{
	g_autofree char *shown = text_path(cli->config->control);
	const char *name = cli->command->name;

	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		cli_error(cli, "%s: no agent is running (%s: %s); start it with kvmlens run", name,
			  shown, g_strerror(-err));
		return EXIT_FAILED;
	case -EACCES:
	case -EPERM:
	case -ECONNRESET: /* how the agent treats whoever is not root */
		cli_error(cli, "%s: %s: not permitted; run it as root", name, shown);
		return EXIT_NOT_PERMITTED;
	default:
		cli_error(cli, "%s: %s: %s; is that the socket of kvmlens?", name, shown,
			  g_strerror(-err));
		return EXIT_FAILED;
	}
}

enum exit_code ask_agent(struct cli *cli, json_t *request, json_t **ret_reply)
{
	json_auto_t *owned = request;
	json_auto_t *reply = NULL;
	const char *error;
	int err;

	if (!strcmp(cli->config->control, "none")) {
		cli_error(cli, "%s: the configuration switches the control socket off",
			  cli->command->name);
		return EXIT_FAILED;
	}
	err = control_call(cli->config->control, owned, ANSWER_MS, &reply);
	if (err)
		return no_answer(cli, err);
	error = json_string_value(json_object_get(reply, "error"));
	if (error) {
		cli_error(cli, "%s: %s", cli->command->name, error);
		return json_integer_value(json_object_get(reply, "code")) == -ENOENT
			       ? EXIT_NO_SUCH_VM
			       : EXIT_FAILED;
	}
	*ret_reply = json_incref(reply);
	return EXIT_DONE;
}
