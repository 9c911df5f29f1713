// SPDX-License-Identifier: Apache-2.0
#include "tui/vm_screen.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include "tui/column.h"
#include "tui/display.h"
#include "why/why.h"
#include "why/window.h"

#define INDENT 9
#define PROCESSES_MAX 200 /* lines of processes, on a screen that scrolls */

struct line {
	enum tone tone;
	char *text;
};

static void clear_line(gpointer line)
{
	g_free(((struct line *)line)->text);
}

static G_GNUC_PRINTF(3, 4) void add(GArray *lines, enum tone tone, const char *format, ...)
{
	struct line line = {.tone = tone};
	va_list args;

	va_start(args, format);
	line.text = g_strdup_vprintf(format, args);
	va_end(args);
	g_array_append_val(lines, line);
}

static const struct snap_vm *shown_vm(const struct view *view)
{
	for (size_t i = 0; view->snapshot && view->shown && i < view->snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&view->snapshot->vms, i);

		if (row_ident_equal(vm->ident, view->shown))
			return vm;
	}
	return NULL;
}

static void close_screen(struct view *view)
{
	view->screen = &screen_table;
	view->scroll = 0;
	g_clear_pointer(&view->shown, vm_ident_unref);
	g_clear_pointer(&view->window, why_window_free);
}

void vm_screen_open(struct view *view, const struct snap_vm *vm)
{
	close_screen(view);
	view->shown = vm_ident_ref(vm->ident);
	view->window = why_window_new();
	view->screen = &screen_vm;
	vm_screen_update(view);
}

/* A VM that was asked for by name, and is there now. */
static void open_wanted(struct view *view)
{
	for (size_t i = 0; i < view->snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&view->snapshot->vms, i);

		if (strcmp(row_vm_name(vm), view->wanted) &&
		    strcmp(vm->ident->name, view->wanted) &&
		    g_strcmp0(vm->ident->uuid, view->wanted))
			continue;
		g_clear_pointer(&view->wanted, g_free);
		vm_screen_open(view, vm);
		return;
	}
}

void vm_screen_update(struct view *view)
{
	const struct snap_vm *vm = shown_vm(view);

	if (view->wanted && !view->shown) {
		open_wanted(view);
		return;
	}
	if (!view->shown)
		return;
	if (vm) {
		why_window_add(view->window, view->snapshot, vm);
		return;
	}
	view_message(view, "%s is gone", labels_get(view->shown->labels, "vm") ?: "the VM");
	close_screen(view);
}

/* The table's own cells of this VM, so that a number is the same on both screens. */
static void add_cells(GArray *lines, const struct view *view, const struct snap_vm *vm)
{
	struct row row = {.kind = ROW_VM, .vm = vm, .sum = view->spec.sum};
	g_autoptr(GString) text = g_string_new(NULL);
	char buf[64];

	for (size_t i = 0; i < n_columns; i++) {
		const struct column *c = &columns[i];

		if (!c->number || c->write || c->min_terminal > 127)
			continue;
		column_cell(c, &row, buf, sizeof(buf));
		g_string_append_printf(text, "%s%s %s", text->len ? "  " : "", c->title, buf);
	}
	add(lines, TONE_NORMAL, "%s", text->str);
}

static void add_why(GArray *lines, const struct evidence *e)
{
	g_autoptr(GArray) findings = why_judge(e);
	g_autoptr(GPtrArray) text = why_lines(e, findings, "");
	bool bad = findings->len > 0;

	for (guint i = 0; i < text->len; i++)
		add(lines,
		    i	  ? TONE_NORMAL
		    : bad ? TONE_WARN
			  : TONE_STRONG,
		    "%s", (char *)text->pdata[i]);
}

static double aggressor_now(const struct snap_vm *vm, const char *by)
{
	for (size_t i = 0; i < vm->aggressors.n; i++) {
		const struct snap_aggressor *a = entities_at(&vm->aggressors, i);

		if (!g_strcmp0(labels_get(a->labels, "by"), by))
			return a->percent;
	}
	return NAN;
}

static bool has_blame(const struct snap_vm *vm, const char *by)
{
	for (size_t i = 0; i < vm->blames.n; i++) {
		const struct snap_blame *b = entities_at(&vm->blames, i);

		if (!g_strcmp0(labels_get(b->labels, "by"), by))
			return true;
	}
	return false;
}

static void add_taker(GArray *lines, const char *by, double now, double total)
{
	char percent[16], seconds[16] = "-";

	display_percent(now, percent, sizeof(percent));
	if (!isnan(total))
		g_snprintf(seconds, sizeof(seconds), "%.1f", total);
	add(lines, TONE_NORMAL, "  %6s %10s  %s", percent, seconds, by);
}

/* Those of the last interval first, then who took the most so far. */
static void add_blame(GArray *lines, const struct snap_vm *vm)
{
	add(lines, TONE_STRONG, " ");
	add(lines, TONE_STRONG, "  %%NOW    SECONDS  WHO RAN WHILE IT WAITED");
	for (size_t i = 0; i < vm->aggressors.n; i++) {
		const struct snap_aggressor *a = entities_at(&vm->aggressors, i);
		const char *by = labels_get(a->labels, "by") ?: "?";

		if (!has_blame(vm, by))
			add_taker(lines, by, a->percent, NAN);
	}
	for (size_t i = 0; i < vm->blames.n; i++) {
		const struct snap_blame *b = entities_at(&vm->blames, i);
		const char *by = labels_get(b->labels, "by") ?: "?";

		add_taker(lines, by, aggressor_now(vm, by), (double)b->ns / 1e9);
	}
	if (!vm->blames.n && !vm->aggressors.n)
		add(lines, TONE_DIM, "  nobody so far, or blame is not in use (see ?)");
}

/* The split of ready time by cause, over the window. */
static void add_causes(GArray *lines, const struct evidence *e)
{
	g_autoptr(GArray) parts = evidence_parts(e, "vm.cpu.ready_cause_seconds_total", "cause");

	if (!parts->len)
		return;
	add(lines, TONE_STRONG, " ");
	add(lines, TONE_STRONG, "     SECONDS        SO FAR  WHY IT WAITED");
	for (guint i = 0; i < parts->len; i++) {
		const struct evidence_part *p = &g_array_index(parts, struct evidence_part, i);

		add(lines, TONE_NORMAL, "  %10.2f %13.1f  %s", p->gain, p->last, p->label);
	}
}

static void add_stalls(GArray *lines, const struct snap_vm *vm)
{
	if (!vm->stall_events.n)
		return;
	add(lines, TONE_STRONG, " ");
	add(lines, TONE_STRONG, "  BEGAN      SECONDS  STALL");
	for (size_t i = 0; i < vm->stall_events.n; i++) {
		const struct snap_stall_event *e = entities_at(&vm->stall_events, i);
		time_t t = (time_t)e->began;
		char clock[16] = "-";
		struct tm tm;

		if (localtime_r(&t, &tm))
			strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
		add(lines, e->active ? TONE_CRIT : TONE_NORMAL, "  %s %9.1f  %s%s%s%s", clock,
		    e->seconds, stall_cause_name(e->cause), e->active ? ", goes on" : "",
		    *e->note ? ": " : "", e->note);
	}
}

static void add_process(GArray *lines, const struct snap_process *p)
{
	char cpu[16], memory[24] = "-";

	display_percent(p->cpu_usage, cpu, sizeof(cpu));
	if (p->memory != ABSENT)
		g_snprintf(memory, sizeof(memory), "%" PRIu64 "M", p->memory >> 20);
	add(lines, TONE_NORMAL, "%8s %6s %8s  %s", labels_get(p->labels, "pid") ?: "?", cpu, memory,
	    labels_get(p->labels, "comm") ?: "?");
}

static void add_processes(GArray *lines, const struct snap_vm *vm)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct row));

	add(lines, TONE_STRONG, " ");
	if (!vm->processes.n) {
		add(lines, TONE_DIM,
		    "Processes of the guest: none known; --guest-memory on, from detailed on (+)");
		return;
	}
	add(lines, TONE_STRONG, "     PID   %%CPU   MEMORY  PROCESS IN THE GUEST");
	rows_processes(rows, vm, false, PROCESSES_MAX);
	for (guint i = 0; i < rows->len; i++)
		add_process(lines, g_array_index(rows, struct row, i).process);
}

static GArray *vm_lines(const struct view *view, const struct snap_vm *vm)
{
	GArray *lines = g_array_new(FALSE, FALSE, sizeof(struct line));
	struct evidence *e = why_window_evidence(view->window, row_vm_name(vm), vm->ident->uuid);

	g_array_set_clear_func(lines, clear_line);
	add_why(lines, e);
	add(lines, TONE_STRONG, " ");
	add_cells(lines, view, vm);
	add_blame(lines, vm);
	add_causes(lines, e);
	add_stalls(lines, vm);
	add_processes(lines, vm);
	evidence_free(e);
	return lines;
}

/* Lines that are longer than the screen go on below, indented. */
static GArray *wrapped(const GArray *lines, int width)
{
	GArray *out = g_array_new(FALSE, FALSE, sizeof(struct line));

	g_array_set_clear_func(out, clear_line);
	for (guint i = 0; i < lines->len; i++) {
		const struct line *from = &g_array_index(lines, struct line, i);
		g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);

		if (display_width(from->text) <= width)
			g_ptr_array_add(parts, g_strdup(from->text));
		else
			paragraph_lines(parts, from->text, width, INDENT);
		for (guint k = 0; k < parts->len; k++)
			add(out, from->tone, "%s", (char *)parts->pdata[k]);
	}
	return out;
}

static void draw_hint(const struct view *view, struct frame *frame, bool scrolls)
{
	int row = frame->height - 1;

	if (!footer_rows(view, frame))
		return;
	if (view->prompt || view->message)
		footer_draw(view, frame);
	else
		frame_put(frame, row, 0, frame->width, TONE_KEY,
			  scrolls ? "q goes back  Up Down scroll  + - detail  s interval  p freeze"
				  : "q goes back  + - detail  s interval  p freeze");
}

static void vm_draw(struct view *view, struct frame *frame)
{
	const struct snap_vm *vm = shown_vm(view);
	g_autoptr(GArray) lines = NULL, all = vm ? vm_lines(view, vm) : NULL;
	int bottom = frame->height - footer_rows(view, frame);
	int top = header_draw(view, frame);
	guint last;

	if (!vm)
		return;
	lines = wrapped(all, frame->width);
	view->page = MAX(bottom - top, 1);
	last = lines->len > view->page ? lines->len - view->page : 0;
	view->scroll = MIN(view->scroll, last);
	for (guint i = 0; i < view->page && view->scroll + i < lines->len; i++) {
		const struct line *line = &g_array_index(lines, struct line, view->scroll + i);

		frame_put(frame, top + i, 0, frame->width, line->tone, line->text);
	}
	draw_hint(view, frame, last > 0);
}

static bool vm_key(struct view *view, int key)
{
	if (view_scroll_key(view, key))
		return true;
	switch (key) {
	case 'q':
	case 'w':
	case VIEW_KEY_ESC:
	case VIEW_KEY_LEFT:
	case VIEW_KEY_BACKSPACE:
	case VIEW_KEY_ENTER:
	case '\n':
		close_screen(view);
		return true;
	}
	return false;
}

const struct screen_ops screen_vm = {
	.name = "vm",
	.draw = vm_draw,
	.key = vm_key,
};
