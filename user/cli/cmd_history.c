// SPDX-License-Identifier: Apache-2.0
/* What the store remembers, as a chart, a table, CSV or JSON. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/plot.h"
#include "util/timespan.h"
#include "metric/metric.h"
#include "store/answer.h"
#include "store/query.h"
#include "tui/terminal.h"
#include "util/text.h"

#define DEFAULT_SINCE "1h"
#define PLOT_HEIGHT 12

struct request {
	struct cli *cli;
	const char *vm; /* NULL: all */
	const struct metric *metric;
	int64_t since_ms, until_ms, step_ms;
	enum config_format format;
	unsigned width;
	json_t *list; /* FORMAT_JSON */
};

static unsigned terminal_width(FILE *out)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	guint64 n;

	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return columns && g_ascii_string_to_unsigned(columns, 10, 1, 10000, &n, NULL) ? n : 80;
}

static int time_flag(struct request *q, const char *name, const char *text, int64_t *ret_ms)
{
	if (moment_parse(text, g_get_real_time() / 1000, ret_ms) == 0)
		return 0;
	cli_error(q->cli,
		  "--%s: write a time before now (90s, 30m, 2h, 3d), or a moment:"
		  " \"2026-01-31 12:00\"",
		  name);
	return -EINVAL;
}

static int parse_times(struct request *q)
{
	const struct cli_flags *flags = q->cli->flags;

	if (time_flag(q, "since", flags->since ? flags->since : DEFAULT_SINCE, &q->since_ms) ||
	    time_flag(q, "until", flags->until ? flags->until : "now", &q->until_ms))
		return -EINVAL;
	if (q->since_ms >= q->until_ms) {
		cli_error(q->cli, "--since must be before --until");
		return -EINVAL;
	}
	if (flags->step && timespan_parse(flags->step, &q->step_ms)) {
		cli_error(q->cli, "--step: write a time span: 10s, 5m, 1h");
		return -EINVAL;
	}
	/* Two dots a character: more could not be seen. */
	if (!flags->step && q->format == FORMAT_PLOT)
		q->step_ms = timespan_nice((q->until_ms - q->since_ms) / (2 * q->width));
	return 0;
}

static int parse_names(struct request *q)
{
	struct cli *cli = q->cli;
	const char *name = cli->n_args ? cli->args[cli->n_args - 1] : NULL, *near;

	if (cli->n_args != (cli->flags->all ? 1 : 2)) {
		cli_error(cli,
			  "history: say of which VM and which metric: kvmlens history VM METRIC,"
			  " or kvmlens history --all METRIC");
		return -EINVAL;
	}
	q->metric = metric_find(name);
	if (!q->metric) {
		g_autofree char *shown = text_quote(name);

		near = metric_nearest(name);
		cli_error(
			cli,
			"history: there is no metric %s%s%s; kvmlens metrics --catalog lists them",
			shown, near ? "; did you mean " : "", near ? near : "");
		return -EINVAL;
	}
	if (!cli->flags->all)
		q->vm = strcmp(cli->args[0], "host") ? cli->args[0] : "";
	return 0;
}

static char *title_of(const struct store_series *s)
{
	return g_strdup_printf("%s  %s%s%s%s", s->vm, s->metric, *s->labels ? "{" : "", s->labels,
			       *s->labels ? "}" : "");
}

static void print_plot(struct request *q, const struct store_series *s, const GArray *points)
{
	g_autofree struct plot_point *drawn = g_new(struct plot_point, points->len + 1);
	g_autofree char *title = title_of(s);
	g_autoptr(GString) out = g_string_new(NULL);
	struct plot plot = {.title = title,
			    .unit = q->metric->unit,
			    .since_ms = q->since_ms,
			    .until_ms = q->until_ms,
			    .width = q->width,
			    .height = PLOT_HEIGHT,
			    .utf8 = terminal_utf8()};

	for (guint i = 0; i < points->len; i++) {
		const struct store_point *p = &g_array_index(points, struct store_point, i);

		drawn[i] = (struct plot_point){p->time_ms, p->min, p->mean, p->max};
	}
	plot_render(&plot, drawn, points->len, out);
	fputs(out->str, q->cli->out);
}

static void format_time(int64_t time_ms, char *ret_text, size_t size)
{
	time_t t = (time_t)(time_ms / 1000);
	struct tm tm;
	size_t n = 0;

	if (localtime_r(&t, &tm))
		n = strftime(ret_text, size, "%Y-%m-%d %H:%M:%S", &tm);
	ret_text[n] = '\0';
}

static void print_table(struct request *q, const struct store_series *s, const GArray *points)
{
	g_autofree char *title = title_of(s);

	fprintf(q->cli->out, "%s  %s\n%-19s %14s %14s %14s %8s\n", title, q->metric->unit, "TIME",
		"MEAN", "MIN", "MAX", "SAMPLES");
	for (guint i = 0; i < points->len; i++) {
		const struct store_point *p = &g_array_index(points, struct store_point, i);
		char when[32];

		format_time(p->time_ms, when, sizeof(when));
		fprintf(q->cli->out, "%s %14.8g %14.8g %14.8g %8.0f\n", when, p->mean, p->min,
			p->max, p->count);
	}
}

/* A field that may hold commas and quotes. */
static void csv_field(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void print_csv(struct request *q, const struct store_series *s, const GArray *points)
{
	FILE *out = q->cli->out;

	for (guint i = 0; i < points->len; i++) {
		const struct store_point *p = &g_array_index(points, struct store_point, i);

		fprintf(out, "%.3f,%.10g,%.10g,%.10g,%.0f,", (double)p->time_ms / 1000, p->mean,
			p->min, p->max, p->count);
		csv_field(out, s->vm);
		fputc(',', out);
		csv_field(out, s->labels);
		fputc('\n', out);
	}
}

static void print_series(struct request *q, const struct store_series *s, const GArray *points)
{
	switch (q->format) {
	case FORMAT_JSON:
		json_array_append_new(q->list, answer_series(s, points));
		break;
	case FORMAT_CSV:
		print_csv(q, s, points);
		break;
	case FORMAT_TABLE:
		print_table(q, s, points);
		break;
	default:
		print_plot(q, s, points);
	}
}

static int print_all(struct request *q, struct store_reader *reader, const GPtrArray *series)
{
	int r = 0;

	if (q->format == FORMAT_CSV)
		fprintf(q->cli->out, "timestamp,value,min,max,samples,vm,labels\n");
	for (guint i = 0; r == 0 && i < series->len; i++) {
		g_autoptr(GArray) points = NULL;

		r = store_query(reader, g_ptr_array_index(series, i), q->since_ms, q->until_ms,
				q->step_ms, &points);
		if (r == 0)
			print_series(q, g_ptr_array_index(series, i), points);
	}
	if (q->format == FORMAT_JSON && r == 0) {
		json_dumpf(q->list, q->cli->out, JSON_COMPACT);
		fputc('\n', q->cli->out);
	}
	return r;
}

/* Nothing was found: is it the VM or the metric that the store does not know? */
static enum exit_code explain_nothing(struct request *q, struct store_reader *reader)
{
	g_autoptr(GPtrArray) any = NULL;
	g_autofree char *shown = q->vm ? text_quote(q->vm) : NULL;

	if (q->vm && store_list(reader, q->vm, &any) == 0 && !any->len) {
		cli_error(q->cli, "history: the store knows no VM %s", shown);
		return EXIT_NO_SUCH_VM;
	}
	cli_error(q->cli,
		  "history: there are no values of %s; it is collected from detail level %s on",
		  q->metric->name, config_level_name(q->metric->level));
	return EXIT_FAILED;
}

static enum exit_code answer(struct request *q, struct store_reader *reader)
{
	g_autoptr(GPtrArray) series = NULL;
	int r = store_find(reader, q->vm, q->metric->name, NULL, &series);

	if (r == 0 && !series->len)
		return explain_nothing(q, reader);
	if (r == 0)
		r = print_all(q, reader, series);
	if (r)
		cli_error(q->cli, "history: cannot read the store: %s", g_strerror(-r));
	return exit_code_of(r);
}

enum exit_code cmd_history(struct cli *cli)
{
	struct request q = {.cli = cli,
			    .format = cli->flags->format == FORMAT_AUTO ? FORMAT_PLOT
									: cli->flags->format,
			    .width = terminal_width(cli->out)};
	struct store_reader *reader = NULL;
	enum exit_code code;
	int r;

	if (parse_names(&q) || parse_times(&q))
		return EXIT_USAGE;
	if (strcmp(cli->config->store, "none") == 0) {
		cli_error(cli, "history: the store is switched off (store: none)");
		return EXIT_FAILED;
	}
	r = store_reader_open(cli->config->store, &reader);
	if (r) {
		cli_error(cli, "history: %s: %s", cli->config->store,
			  r == -ENOENT ? "there is no store; kvmlens run keeps one"
				       : g_strerror(-r));
		return exit_code_of(r);
	}
	q.list = json_array();
	code = answer(&q, reader);
	json_decref(q.list);
	store_reader_close(reader);
	return code;
}
