// SPDX-License-Identifier: Apache-2.0
/* What the store's history says of each VM, in about ten lines, and of all of them together. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include "cli/command.h"
#include "cli/insights.h"
#include "util/text.h"

static void print(struct cli *cli, const char *title, const GPtrArray *said)
{
	fprintf(cli->out, "%s\n", title);
	for (guint i = 0; i < said->len; i++) {
		const struct insight *insight = g_ptr_array_index(said, i);

		fprintf(cli->out, "  %-10s %s\n", insight->topic, insight->text);
	}
}

static bool is_wanted(const struct insights *in, guint vm, const char *wanted)
{
	return !wanted || fnmatch(wanted, insights_name(in, vm), 0) == 0 ||
	       strcmp(wanted, insights_uuid(in, vm)) == 0;
}

static enum exit_code tell_all(struct cli *cli, struct insights *in, const char *wanted)
{
	guint told = 0;

	for (guint i = 0; i < insights_vms(in); i++) {
		g_autoptr(GPtrArray) said = NULL;

		if (!is_wanted(in, i, wanted))
			continue;
		said = insights_of(in, i, INSIGHT_ALL);
		print(cli, insights_name(in, i), said);
		told++;
	}
	if (!told) {
		g_autofree char *shown = text_quote(wanted ? wanted : "*");

		cli_error(cli, "insights: the store knows no VM %s", shown);
		return EXIT_NO_SUCH_VM;
	}
	if (!wanted) {
		g_autoptr(GPtrArray) said = insights_placement(in);

		if (said->len)
			print(cli, "all VMs", said);
	}
	return EXIT_DONE;
}

enum exit_code cmd_insights(struct cli *cli)
{
	const char *path = cli->config->store;
	struct insights *in = NULL;
	enum exit_code code;
	int r = strcmp(path, "none") ? insights_open(path, &in) : -ENOENT;

	if (r) {
		cli_error(cli, "insights: %s: %s", path,
			  r == -ENOENT ? "there is no store; kvmlens run keeps one"
				       : g_strerror(-r));
		return exit_code_of(r);
	}
	code = tell_all(cli, in, cli->n_args ? cli->args[0] : NULL);
	insights_close(in);
	return code;
}
