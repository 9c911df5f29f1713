/* SPDX-License-Identifier: Apache-2.0 */
/* The analytics engine on a series from a file, for tests and for those who want to judge it. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analytics/anomaly.h"
#include "analytics/csv.h"
#include "analytics/forecast.h"
#include "cli/command.h"
#include "util/text.h"

#define DEFAULT_HORIZON 48

typedef int (*row_fn)(void *arg, const struct csv_row *row, const char *line);

struct lines {
	unsigned rows, skipped; /* skipped: neither a row nor the heading */
};

/* Lines of a file, "-" for standard input. Negative errno. */
static int read_rows(const char *path, row_fn fn, void *arg, struct lines *ret_lines)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char line[CSV_LINE_MAX];
	bool heading = true;
	int r = 0;

	if (!file)
		return -errno;
	*ret_lines = (struct lines){0, 0};
	while (r == 0 && fgets(line, sizeof(line), file)) {
		struct csv_row row;

		line[strcspn(line, "\r\n")] = '\0';
		if (csv_parse(line, &row) == 0) {
			ret_lines->rows++;
			r = fn(arg, &row, line);
		} else if (!heading && *line) {
			ret_lines->skipped++;
		}
		heading = false;
	}
	if (r == 0 && ferror(file))
		r = -EIO;
	if (file != stdin)
		fclose(file);
	return r;
}

struct scoring {
	struct cli *cli;
	struct anomaly anomaly;
	unsigned unscored;
};

/* The timestamp and the value as they came, and a score from what came before alone. */
static int score_row(void *arg, const struct csv_row *row, const char *line)
{
	struct scoring *s = arg;
	double score = anomaly_update(&s->anomaly, row->time_s, row->value);

	if (isnan(score)) {
		s->unscored++;
		fprintf(s->cli->out, "%s,\n", line);
	} else {
		fprintf(s->cli->out, "%s,%.6f\n", line, score);
	}
	return ferror(s->cli->out) ? -EIO : 0;
}

static enum exit_code judge(struct cli *cli, const char *path, int r, const struct lines *lines)
{
	g_autofree char *shown = text_quote(path);

	if (r) {
		cli_error(cli, "analyze: %s: %s", shown, g_strerror(-r));
		return EXIT_FAILED;
	}
	if (lines->skipped)
		cli_error(cli, "analyze: %s: %u lines are no \"timestamp,value\" and were skipped",
			  shown, lines->skipped);
	if (!lines->rows) {
		cli_error(cli, "analyze: %s has no line \"timestamp,value\"", shown);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static enum exit_code analyze_anomaly(struct cli *cli, const char *path)
{
	struct scoring scoring = {.cli = cli};
	struct lines lines = {0, 0};
	int r;

	anomaly_init(&scoring.anomaly);
	fprintf(cli->out, "timestamp,value,anomaly_score\n");
	r = read_rows(path, score_row, &scoring, &lines);
	if (scoring.unscored)
		cli_error(
			cli,
			"analyze: %u lines have no score: no number, or a time before the last one's",
			scoring.unscored);
	return judge(cli, path, r, &lines);
}

struct series {
	GArray *time, *value; /* int64_t, double */
};

static int keep_row(void *arg, const struct csv_row *row, const char *line)
{
	struct series *s = arg;

	(void)line;
	if (s->value->len >= FORECAST_SAMPLES_MAX)
		return -E2BIG;
	g_array_append_val(s->time, row->time_s);
	g_array_append_val(s->value, row->value);
	return 0;
}

static int by_size(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

/* The usual distance of two rows in seconds, 0 when they do not advance. */
static int64_t usual_step(const GArray *time)
{
	guint n = time->len - 1;
	g_autofree int64_t *step = g_new(int64_t, n + 1);

	for (guint i = 0; i < n; i++)
		step[i] = g_array_index(time, int64_t, i + 1) - g_array_index(time, int64_t, i);
	qsort(step, n, sizeof(*step), by_size);
	return n ? MAX(step[n / 2], 0) : 0;
}

/* "24,168": rising, whole. False: it is something else. */
static bool parse_seasons(const char *text, struct seasons *ret_seasons)
{
	struct seasons s = {{0}, 0};

	for (const char *p = text; text && *p;) {
		char *end;
		unsigned long length = strtoul(p, &end, 10);

		if (end == p || (*end && *end != ',') || s.n == FORECAST_SEASONS || length < 2 ||
		    length > FORECAST_SEASON_MAX || (s.n && length <= s.length[s.n - 1]))
			return false;
		s.length[s.n++] = (unsigned)length;
		p = *end ? end + 1 : end;
	}
	*ret_seasons = s;
	return true;
}

static void print_points(struct cli *cli, const struct series *series,
			 const struct forecast_point *points, unsigned n)
{
	int64_t step = usual_step(series->time);
	int64_t last = g_array_index(series->time, int64_t, series->time->len - 1);

	fprintf(cli->out, "timestamp,forecast,lower_80,upper_80,lower_95,upper_95\n");
	for (unsigned h = 0; h < n; h++) {
		const struct forecast_point *p = &points[h];
		char when[32];

		csv_format_time(last + step * (h + 1), when, sizeof(when));
		fprintf(cli->out, "%s,%.10g,%.10g,%.10g,%.10g,%.10g\n", when, p->mean, p->low80,
			p->high80, p->low95, p->high95);
	}
}

static enum exit_code forecast_series(struct cli *cli, const char *path, struct series *series)
{
	struct forecast_options options = {.horizon = cli->flags->horizon};
	g_autofree struct forecast_point *points = NULL;
	double *values = (double *)(void *)series->value->data;
	struct lines lines = {0, 0};
	enum exit_code code;

	if (!parse_seasons(cli->flags->season, &options.seasons)) {
		cli_error(cli,
			  "--season is rising whole numbers of samples from 2 to %d, at most %d of"
			  " them: --season 24,168",
			  FORECAST_SEASON_MAX, FORECAST_SEASONS);
		return EXIT_USAGE;
	}
	code = judge(cli, path, read_rows(path, keep_row, series, &lines), &lines);
	if (code)
		return code;
	if (!options.horizon)
		options.horizon = DEFAULT_HORIZON;
	values = (double *)(void *)series->value->data;
	points = g_new(struct forecast_point, options.horizon);
	if (!forecast_fill(values, series->value->len) ||
	    forecast_run(values, series->value->len, &options, points)) {
		cli_error(cli, "analyze: too few numbers to forecast from: %d are needed at least",
			  FORECAST_SAMPLES_MIN);
		return EXIT_FAILED;
	}
	print_points(cli, series, points, options.horizon);
	return EXIT_DONE;
}

static enum exit_code analyze_forecast(struct cli *cli, const char *path)
{
	struct series series = {
		.time = g_array_new(FALSE, FALSE, sizeof(int64_t)),
		.value = g_array_new(FALSE, FALSE, sizeof(double)),
	};
	enum exit_code code = forecast_series(cli, path, &series);

	g_array_unref(series.time);
	g_array_unref(series.value);
	return code;
}

enum exit_code cmd_analyze(struct cli *cli)
{
	static const struct {
		const char *name;
		enum exit_code (*run)(struct cli *cli, const char *path);
	} kinds[] = {{"anomaly", analyze_anomaly}, {"forecast", analyze_forecast}};

	for (size_t i = 0; cli->n_args == 2 && i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(cli->args[0], kinds[i].name) == 0)
			return kinds[i].run(cli, cli->args[1]);
	cli_error(cli,
		  "analyze: say what to do with which file: kvmlens analyze anomaly FILE.csv, or"
		  " kvmlens analyze forecast FILE.csv");
	return EXIT_USAGE;
}
