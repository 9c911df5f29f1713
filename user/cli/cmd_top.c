// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <unistd.h>
#include "alert/peek.h"
#include "cli/live.h"
#include "cli/select.h"
#include "cli/watch.h"
#include "util/text.h"

/* The table filters by name: a uuid becomes the name of its VM. Freed by the caller. */
static char *filter_of(const struct cli *cli, const struct kvmlens_snapshot *snapshot)
{
	const char *pattern = cli->flags->vm;

	for (size_t i = 0; pattern && i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		if (g_strcmp0(vm->ident->uuid, pattern) == 0)
			return g_strdup(labels_get(vm->labels, "vm"));
	}
	return g_strdup(pattern);
}

/* A VM to be shown alone is there. */
static enum exit_code check_shown(const struct cli *cli, const struct kvmlens_snapshot *snapshot)
{
	const char *wanted = cli->n_args ? cli->args[0] : NULL;
	g_autofree char *shown = wanted ? text_quote(wanted) : NULL;

	if (!wanted)
		return EXIT_DONE;
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		if (!strcmp(vm->ident->name, wanted) || !g_strcmp0(vm->ident->uuid, wanted) ||
		    !g_strcmp0(labels_get(vm->labels, "vm"), wanted))
			return EXIT_DONE;
	}
	cli_error(cli, "top: there is no VM %s on this host; kvmlens vms lists them", shown);
	return EXIT_NO_SUCH_VM;
}

static enum exit_code show(struct cli *cli, struct kvmlens_collector *collector, int stop_fd)
{
	const struct kvmlens_snapshot *first = live_snapshot(cli, collector, 1);
	struct top_options options;
	g_autofree char *filter = NULL;
	enum exit_code code;

	if (!first)
		return EXIT_FAILED;
	code = live_check_vm(cli, first);
	if (!code)
		code = check_shown(cli, first);
	filter = filter_of(cli, first);
	kvmlens_snapshot_unref(first);
	if (code)
		return code;
	top_options_init(&options);
	options.vm = cli->n_args ? cli->args[0] : NULL;
	options.interval_ms = cli->config->interval_ms;
	options.stop_fd = stop_fd;
	options.filter = filter;
	options.count = cli->flags->once;
	if (cli->flags->once || cli->flags->format == FORMAT_TABLE || !watch_has_terminal())
		return watch_ended(cli, top_batch(&watch_source, collector, &options, cli->out));
	return watch_ended(cli, top_run(&watch_source, collector, &options));
}

/* The running agent's alerts stand beside what is collected here. */
static int add_alerts(void *arg, struct kvmlens_collector *collector)
{
	int r = kvmlens_collector_add_sink(collector, alert_peek_feed, arg);

	return r ? r : collector_add_filler(collector, alert_peek_fill, arg);
}

enum exit_code cmd_top(struct cli *cli)
{
	struct alert_peek *peek = alert_peek_new(cli->config->store);
	struct kvmlens_collector *collector;
	int stop_fd = live_signals();
	enum exit_code code;

	watch_default_interval(cli, INTERVAL_BY_FLAG);
	if (cli->n_args)
		cli->config->level = MAX(cli->config->level, KVMLENS_DETAILED);
	code = live_start_with(cli, add_alerts, peek, &collector);
	if (code) {
		alert_peek_free(peek);
		return code;
	}
	code = show(cli, collector, stop_fd);
	kvmlens_collector_free(collector);
	alert_peek_free(peek);
	if (stop_fd >= 0)
		close(stop_fd);
	return code;
}
