// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "tui/column.h"
#include "tui/row.h"
#include "util/text.h"

const char *row_vm_name(const struct snap_vm *vm)
{
	const char *name = labels_get(vm->labels, "vm");

	return name && name[strspn(name, " ")] ? name : "(no name)";
}

enum row_trouble row_trouble(const struct snap_vm *vm)
{
	if (vm->stall.active == 1 || vm->state == KVMLENS_VM_CRASHED)
		return TROUBLE_STALL;
	return vm->state == KVMLENS_VM_PAUSED ? TROUBLE_PAUSED : TROUBLE_NONE;
}

gboolean row_ident_equal(gconstpointer a, gconstpointer b)
{
	const struct vm_ident *x = a, *y = b;

	if (x == y)
		return TRUE;
	if (x->pid != y->pid || x->start_ns != y->start_ns)
		return FALSE;
	return g_strcmp0(x->uuid, y->uuid) == 0;
}

guint row_ident_hash(gconstpointer ident)
{
	const struct vm_ident *id = ident;

	return (guint)id->pid * 31 + (guint)id->start_ns + (id->uuid ? g_str_hash(id->uuid) : 0);
}

static void ident_unref(gpointer ident)
{
	vm_ident_unref(ident);
}

GHashTable *row_ident_set(void)
{
	return g_hash_table_new_full(row_ident_hash, row_ident_equal, ident_unref, NULL);
}

bool row_same(const struct row *a, const struct row *b)
{
	if (a->kind != b->kind || !row_ident_equal(a->vm->ident, b->vm->ident))
		return false;
	if (a->kind == ROW_VCPU)
		return a->vcpu->vcpu_id == b->vcpu->vcpu_id;
	if (a->kind == ROW_ROLE)
		return !g_strcmp0(labels_get(a->role->labels, "role"),
				  labels_get(b->role->labels, "role"));
	if (a->kind == ROW_PROCESS)
		return !g_strcmp0(labels_get(a->process->labels, "pid"),
				  labels_get(b->process->labels, "pid"));
	return true;
}

static bool matches(const struct snap_vm *vm, const char *folded_filter)
{
	g_autofree char *name = NULL;

	if (!folded_filter)
		return true;
	name = g_utf8_casefold(row_vm_name(vm), -1);
	if (strpbrk(folded_filter, "*?"))
		return text_glob(folded_filter, name);
	return strstr(name, folded_filter);
}

static gint compare_rows(gconstpointer a, gconstpointer b, gpointer arg)
{
	const struct row_spec *spec = arg;
	const struct row *x = a, *y = b;
	int order = (int)row_trouble(y->vm) - (int)row_trouble(x->vm);

	if (!order)
		order = column_compare(spec->sort, spec->reverse, x, y);

	if (order)
		return order;
	order = strcmp(row_vm_name(x->vm), row_vm_name(y->vm));
	/* Entities lie in one array: their addresses keep equal names in a steady order. */
	return order ? order : (x->vm > y->vm) - (x->vm < y->vm);
}

static gint compare_processes(gconstpointer a, gconstpointer b)
{
	const struct snap_process *x = ((const struct row *)a)->process;
	const struct snap_process *y = ((const struct row *)b)->process;
	double cx = isnan(x->cpu_usage) ? 0 : x->cpu_usage;
	double cy = isnan(y->cpu_usage) ? 0 : y->cpu_usage;
	uint64_t mx = x->memory == ABSENT ? 0 : x->memory, my = y->memory == ABSENT ? 0 : y->memory;

	if (cx != cy)
		return cx < cy ? 1 : -1;
	return (mx < my) - (mx > my);
}

void rows_processes(GArray *rows, const struct snap_vm *vm, bool sum, guint max)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct row));

	for (size_t i = 0; i < vm->processes.n; i++) {
		struct row row = {.kind = ROW_PROCESS, .vm = vm, .sum = sum};

		row.process = entities_at(&vm->processes, i);
		g_array_append_val(all, row);
	}
	g_array_sort(all, compare_processes);
	if (all->len)
		g_array_append_vals(rows, all->data, MIN(all->len, max));
}

static void add_children(GArray *rows, const struct row *parent)
{
	const struct snap_vm *vm = parent->vm;

	for (size_t i = 0; i < vm->cpus.n; i++) {
		struct row row = {.kind = ROW_VCPU, .vm = vm, .sum = parent->sum};

		row.vcpu = entities_at(&vm->cpus, i);
		g_array_append_val(rows, row);
	}
	for (size_t i = 0; i < vm->roles.n; i++) {
		struct row row = {.kind = ROW_ROLE, .vm = vm, .sum = parent->sum};

		row.role = entities_at(&vm->roles, i);
		g_array_append_val(rows, row);
	}
	rows_processes(rows, vm, parent->sum, ROW_PROCESSES);
}

void rows_build(GArray *rows, const struct kvmlens_snapshot *snapshot, const struct row_spec *spec)
{
	g_autoptr(GArray) vms = g_array_new(FALSE, FALSE, sizeof(struct row));
	g_autofree char *filter = NULL;

	if (spec->filter && *spec->filter)
		filter = g_utf8_casefold(spec->filter, -1);
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		struct row row = {.kind = ROW_VM, .sum = spec->sum};

		row.vm = entities_at(&snapshot->vms, i);
		row.expanded = spec->expand_all;
		if (spec->toggled && g_hash_table_contains(spec->toggled, row.vm->ident))
			row.expanded = !row.expanded;
		if (matches(row.vm, filter))
			g_array_append_val(vms, row);
	}
	g_array_sort_with_data(vms, compare_rows, (gpointer)spec);
	g_array_set_size(rows, 0);
	for (guint i = 0; i < vms->len; i++) {
		const struct row *row = &g_array_index(vms, struct row, i);

		g_array_append_val(rows, *row);
		if (row->expanded)
			add_children(rows, row);
	}
}
