// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <time.h>
#include "config/config.h"
#include "tui/column.h"
#include "tui/health.h"
#include "tui/display.h"
#include "tui/view.h"

#define GAP 2

/* Heights from which there is room for the second line and for more than one problem. */
#define TWO_LINES_FROM 9
#define MANY_PROBLEMS_FROM 16
#define PROBLEMS_MAX 3

/* Add a piece to a line if all of it fits; *col moves behind it. */
static void piece(struct frame *frame, int row, int *col, enum tone tone, const char *text)
{
	int at = *col ? *col + GAP : 0;

	if (!*text || at + display_width(text) > frame->width)
		return;
	*col = at + frame_put(frame, row, at, frame->width, tone, text);
}

static G_GNUC_PRINTF(5, 6) void piecef(struct frame *frame, int row, int *col, enum tone tone,
				       const char *format, ...)
{
	g_autofree char *text = NULL;
	g_autofree char *clean = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	clean = display_clean(text, frame->utf8);
	piece(frame, row, col, tone, clean);
}

static const char *node(const struct kvmlens_snapshot *snapshot)
{
	const struct snap_build *build;
	const char *name;

	if (!snapshot->build.n)
		return "";
	build = entities_at(&snapshot->build, 0);
	name = labels_get(build->labels, "node");
	return name ? name : "";
}

static void clock_text(int64_t wall_ms, char *buf, size_t size)
{
	time_t t = wall_ms / 1000;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, size, "%H:%M:%S", &tm))
		g_strlcpy(buf, "", size);
}

static void first_line(const struct view *view, struct frame *frame, const GArray *problems)
{
	const struct kvmlens_snapshot *snapshot = view->snapshot;
	g_autofree char *host = NULL;
	char clock[32];
	int col = 0;

	clock_text(snapshot->wall_ms, clock, sizeof(clock));
	if (view->frozen)
		piece(frame, 0, &col, TONE_STRONG, "FROZEN");
	if (problems->len && frame->height < TWO_LINES_FROM)
		piecef(frame, 0, &col, TONE_WARN, "!%u", problems->len);
	if (frame->width >= 60)
		piece(frame, 0, &col, TONE_STRONG, "kvmlens");
	host = display_fit(node(snapshot), MAX(frame->width / 3, 8), frame->utf8);
	piece(frame, 0, &col, TONE_STRONG, host);
	piece(frame, 0, &col, TONE_NORMAL, clock);
	piecef(frame, 0, &col, TONE_NORMAL, "every %g s", view->interval_ms / 1e3);
	piecef(frame, 0, &col, TONE_NORMAL, "detail %s", config_level_name(snapshot->level));
}

static void count_piece(struct frame *frame, int *col, uint64_t n, const char *one,
			const char *many)
{
	if (n != ABSENT)
		piecef(frame, 1, col, TONE_NORMAL, "%" PRIu64 " %s", n, n == 1 ? one : many);
}

static void second_line(const struct view *view, struct frame *frame)
{
	const struct kvmlens_snapshot *snapshot = view->snapshot;
	const struct row_spec *spec = &view->spec;
	int col = 0;

	if (snapshot->hosts.n) {
		const struct snap_host *host = entities_at(&snapshot->hosts, 0);

		count_piece(frame, &col, host->cpus, "CPU", "CPUs");
		count_piece(frame, &col, host->vms, "VM", "VMs");
		count_piece(frame, &col, host->vcpus, "vCPU", "vCPUs");
		if (!isnan(host->overcommit))
			piecef(frame, 1, &col, TONE_NORMAL, "%.2f vCPUs a CPU", host->overcommit);
	}
	piecef(frame, 1, &col, TONE_NORMAL, "by %s%s", spec->sort->title,
	       spec->reverse ? ", reversed" : "");
	if (spec->sum)
		piece(frame, 1, &col, TONE_STRONG, "sum of vCPUs");
	if (*view->filter->str)
		piecef(frame, 1, &col, TONE_STRONG, "only \"%s\"", view->filter->str);
}

static int problem_lines(struct frame *frame, const GArray *problems)
{
	guint room = frame->height < MANY_PROBLEMS_FROM ? 1 : PROBLEMS_MAX;
	guint n = MIN(problems->len, room);

	for (guint i = 0; i < n; i++) {
		const struct problem *p = &g_array_index(problems, struct problem, i);

		g_autofree char *line = g_strdup_printf("! %s", p->text);
		g_autofree char *fit = display_fit_words(line, frame->width, frame->utf8);

		frame_put(frame, 2 + i, 0, frame->width, p->tone, fit);
	}
	return 2 + n;
}

int header_draw(const struct view *view, struct frame *frame)
{
	g_autoptr(GArray) problems = NULL;

	if (!view->snapshot || frame->height < 4)
		return 0;
	problems = health_problems(view->snapshot, view->now_ns, view->interval_ms, view->losing);
	first_line(view, frame, problems);
	if (frame->height < TWO_LINES_FROM)
		return 1;
	second_line(view, frame);
	return problem_lines(frame, problems);
}
