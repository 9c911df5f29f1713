// SPDX-License-Identifier: Apache-2.0
#include "cli/live.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include "cli/select.h"
#include "probe/probe.h"
#include "util/privilege.h"
#include "util/text.h"

#define SETTLE_US 1000000

enum exit_code live_check_rights(const struct cli *cli)
{
	const char *missing;

	if (privilege_suffices(&missing))
		return EXIT_DONE;
	cli_error(cli, "%s: %s is missing; run it as root: sudo kvmlens %s", cli->command->name,
		  missing, cli->command->name);
	return EXIT_NOT_PERMITTED;
}

static enum exit_code start_failed(const struct cli *cli, int err)
{
	if (err == -EPERM || err == -EACCES)
		cli_error(
			cli,
			"%s: the kernel permits no BPF here; run it as root, and see kvmlens doctor",
			cli->command->name);
	else
		cli_error(cli, "%s: cannot collect: %s; see kvmlens doctor", cli->command->name,
			  g_strerror(-err));
	return exit_code_of(err);
}

static int drop_rights(void *arg)
{
	return privilege_drop();
}

enum exit_code live_start(struct cli *cli, struct kvmlens_collector **ret_collector)
{
	return live_start_with(cli, NULL, NULL, ret_collector);
}

enum exit_code live_start_with(struct cli *cli, live_add_fn add, void *arg,
			       struct kvmlens_collector **ret_collector)
{
	struct collector_options options = {.config = cli->config, .loaded = drop_rights};
	struct kvmlens_collector *collector;
	enum exit_code code = live_check_rights(cli);
	int err;

	if (code)
		return code;
	err = privilege_hygiene();
	if (!err)
		err = collector_new(&options, &collector);
	if (err)
		return start_failed(cli, err);
	err = add ? add(arg, collector) : 0;
	err = err ?: kvmlens_collector_start(collector);
	if (err) {
		kvmlens_collector_free(collector);
		return start_failed(cli, err);
	}
	*ret_collector = collector;
	return EXIT_DONE;
}

static bool providers_up(const struct kvmlens_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->providers.n; i++) {
		const struct snap_provider *provider = entities_at(&snapshot->providers, i);

		if (!provider->up)
			return false;
	}
	return true;
}

/* The first snapshot in which every provider's VMs can be, ticking at once until then. */
static const struct kvmlens_snapshot *settle(struct kvmlens_collector *collector,
					     unsigned patience_ms)
{
	const struct kvmlens_snapshot *s = collector_wait(collector, 0, patience_ms);
	gint64 deadline = g_get_monotonic_time() + SETTLE_US;

	while (s && !providers_up(s) && g_get_monotonic_time() < deadline) {
		uint64_t seq = s->seq;

		kvmlens_snapshot_unref(s);
		g_usleep(50000);
		collector_tick_now(collector);
		s = collector_wait(collector, seq, patience_ms);
	}
	return s;
}

/* What was asked for by name and does not answer. */
static void warn_providers(const struct cli *cli, struct kvmlens_collector *collector)
{
	struct worker_health health;
	const char *name;

	for (size_t i = 0; collector_provider(collector, i, &name, &health); i++)
		if (!health.up && config_wants_provider(cli->config, name))
			cli_error(cli, "%s: %s does not answer: %s; start it, or correct --uri",
				  cli->command->name, name,
				  health.error[0] ? health.error : "nothing came in time");
}

const struct kvmlens_snapshot *live_snapshot(struct cli *cli, struct kvmlens_collector *collector,
					     unsigned ticks)
{
	unsigned patience_ms = 10000 + 2 * cli->config->interval_ms;
	const struct kvmlens_snapshot *s = settle(collector, patience_ms);

	warn_providers(cli, collector);
	while (s && --ticks) {
		uint64_t seq = s->seq;

		kvmlens_snapshot_unref(s);
		s = collector_wait(collector, seq, patience_ms);
	}
	if (!s)
		cli_error(cli, "%s: no numbers came within %u s; see kvmlens doctor",
			  cli->command->name, patience_ms / 1000);
	return s;
}

enum exit_code live_check_vm(const struct cli *cli, const struct kvmlens_snapshot *snapshot)
{
	const char *pattern = cli->flags->vm;
	g_autofree char *shown = NULL;

	if (!pattern || select_count(snapshot, pattern))
		return EXIT_DONE;
	shown = text_quote(pattern);
	cli_error(cli, "--vm: there is no VM %s on this host; kvmlens vms lists them", shown);
	return EXIT_NO_SUCH_VM;
}

int live_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -EINVAL;
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}
