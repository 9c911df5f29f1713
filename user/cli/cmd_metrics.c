// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/live.h"
#include "cli/select.h"
#include "export/format.h"

#define ONCE_INTERVAL_MS 1000

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

static enum exit_code print_metrics(struct cli *cli, const struct export_format *format,
				    const struct kvmlens_snapshot *snapshot)
{
	enum exit_code code = live_check_vm(cli, snapshot);
	struct kvmlens_snapshot view;
	textbuf_auto text = {0};

	if (code)
		return code;
	select_vms(snapshot, cli->flags->vm, &view);
	format->render(&view, &text);
	fwrite(text.data, 1, text.len, cli->out);
	select_clear(&view);
	return EXIT_DONE;
}

enum exit_code cmd_metrics(struct cli *cli)
{
	const struct export_format *format = format_of(cli);
	const struct kvmlens_snapshot *snapshot;
	struct kvmlens_collector *collector;
	enum exit_code code;

	if (cli->flags->catalog)
		return print_catalog(cli);
	if (!format) {
		cli_error(cli,
			  "--format: markdown is for --catalog; use table, prometheus, openmetrics "
			  "or json");
		return EXIT_USAGE;
	}
	if (cli->interval != INTERVAL_BY_FLAG)
		cli->config->interval_ms = ONCE_INTERVAL_MS;
	code = live_start(cli, &collector);
	if (code)
		return code;
	snapshot = live_snapshot(cli, collector, 2);
	code = snapshot ? print_metrics(cli, format, snapshot) : EXIT_FAILED;
	kvmlens_snapshot_unref(snapshot);
	kvmlens_collector_free(collector);
	return code;
}
