/* SPDX-License-Identifier: Apache-2.0 */
#include "nab.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FALSE_WEIGHT 0.11

static int64_t parse_time(const char *text)
{
	struct tm tm = {0};

	return strptime(text, "%Y-%m-%d %H:%M:%S", &tm) ? (int64_t)timegm(&tm) : -1;
}

int nab_probation(int n)
{
	return (int)fmin(0.15 * n, 750);
}

static int read_points(struct nab_file *file, const char *folder)
{
	g_autofree char *path = g_build_filename(folder, file->name, NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	guint n;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return -1;
	lines = g_strsplit(text, "\n", -1);
	n = g_strv_length(lines);
	file->time_s = g_new0(int64_t, n);
	file->value = g_new0(double, n);
	file->score = g_new0(double, n);
	for (guint i = 1; i < n; i++) {
		const char *comma = strchr(lines[i], ',');

		if (!comma)
			continue;
		file->time_s[file->n] = parse_time(lines[i]);
		file->value[file->n++] = strtod(comma + 1, NULL);
	}
	file->probation = nab_probation(file->n);
	return 0;
}

static void add_window(struct nab_file *file, json_t *pair)
{
	int64_t left = parse_time(json_string_value(json_array_get(pair, 0)));
	int64_t right = parse_time(json_string_value(json_array_get(pair, 1)));
	struct nab_window *window = &file->window[file->n_windows++];

	window->left = window->right = -1;
	for (int i = 0; i < file->n; i++) {
		if (window->left < 0 && file->time_s[i] >= left)
			window->left = i;
		if (file->time_s[i] <= right)
			window->right = i;
	}
}

GArray *nab_load(const char *folder)
{
	g_autofree char *path = g_build_filename(folder, "windows.json", NULL);
	GArray *files = g_array_new(FALSE, TRUE, sizeof(struct nab_file));
	json_t *root = json_load_file(path, 0, NULL), *windows, *pair;
	const char *name;
	size_t i;

	json_object_foreach(root, name, windows)
	{
		struct nab_file file = {.name = g_strdup(name)};

		if (read_points(&file, folder) == 0)
			json_array_foreach(windows, i, pair) if (i < NAB_WINDOWS)
				add_window(&file, pair);
		g_array_append_val(files, file);
	}
	json_decref(root);
	if (!files->len)
		g_clear_pointer(&files, nab_free);
	return files;
}

void nab_free(GArray *files)
{
	for (guint i = 0; files && i < files->len; i++) {
		struct nab_file *file = &g_array_index(files, struct nab_file, i);

		g_free(file->name);
		g_free(file->time_s);
		g_free(file->value);
		g_free(file->score);
	}
	if (files)
		g_array_unref(files);
}

GArray *nab_cloud(GArray *files)
{
	static const char *const prefixes[] = {"ec2_", "elb_", "grok_", "iio_", "rds_"};
	GArray *cloud = g_array_new(FALSE, FALSE, sizeof(struct nab_file));

	for (guint i = 0; i < files->len; i++)
		for (size_t k = 0; k < G_N_ELEMENTS(prefixes); k++)
			if (g_str_has_prefix(g_array_index(files, struct nab_file, i).name,
					     prefixes[k]))
				g_array_append_val(cloud, g_array_index(files, struct nab_file, i));
	return cloud;
}

static double sigmoid(double position)
{
	return position > 3 ? -1 : 2 / (1 + exp(5 * position)) - 1;
}

/* The weight of a detection at point i, and the window it is in (-1: none). */
static double weigh(const struct nab_file *file, int i, int *ret_window)
{
	const struct nab_window *past = NULL;

	*ret_window = -1;
	for (int w = 0; w < file->n_windows; w++) {
		const struct nab_window *window = &file->window[w];
		double width = window->right - window->left + 1;

		if (i >= window->left && i <= window->right) {
			*ret_window = w;
			return sigmoid(-(window->right - i + 1) / width) / sigmoid(-1);
		}
		if (window->right < i)
			past = window;
	}
	if (!past)
		return -FALSE_WEIGHT;
	return FALSE_WEIGHT * sigmoid((double)(i - past->right) / (past->right - past->left));
}

/* What one more detection adds to the raw score. */
static double detect(struct nab_file *file, int i)
{
	int w;
	double weight = weigh(file, i, &w), gain;

	if (w < 0)
		return weight;
	gain = fmax(weight - file->window[w].best, 0);
	file->window[w].best += gain;
	return gain;
}

static double miss_all(struct nab_file *file)
{
	for (int w = 0; w < file->n_windows; w++)
		file->window[w].best = -1;
	return -file->n_windows;
}

double nab_raw_at(struct nab_file *file, double threshold)
{
	double raw = miss_all(file);

	for (int i = file->probation; i < file->n; i++)
		if (file->score[i] >= threshold)
			raw += detect(file, i);
	return raw;
}

static int count_windows(GArray *files)
{
	int n = 0;

	for (guint i = 0; i < files->len; i++)
		n += g_array_index(files, struct nab_file, i).n_windows;
	return n;
}

static double normalise(GArray *files, double raw)
{
	int n = count_windows(files);

	return 100 * (raw + n) / (2 * n);
}

double nab_score_at(GArray *files, double threshold)
{
	double raw = 0;

	for (guint i = 0; i < files->len; i++)
		raw += nab_raw_at(&g_array_index(files, struct nab_file, i), threshold);
	return normalise(files, raw);
}

struct point {
	double score;
	int file, i;
};

static int by_score_descending(const void *left, const void *right)
{
	const struct point *a = left, *b = right;

	return (a->score < b->score) - (a->score > b->score);
}

static GArray *all_points(GArray *files)
{
	GArray *points = g_array_new(FALSE, FALSE, sizeof(struct point));

	for (guint f = 0; f < files->len; f++) {
		const struct nab_file *file = &g_array_index(files, struct nab_file, f);

		for (int i = file->probation; i < file->n; i++) {
			struct point point = {file->score[i], (int)f, i};

			g_array_append_val(points, point);
		}
	}
	qsort(points->data, points->len, sizeof(struct point), by_score_descending);
	return points;
}

typedef void (*threshold_fn)(void *arg, double threshold, double total, const double *raw);

/* Lower the threshold over every score there is; fn sees the raw scores at each. */
static void sweep(GArray *files, threshold_fn fn, void *arg)
{
	g_autoptr(GArray) points = all_points(files);
	g_autofree double *raw = g_new0(double, files->len);
	double total = 0;

	for (guint f = 0; f < files->len; f++)
		total += raw[f] = miss_all(&g_array_index(files, struct nab_file, f));
	for (guint i = 0; i < points->len; i++) {
		const struct point *p = &g_array_index(points, struct point, i);
		double gain = detect(&g_array_index(files, struct nab_file, p->file), p->i);

		raw[p->file] += gain;
		total += gain;
		if (i + 1 == points->len || p[1].score != p->score)
			fn(arg, p->score, total, raw);
	}
}

struct best {
	double total, threshold;
};

static void keep_best(void *arg, double threshold, double total, const double *raw)
{
	struct best *best = arg;

	(void)raw;
	if (total > best->total)
		*best = (struct best){total, threshold};
}

double nab_score_best(GArray *files, double *ret_threshold)
{
	struct best best = {-INFINITY, 0};

	sweep(files, keep_best, &best);
	*ret_threshold = best.threshold;
	return normalise(files, best.total);
}

struct left_out {
	guint n;
	double *others, *own; /* best total of the others, and what the file has there */
};

static void keep_left_out(void *arg, double threshold, double total, const double *raw)
{
	struct left_out *out = arg;

	(void)threshold;
	for (guint f = 0; f < out->n; f++) {
		if (total - raw[f] <= out->others[f])
			continue;
		out->others[f] = total - raw[f];
		out->own[f] = raw[f];
	}
}

double nab_score_left_out(GArray *files)
{
	g_autofree double *others = g_new0(double, files->len);
	g_autofree double *own = g_new0(double, files->len);
	struct left_out out = {files->len, others, own};
	double raw = 0;

	for (guint f = 0; f < files->len; f++)
		others[f] = -INFINITY;
	sweep(files, keep_left_out, &out);
	for (guint f = 0; f < files->len; f++)
		raw += own[f];
	return normalise(files, raw);
}
