// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "agent.h"
#include "cli/live.h"
#include "cli/watch.h"
#include "util/notify.h"
#include "util/privilege.h"

static void reload(const struct cli *cli, struct agent *agent)
{
	struct config *config;
	enum interval_by by;

	notify_manager("RELOADING=1");
	/* What is wrong has been said, and all stays as it was. */
	if (cli_configure(cli, &config, &by) == EXIT_DONE) {
		agent_reload(agent, config);
		config_free(config);
	}
	notify_manager("READY=1");
}

/* Wait for a signal to end; SIGHUP asks a daemon to read its configuration again. */
static void wait_for_end(const struct cli *cli, struct agent *agent, int stop_fd)
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
		reload(cli, agent);
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

static enum exit_code serve(struct cli *cli, struct agent *agent, int stop_fd, struct log *log)
{
	bool to_stdout = g_strcmp0(cli->config->json_path, "-") == 0;
	enum exit_code code = EXIT_DONE;

	notify_manager("READY=1");
	log_line(log, LOG_LEVEL_INFO, "agent",
		 "kvmlens " KVMLENS_VERSION " collects every %u ms, detail %s",
		 cli->config->interval_ms, config_level_name(cli->config->level));
	if (cli->flags->format == FORMAT_TABLE || (watch_has_terminal() && !to_stdout))
		code = show_table(cli, agent, stop_fd, log);
	else
		wait_for_end(cli, agent, stop_fd);
	notify_manager("STOPPING=1");
	return code;
}

static enum exit_code run_agent(struct cli *cli, int stop_fd, struct log *log)
{
	struct agent_options options = {.config = cli->config, .log = log};
	g_autofree char *error = NULL;
	struct agent *agent;
	enum exit_code code;
	int err = agent_start(&options, &agent, &error);

	if (err) {
		cli_error(cli, "run: %s", error);
		return exit_code_of(err);
	}
	code = serve(cli, agent, stop_fd, log);
	agent_stop(agent);
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
	if (err || stop_fd < 0) {
		cli_error(cli, "run: cannot prepare the process: %s",
			  g_strerror(-MIN(err, stop_fd)));
		return EXIT_FAILED;
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
