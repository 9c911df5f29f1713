// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include "tui/column.h"
#include "tui/health.h"
#include "tui/view.h"
#include "tui/vm_screen.h"
#include "why/window.h"

#define MESSAGE_TICKS 3
#define LOSS_SHOWN_NS 60000000000ull

struct view *view_new(const struct top_options *options)
{
	const struct column *sort = column_default();
	struct view *view;

	if (options->sort)
		sort = column_find(options->sort);
	if (!sort)
		return NULL;
	view = g_new0(struct view, 1);
	view->interval_ms = options->interval_ms;
	view->screen = &screen_table;
	view->filter = g_string_new(options->filter);
	view->input = g_string_new(NULL);
	view->rows = g_array_new(FALSE, FALSE, sizeof(struct row));
	view->spec.sort = sort;
	view->spec.reverse = options->reverse;
	view->spec.sum = options->sum;
	view->spec.expand_all = options->expand;
	view->spec.toggled = row_ident_set();
	view->ask_level = -1;
	view->wanted = g_strdup(options->vm);
	return view;
}

void view_free(struct view *view)
{
	if (!view)
		return;
	if (view->snapshot)
		kvmlens_snapshot_unref(view->snapshot);
	g_hash_table_unref(view->spec.toggled);
	g_array_unref(view->rows);
	g_string_free(view->filter, TRUE);
	g_string_free(view->input, TRUE);
	g_clear_pointer(&view->shown, vm_ident_unref);
	why_window_free(view->window);
	g_free(view->wanted);
	g_free(view->message);
	g_free(view);
}

const struct row *view_row(const struct view *view)
{
	if (view->cursor >= view->rows->len)
		return NULL;
	return &g_array_index(view->rows, struct row, view->cursor);
}

void view_message(struct view *view, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_free(view->message);
	view->message = g_strdup_vprintf(format, args);
	view->message_ticks = 0;
	va_end(args);
}

static bool find_row(struct view *view, const struct row *wanted)
{
	for (guint i = 0; i < view->rows->len; i++) {
		if (!row_same(&g_array_index(view->rows, struct row, i), wanted))
			continue;
		view->cursor = i;
		return true;
	}
	return false;
}

static bool snapshot_has(const struct kvmlens_snapshot *snapshot, const struct vm_ident *ident)
{
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		if (row_ident_equal(vm->ident, ident))
			return true;
	}
	return false;
}

/* A thread's row may be gone while its VM is still there; and then the VM may be gone too. */
static void place_cursor(struct view *view, const struct row *wanted)
{
	struct row vm = *wanted;

	vm.kind = ROW_VM;
	if (view->follow && !find_row(view, wanted) && !find_row(view, &vm)) {
		view->follow = false;
		if (!snapshot_has(view->snapshot, vm.vm->ident))
			view_message(view, "%s is gone", row_vm_name(vm.vm));
	}
	view->cursor = MIN(view->cursor, view->rows->len ? view->rows->len - 1 : 0);
}

void view_rebuild(struct view *view)
{
	const struct row *row = view_row(view);
	struct row wanted = row ? *row : (struct row){0};

	if (!view->snapshot)
		return;
	view->spec.filter = view->filter->str;
	rows_build(view->rows, view->snapshot, &view->spec);
	if (row)
		place_cursor(view, &wanted);
	else
		view->cursor = 0;
}

static gboolean is_gone(gpointer ident, gpointer value, gpointer snapshot)
{
	return !snapshot_has(snapshot, ident);
}

/* A loss is told for a while, not for ever; the help screen keeps it. */
static void note_losses(struct view *view)
{
	uint64_t total = health_loss_total(view->snapshot);

	if (total > view->lost)
		view->lost_at_ns = view->snapshot->mono_ns;
	view->lost = total;
	view->losing = total && view->snapshot->mono_ns - view->lost_at_ns <= LOSS_SHOWN_NS;
}

void view_set_snapshot(struct view *view, const struct kvmlens_snapshot *snapshot)
{
	const struct kvmlens_snapshot *old = view->snapshot;

	view->snapshot = snapshot;
	note_losses(view);
	if (view->message && ++view->message_ticks > MESSAGE_TICKS)
		g_clear_pointer(&view->message, g_free);
	view_rebuild(view);
	vm_screen_update(view);
	g_hash_table_foreach_remove(view->spec.toggled, is_gone, (gpointer)snapshot);
	/* Not earlier: rows of the old one were compared with those of the new. */
	if (old)
		kvmlens_snapshot_unref(old);
}

void view_move(struct view *view, int step)
{
	gint64 last = (gint64)view->rows->len - 1;

	view->cursor = CLAMP((gint64)view->cursor + step, 0, MAX(last, 0));
	/* At the top, the cursor shows whoever is first. */
	view->follow = view->cursor > 0;
}

void view_draw(struct view *view, struct frame *frame)
{
	view->width = frame->width;
	view->screen->draw(view, frame);
}
