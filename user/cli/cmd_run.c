// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "agent.h"
#include "cli/live.h"
#include "cli/watch.h"
#include "util/notify.h"
#include "util/privilege.h"
#include "cli/stop_guard.h"

/* Asked for by SIGHUP, on the main thread, or over the control socket, on its thread. */
struct reloader {
	const struct cli *cli;
	GMutex lock; /* one at a time; guards agent */
	struct agent *agent; /* NULL: not there yet */
};

/* What is wrong is said on err, and all stays as it was. */
static enum exit_code reload_to(struct reloader *reloader, FILE *err)
{
	struct cli cli = *reloader->cli;
	enum exit_code code;
	struct config *config;
	enum interval_by by;

	cli.err = err;
	g_mutex_lock(&reloader->lock);
	notify_manager("RELOADING=1");
	code = cli_configure(&cli, &config, &by);
	if (!code && reloader->agent)
		agent_reload(reloader->agent, config);
	if (!code)
		config_free(config);
	if (!code && !reloader->agent) {
		cli_error(&cli, "the agent is still starting; try again");
		code = EXIT_FAILED;
	}
	notify_manager("READY=1");
	g_mutex_unlock(&reloader->lock);
	return code;
}

static int reload_for_client(void *arg, char **ret_error)
{
	struct reloader *reloader = arg;
	char *said = NULL;
	size_t len = 0;
	FILE *err = open_memstream(&said, &len);
	enum exit_code code;

	if (!err)
		return -errno;
	code = reload_to(reloader, err);
	fclose(err);
	if (code) {
		*ret_error = g_strdup(g_str_has_prefix(said, "kvmlens: ") ? said + 9 : said);
		g_strchomp(*ret_error);
	}
	free(said);
	return code ? -EINVAL : 0;
}

/* Through the log: standard error may be a pipe that is full. */
static void reload_for_signal(struct reloader *reloader, struct log *log)
{
	g_autofree char *error = NULL;
	int err = reload_for_client(reloader, &error);

	if (err)
		log_line(log, LOG_LEVEL_WARNING, "agent", "not reloaded: %s",
			 error ?: g_strerror(-err));
}

/* Wait for a signal to end; SIGHUP asks a daemon to read its configuration again. */
static void wait_for_end(struct reloader *reloader, int stop_fd, struct log *log)
{
	struct pollfd fd = {.fd = stop_fd, .events = POLLIN};

	for (;;) {
		struct signalfd_siginfo info;

		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			return;
		if (read(stop_fd, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo != SIGHUP)
			return;
		reload_for_signal(reloader, log);
	}
}

static enum exit_code show_table(struct cli *cli, struct agent *agent, int stop_fd, struct log *log)
{
	struct top_options options;
	enum exit_code code;
	int err;

	top_options_init(&options);
	options.interval_ms = cli->config->interval_ms;
	options.stop_fd = stop_fd;
	if (cli->flags->format == FORMAT_TABLE) {
		err = top_batch(&watch_source, agent_collector(agent), &options, cli->out);
		return watch_ended(cli, err);
	}
	log_hold(log);
	code = watch_ended(cli, top_run(&watch_source, agent_collector(agent), &options));
	log_release(log);
	return code;
}

static enum exit_code serve(struct cli *cli, struct reloader *reloader, int stop_fd,
			    struct log *log)
{
	bool to_stdout = g_strcmp0(cli->config->json_path, "-") == 0;
	enum exit_code code = EXIT_DONE;

	notify_manager("READY=1");
	log_line(log, LOG_LEVEL_INFO, "agent",
		 "kvmlens " KVMLENS_VERSION " collects every %u ms, detail %s",
		 cli->config->interval_ms, config_level_name(cli->config->level));
	if (cli->flags->format == FORMAT_TABLE || (watch_has_terminal() && !to_stdout))
		code = show_table(cli, reloader->agent, stop_fd, log);
	else
		wait_for_end(reloader, stop_fd, log);
	stop_guard_arm();
	notify_manager("STOPPING=1");
	return code;
}

static enum exit_code run_agent(struct cli *cli, int stop_fd, struct log *log)
{
	struct reloader reloader = {.cli = cli};
	struct agent_options options = {
		.config = cli->config,
		.log = log,
		.reload = reload_for_client,
		.reload_arg = &reloader,
	};
	g_autofree char *error = NULL;
	struct agent *agent;
	enum exit_code code;
	int err = agent_start(&options, &agent, &error);

	if (err) {
		cli_error(cli, "run: %s", error);
		return exit_code_of(err);
	}
	g_mutex_lock(&reloader.lock);
	reloader.agent = agent;
	g_mutex_unlock(&reloader.lock);
	code = serve(cli, &reloader, stop_fd, log);
	agent_stop(agent); /* ends the control thread too */
	g_mutex_clear(&reloader.lock);
	log_line(log, LOG_LEVEL_INFO, "agent", "stopped");
	return code;
}

enum exit_code cmd_run(struct cli *cli)
{
	struct log log;
	enum exit_code code = live_check_rights(cli);
	int stop_fd, err;

	if (code)
		return code;
	log_init(&log);
	err = privilege_hygiene();
	stop_fd = live_signals();
	err = MIN(err, stop_fd);
	err = err < 0 ? err : stop_guard_start();
	if (err < 0) {
		cli_error(cli, "run: cannot prepare the process: %s", g_strerror(-err));
		return exit_code_of(err);
	}
	if (cli->flags->format == FORMAT_JSON) {
		g_free(cli->config->json_path);
		cli->config->json_path = g_strdup("-");
	}
	if (watch_has_terminal())
		watch_default_interval(cli, INTERVAL_BY_FILE);
	code = run_agent(cli, stop_fd, &log);
	close(stop_fd);
	log_clear(&log);
	return code;
}
