// SPDX-License-Identifier: Apache-2.0
/* The screen with one row a VM. */
#include <inttypes.h>
#include "tui/column.h"
#include "tui/health.h"
#include "tui/display.h"
#include "tui/view.h"
#include "tui/vm_screen.h"

#define CELL_MAX 512 /* a name of LABEL_VALUE_MAX bytes and what stands before it */

/* On very wide terminals, names leave the rest blank. */
#define NAME_WIDTH_MAX 48

static int shown_width(const struct column *column, int terminal)
{
	return column->min_terminal <= terminal ? column->width + 1 : 0;
}

/* What the other columns leave for the name. */
static int name_width(int terminal)
{
	int others = 0;

	for (size_t i = 1; i < n_columns; i++)
		others += shown_width(&columns[i], terminal);
	return MIN(CLAMP(terminal - others, columns[0].width, NAME_WIDTH_MAX), terminal);
}

static void draw_titles(const struct view *view, struct frame *frame, int row)
{
	int col = name_width(frame->width);

	frame->reverse[row] = true;
	for (size_t i = 0; i < n_columns; i++) {
		const struct column *c = &columns[i];
		enum tone tone = c == view->spec.sort ? TONE_STRONG : TONE_NORMAL;

		if (c->min_terminal > frame->width)
			continue;
		if (i == 0) {
			frame_put(frame, row, 2, col - 2, tone, c->title);
			continue;
		}
		if (column_is_text(c))
			frame_put(frame, row, col + 1, c->width, tone, c->title);
		else
			frame_put_right(frame, row, col + 1 + c->width, c->width, tone, c->title);
		col += c->width + 1;
	}
}

static bool has_children(const struct snap_vm *vm)
{
	return vm->cpus.n || vm->roles.n || vm->processes.n;
}

/* Labels are clean: a guest's own text never reaches the screen as it is. */
static void process_name(const struct snap_process *process, char *buf, size_t size)
{
	const char *comm = labels_get(process->labels, "comm") ?: "";

	if (process->memory == ABSENT || process->memory < 1 << 20)
		g_strlcpy(buf, comm, size);
	else
		g_snprintf(buf, size, "%s %" PRIu64 "M", comm, process->memory >> 20);
}

static void child_name(const struct row *row, char *buf, size_t size)
{
	const char *role;

	if (row->kind == ROW_VCPU) {
		g_snprintf(buf, size, "vCPU %" PRIu32, row->vcpu->vcpu_id);
		return;
	}
	if (row->kind == ROW_PROCESS) {
		process_name(row->process, buf, size);
		return;
	}
	role = labels_get(row->role->labels, "role");
	role = role ? role : "other threads";
	if (row->role->threads == ABSENT || row->role->threads <= 1)
		g_strlcpy(buf, role, size);
	else
		g_snprintf(buf, size, "%s x%" PRIu64, role, row->role->threads);
}

static void draw_name(const struct view *view, struct frame *frame, int at, const struct row *row,
		      int width)
{
	bool idle = !row->vm->up || row->vm->state == KVMLENS_VM_PAUSED;
	enum tone tone = idle ? TONE_DIM : TONE_NORMAL;
	enum row_trouble trouble = row_trouble(row->vm);
	const char *marker;
	char buf[CELL_MAX];

	if (row->kind != ROW_VM) {
		child_name(row, buf, sizeof(buf));
		frame_put(frame, at, 4, width - 4, tone, buf);
		return;
	}
	if (frame->utf8)
		marker = row->expanded ? "▾" : "▸";
	else
		marker = row->expanded ? "-" : "+";
	if (has_children(row->vm) && !view->plain)
		frame_put(frame, at, 0, 1, TONE_DIM, marker);
	if (trouble) {
		tone = trouble == TROUBLE_STALL ? TONE_CRIT : TONE_WARN;
		frame_put(frame, at, 1, 1, tone, "!");
	}
	column_cell(&columns[0], row, buf, sizeof(buf));
	frame_put(frame, at, 2, width - 2, tone, buf);
}

static void draw_row(const struct view *view, struct frame *frame, int at, const struct row *row)
{
	int col = name_width(frame->width);
	char buf[CELL_MAX];

	draw_name(view, frame, at, row, col);
	for (size_t i = 1; i < n_columns; i++) {
		const struct column *c = &columns[i];
		enum tone tone = column_tone(c, row);

		if (c->min_terminal > frame->width)
			continue;
		column_cell(c, row, buf, sizeof(buf));
		if (column_is_text(c))
			frame_put(frame, at, col + 1, c->width, tone, buf);
		else
			frame_put_right(frame, at, col + 1 + c->width, c->width, tone, buf);
		col += c->width + 1;
		if (view->marks && tone == TONE_CRIT)
			frame_put(frame, at, col, 1, tone, "!");
	}
}

static void draw_empty(const struct view *view, struct frame *frame, int row, int bottom)
{
	g_autoptr(GPtrArray) text = NULL;

	if (!view->snapshot) {
		paragraph_draw(frame, row, bottom, TONE_NORMAL, "Waiting for the first tick.");
		return;
	}
	if (view->snapshot->vms.n) {
		g_autofree char *none = g_strdup_printf(
			"No VM's name has or is like \"%s\". Esc shows all.", view->filter->str);

		paragraph_draw(frame, row, bottom, TONE_NORMAL, none);
		return;
	}
	text = health_no_vms(view->snapshot);
	for (guint i = 0; i < text->len; i++)
		row = paragraph_draw(frame, row, bottom, TONE_NORMAL, text->pdata[i]);
}

/* Let the screen follow the cursor. */
static void scroll(struct view *view, guint page)
{
	guint last_first = view->rows->len > page ? view->rows->len - page : 0;

	view->page = page;
	if (view->cursor < view->first)
		view->first = view->cursor;
	if (page && view->cursor >= view->first + page)
		view->first = view->cursor - page + 1;
	view->first = MIN(view->first, last_first);
}

static void draw_rows(struct view *view, struct frame *frame, int top, int n)
{
	scroll(view, MAX(n, 0));
	for (guint i = 0; i < view->page && view->first + i < view->rows->len; i++) {
		guint index = view->first + i;

		if (index == view->cursor && !view->plain)
			frame->reverse[top + i] = true;
		draw_row(view, frame, top + i, &g_array_index(view->rows, struct row, index));
	}
}

static void table_draw(struct view *view, struct frame *frame)
{
	int bottom = frame->height - footer_rows(view, frame);
	int top = header_draw(view, frame);

	if (top < bottom - 1)
		draw_titles(view, frame, top++);
	if (view->rows->len)
		draw_rows(view, frame, top, bottom - top);
	else
		draw_empty(view, frame, top, bottom);
	footer_draw(view, frame);
}

static void toggle_row(struct view *view, bool open, bool close)
{
	const struct row *row = view_row(view);
	struct row vm;

	if (!row)
		return;
	vm = *row;
	vm.kind = ROW_VM;
	if (row->kind == ROW_VM && (row->expanded ? !close : !open))
		return;
	if (row->kind != ROW_VM && !close)
		return;
	if (!g_hash_table_remove(view->spec.toggled, vm.vm->ident))
		g_hash_table_add(view->spec.toggled, vm_ident_ref(vm.vm->ident));
	view->follow = true;
	view_rebuild(view);
}

static void toggle_all(struct view *view)
{
	view->spec.expand_all = !view->spec.expand_all;
	g_hash_table_remove_all(view->spec.toggled);
	view_rebuild(view);
}

static void sort_by(struct view *view, const struct column *column)
{
	view->spec.sort = column;
	view_rebuild(view);
}

static bool move_key(struct view *view, int key)
{
	int page = MAX((int)view->page - 1, 1);
	int rows = view->rows->len;

	switch (key) {
	case VIEW_KEY_UP:
	case 'k':
		view_move(view, -1);
		return true;
	case VIEW_KEY_DOWN:
	case 'j':
		view_move(view, 1);
		return true;
	case VIEW_KEY_PAGE_UP:
		view_move(view, -page);
		return true;
	case VIEW_KEY_PAGE_DOWN:
		view_move(view, page);
		return true;
	case VIEW_KEY_HOME:
		view_move(view, -rows);
		return true;
	case VIEW_KEY_END:
		view_move(view, rows);
		return true;
	}
	return false;
}

static bool row_key(struct view *view, int key)
{
	switch (key) {
	case VIEW_KEY_ENTER:
	case '\n':
	case ' ':
		toggle_row(view, true, true);
		return true;
	case VIEW_KEY_RIGHT:
		toggle_row(view, true, false);
		return true;
	case VIEW_KEY_LEFT:
		toggle_row(view, false, true);
		return true;
	case 'w':
		if (view_row(view))
			vm_screen_open(view, view_row(view)->vm);
		return true;
	case 'e':
	case '*':
		toggle_all(view);
		return true;
	}
	return false;
}

static bool order_key(struct view *view, int key)
{
	switch (key) {
	case '<':
		sort_by(view, column_step(view->spec.sort, -1, view->width));
		return true;
	case '>':
		sort_by(view, column_step(view->spec.sort, 1, view->width));
		return true;
	case 'r':
		view->spec.reverse = !view->spec.reverse;
		view_rebuild(view);
		return true;
	case 'a':
		view->spec.sum = !view->spec.sum;
		view_rebuild(view);
		return true;
	case '/':
		prompt_start(view, &prompt_filter, view->filter->str);
		return true;
	case VIEW_KEY_ESC:
		g_string_truncate(view->filter, 0);
		view_rebuild(view);
		return true;
	}
	return false;
}

static bool table_key(struct view *view, int key)
{
	const struct column *column = column_by_key(key);

	if (column) {
		sort_by(view, column);
		return true;
	}
	return move_key(view, key) || row_key(view, key) || order_key(view, key);
}

const struct screen_ops screen_table = {
	.name = "table",
	.draw = table_draw,
	.key = table_key,
};
