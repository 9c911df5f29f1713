// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <unistd.h>
#include "cli/catalog.h"
#include "cli/live.h"
#include "cli/select.h"
#include "export/format.h"

#define DEFAULT_INTERVAL_MS 1000
#define POLL_MS 200

static enum exit_code print_catalog(struct cli *cli)
{
	switch (cli->flags->format) {
	case FORMAT_AUTO:
	case FORMAT_TABLE:
		catalog_table(cli->out);
		return EXIT_DONE;
	case FORMAT_JSON:
		catalog_json(cli->out);
		return EXIT_DONE;
	case FORMAT_MARKDOWN:
		catalog_markdown(cli->out);
		return EXIT_DONE;
	default:
		cli_error(cli, "--format: the catalogue is written as table, json or markdown");
		return EXIT_USAGE;
	}
}

static const struct export_format *format_of(const struct cli *cli)
{
	enum config_format format = cli->flags->format;

	return export_format_get(format == FORMAT_AUTO ? FORMAT_PROMETHEUS : format);
}

static void print_metrics(struct cli *cli, const struct export_format *format,
			  const struct kvmlens_snapshot *snapshot)
{
	struct kvmlens_snapshot view;
	textbuf_auto text = {0};

	select_vms(snapshot, cli->flags->vm, &view);
	format->render(&view, &text);
	fwrite(text.data, 1, text.len, cli->out);
	select_clear(&view);
}

/* Is it time to end: a signal came, or nobody reads any more? */
static bool ended(struct cli *cli, int stop_fd)
{
	struct pollfd fd = {.fd = stop_fd, .events = POLLIN};

	return fflush(cli->out) || ferror(cli->out) || poll(&fd, 1, 0) > 0;
}

/* One snapshot after the other, from the first that has rates. */
static enum exit_code print_all(struct cli *cli, const struct export_format *format,
				struct kvmlens_collector *collector, int stop_fd)
{
	const struct kvmlens_snapshot *snapshot = live_snapshot(cli, collector, 2);
	enum exit_code code = snapshot ? live_check_vm(cli, snapshot) : EXIT_FAILED;

	while (!code && snapshot) {
		uint64_t seq = snapshot->seq;

		print_metrics(cli, format, snapshot);
		kvmlens_snapshot_unref(snapshot);
		snapshot = NULL;
		while (!cli->flags->once && !snapshot && !ended(cli, stop_fd))
			snapshot = collector_wait(collector, seq, POLL_MS);
	}
	kvmlens_snapshot_unref(snapshot);
	return code;
}

static enum exit_code collect(struct cli *cli, const struct export_format *format)
{
	struct kvmlens_collector *collector;
	enum exit_code code;
	int stop_fd = live_signals();

	if (stop_fd < 0) {
		cli_error(cli, "metrics: cannot prepare the process: %s", g_strerror(-stop_fd));
		return EXIT_FAILED;
	}
	if (cli->interval != INTERVAL_BY_FLAG)
		cli->config->interval_ms = DEFAULT_INTERVAL_MS;
	code = live_start(cli, &collector);
	if (!code) {
		code = print_all(cli, format, collector, stop_fd);
		kvmlens_collector_free(collector);
	}
	close(stop_fd);
	return code;
}

enum exit_code cmd_metrics(struct cli *cli)
{
	const struct export_format *format = format_of(cli);

	if (cli->flags->catalog)
		return print_catalog(cli);
	if (format)
		return collect(cli, format);
	cli_error(
		cli,
		"--format: markdown is for --catalog; use table, prometheus, openmetrics or json");
	return EXIT_USAGE;
}
