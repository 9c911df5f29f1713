// SPDX-License-Identifier: Apache-2.0
#include "export/prometheus.h"
#include "export/series.h"
#include "metric/hist.h"
#include "metric/metric.h"

/* Everything of a line but its labels: name, suffix, braces, a bound, a number, and over-copies. */
#define LINE_MAX_REST 224

/* Names are copied in one piece of this size; test_prometheus checks that each is shorter. */
#define NAME_PIECE 64

/* So many entities ahead, what comes next is fetched into the cache. */
#define PREFETCH 8

/* The 'le="1.024e-06"} ' of each bucket, rendered once for all histograms of one shift. */
struct bounds {
	bool known;
	uint32_t shift;
	struct {
		char text[HIST_BOUND_MAX + 8];
		unsigned len;
	} bucket[HIST_BUCKETS];
};

struct page {
	const struct kvmlens_snapshot *snapshot;
	struct textbuf *out;
	bool openmetrics;
	enum kvmlens_level highest; /* of the host and of any VM */
	struct scope_series scopes[SCOPE_MAX];
	struct bounds bounds;
};

static const char *type_word(const struct metric *metric, bool openmetrics)
{
	if (metric->kind == METRIC_COUNTER)
		return "counter";
	if (metric->kind == METRIC_HISTOGRAM)
		return "histogram";
	return openmetrics && g_str_has_suffix(metric->prom, "_info") ? "info" : "gauge";
}

/* OpenMetrics' name of the family: without the suffix that its samples have. */
static int family_len(const struct metric *metric)
{
	size_t len = strlen(metric->prom);

	if (metric->kind == METRIC_COUNTER)
		return len - strlen("_total");
	return g_str_has_suffix(metric->prom, "_info") ? len - strlen("_info") : len;
}

static void put_head(struct page *page, const struct metric *metric)
{
	int len = page->openmetrics ? family_len(metric) : (int)strlen(metric->prom);
	g_autofree char *family = g_strndup(metric->prom, len);
	g_autofree char *unit = g_strconcat("_", metric->unit, NULL);

	textbuf_printf(page->out, "# HELP %s %s\n# TYPE %s %s\n", family, metric->help, family,
		       type_word(metric, page->openmetrics));
	if (page->openmetrics && g_str_has_suffix(family, unit))
		textbuf_printf(page->out, "# UNIT %s %s\n", family, metric->unit);
}

/* Whole pieces are copied: without a call, and over the end of what counts. */
static inline char *copy_labels(char *to, const struct series *series)
{
	if (!series->labels_len)
		return to;
	*to++ = '{';
	for (uint32_t i = 0; i < series->labels_len; i += LABELS_TEXT_ALIGN)
		memcpy(to + i, series->labels + i, LABELS_TEXT_ALIGN);
	to += series->labels_len;
	*to++ = '}';
	return to;
}

/* False: nothing to write, the value is unknown. */
static inline bool put_number(char **p, enum metric_type type, const char *field)
{
	double d;
	uint64_t u;

	if (type == TYPE_DOUBLE) {
		memcpy(&d, field, sizeof(d));
		if (isnan(d))
			return false;
		*p = text_double(*p, d);
		return true;
	}
	u = type == TYPE_BOOL  ? *(const bool *)field
	    : type == TYPE_U32 ? *(const uint32_t *)field
			       : *(const uint64_t *)field;
	if ((type == TYPE_U64 || type == TYPE_NS) && u == ABSENT)
		return false;
	*p = type == TYPE_NS ? text_seconds(*p, u) : text_u64(*p, u);
	return true;
}

/* The hot loop: inlined once for each type, with no call and no check of room in it. */
static inline __attribute__((always_inline)) void put_scalars(struct page *page,
							      const struct metric *metric,
							      enum metric_type type)
{
	const struct scope_series *scope =
		series_of(page->snapshot, metric->scope, &page->scopes[metric->scope]);
	const struct series *series = scope->series;
	size_t n = scope->n, name_len = strlen(metric->prom), offset = metric->offset;
	char *p = textbuf_reserve(page->out, scope->labels_len + n * LINE_MAX_REST);
	enum kvmlens_level level = metric->level;
	char name[NAME_PIECE] = {0};

	g_strlcpy(name, metric->prom, sizeof(name));
	for (size_t i = 0; i < n; i++, series++) {
		char *line = p;

		if (i + PREFETCH < n) {
			__builtin_prefetch(series[PREFETCH].entity + offset);
			__builtin_prefetch(series[PREFETCH].labels);
			__builtin_prefetch(series[PREFETCH].labels + 64);
		}
		if (series->level < level)
			continue;
		memcpy(p, name, NAME_PIECE);
		p = copy_labels(p + name_len, series);
		*p++ = ' ';
		if (put_number(&p, type, series->entity + offset))
			*p++ = '\n';
		else
			p = line;
	}
	textbuf_commit(page->out, p);
}

static void know_bounds(struct bounds *bounds, const struct hist *hist)
{
	char bound[HIST_BOUND_MAX];

	if (bounds->known && bounds->shift == hist->shift)
		return;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		hist_bound(hist, i, bound);
		bounds->bucket[i].len =
			g_snprintf(bounds->bucket[i].text, sizeof(bounds->bucket[i].text),
				   "le=\"%s\"} ", bound);
	}
	bounds->shift = hist->shift;
	bounds->known = true;
}

/* name_suffix{labels and no closing brace. */
static char *put_part(char *p, const struct metric *metric, const char *suffix,
		      const struct labels *labels)
{
	p = g_stpcpy(g_stpcpy(p, metric->prom), suffix);
	*p++ = '{';
	return text_copy(p, labels->text, labels->text_len);
}

static char *put_total(char *p, const struct metric *metric, const char *suffix,
		       const struct labels *labels)
{
	/* Empty braces are as good as none in both formats. */
	p = put_part(p, metric, suffix, labels);
	return text_copy(p, "} ", 2);
}

static void put_hist(struct page *page, const struct metric *metric, const struct labels *labels,
		     const struct hist *hist)
{
	size_t room = (HIST_BUCKETS + 2) * (labels->text_len + LINE_MAX_REST);
	char *p = textbuf_reserve(page->out, room);
	uint64_t total = 0;

	know_bounds(&page->bounds, hist);
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		total += hist->count[i];
		p = put_part(p, metric, "_bucket", labels);
		if (labels->text_len)
			*p++ = ',';
		p = text_copy(p, page->bounds.bucket[i].text, page->bounds.bucket[i].len);
		p = text_u64(p, total);
		*p++ = '\n';
	}
	p = text_seconds(put_total(p, metric, "_sum", labels), hist->sum_ns);
	*p++ = '\n';
	p = text_u64(put_total(p, metric, "_count", labels), total);
	*p++ = '\n';
	textbuf_commit(page->out, p);
}

static void put_hists(struct page *page, const struct metric *metric)
{
	const struct scope_series *scope =
		series_of(page->snapshot, metric->scope, &page->scopes[metric->scope]);

	for (size_t i = 0; i < scope->n; i++) {
		const struct series *series = &scope->series[i];
		struct metric_value value;

		if (series->level >= metric->level && metric_read(metric, series->entity, &value))
			put_hist(page, metric, *(struct labels *const *)series->entity, value.hist);
	}
}

static void put_samples(struct page *page, const struct metric *metric)
{
	switch (metric->type) {
	case TYPE_U64:
		return put_scalars(page, metric, TYPE_U64);
	case TYPE_U32:
		return put_scalars(page, metric, TYPE_U32);
	case TYPE_BOOL:
		return put_scalars(page, metric, TYPE_BOOL);
	case TYPE_NS:
		return put_scalars(page, metric, TYPE_NS);
	case TYPE_DOUBLE:
		return put_scalars(page, metric, TYPE_DOUBLE);
	case TYPE_HIST:
		return put_hists(page, metric);
	}
}

static void put_metric(struct page *page, const struct metric *metric)
{
	size_t before = page->out->len, head;

	if (metric->level > page->highest || !metric_group_on(metric, page->snapshot))
		return;
	put_head(page, metric);
	head = page->out->len;
	put_samples(page, metric);
	if (page->out->len == head)
		page->out->len = before;
}

static void render(const struct kvmlens_snapshot *snapshot, bool openmetrics, struct textbuf *out)
{
	struct page page = {
		.snapshot = snapshot,
		.out = out,
		.openmetrics = openmetrics,
		.highest = series_highest_level(snapshot),
	};

	for (size_t i = 0; i < n_metrics; i++)
		put_metric(&page, &metrics[i]);
	if (openmetrics)
		textbuf_append(out, "# EOF\n");
	for (unsigned i = 0; i < SCOPE_MAX; i++)
		series_clear(&page.scopes[i]);
}

void prometheus_render(const struct kvmlens_snapshot *snapshot, struct textbuf *out)
{
	render(snapshot, false, out);
}

void openmetrics_render(const struct kvmlens_snapshot *snapshot, struct textbuf *out)
{
	render(snapshot, true, out);
}
