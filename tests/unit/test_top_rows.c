// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>
#include "tui/column.h"
#include "tui/row.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

static struct snap_vm *vm_at(struct kvmlens_snapshot *snapshot, unsigned i)
{
	return entities_at(&snapshot->vms, i);
}

static const struct row *row_at(GArray *rows, unsigned i)
{
	return &g_array_index(rows, struct row, i);
}

static struct kvmlens_snapshot *three_vms(void)
{
	static const char *const names[] = {"alpha", "beta", "Gamma", NULL};
	struct kvmlens_snapshot *snapshot =
		fake_snapshot(&(struct fake_spec){.vms = 3, .vcpus = 2, .names = names, .tick = 2});

	vm_at(snapshot, 0)->rate.ready = 1;
	vm_at(snapshot, 1)->rate.ready = 30;
	vm_at(snapshot, 2)->rate.ready = 20;
	return snapshot;
}

/* The names of the VM rows, in order. */
static char *order(GArray *rows)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < rows->len; i++)
		if (row_at(rows, i)->kind == ROW_VM)
			g_string_append_printf(text, "%s ", row_vm_name(row_at(rows, i)->vm));
	return g_string_free(text, FALSE);
}

static void check_order(const struct kvmlens_snapshot *snapshot, const struct row_spec *spec,
			const char *expected)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct row));
	g_autofree char *got = NULL;

	rows_build(rows, snapshot, spec);
	got = order(rows);
	CU_ASSERT_STRING_EQUAL(got, expected);
}

static void test_sort(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	struct row_spec spec = {.sort = column_default()};

	check_order(snapshot, &spec, "beta Gamma alpha ");
	spec.reverse = true;
	check_order(snapshot, &spec, "alpha Gamma beta ");
	spec.sort = column_find("name");
	check_order(snapshot, &spec, "beta alpha Gamma ");
	spec.reverse = false;
	check_order(snapshot, &spec, "Gamma alpha beta ");
	kvmlens_snapshot_unref(snapshot);
}

static void test_sort_absent_last(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	struct row_spec spec = {.sort = column_default()};

	vm_at(snapshot, 1)->rate.ready = NAN;
	check_order(snapshot, &spec, "Gamma alpha beta ");
	spec.reverse = true;
	check_order(snapshot, &spec, "alpha Gamma beta ");
	kvmlens_snapshot_unref(snapshot);
}

static void test_sort_ties_by_name(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	struct row_spec spec = {.sort = column_find("vCPU")};

	check_order(snapshot, &spec, "Gamma alpha beta ");
	kvmlens_snapshot_unref(snapshot);
}

static void test_sort_by_sum(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	struct row_spec spec = {.sort = column_default(), .sum = true};

	/* 8 x 20 is more than 2 x 30. */
	vm_at(snapshot, 2)->vcpus = 8;
	check_order(snapshot, &spec, "Gamma beta alpha ");
	kvmlens_snapshot_unref(snapshot);
}

static void test_filter(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	struct row_spec spec = {.sort = column_default(), .filter = "A"};

	check_order(snapshot, &spec, "beta Gamma alpha ");
	spec.filter = "gam";
	check_order(snapshot, &spec, "Gamma ");
	spec.filter = "*A";
	check_order(snapshot, &spec, "beta Gamma alpha ");
	spec.filter = "?eta";
	check_order(snapshot, &spec, "beta ");
	spec.filter = "";
	check_order(snapshot, &spec, "beta Gamma alpha ");
	spec.filter = "no such";
	check_order(snapshot, &spec, "");
	kvmlens_snapshot_unref(snapshot);
}

static void test_expand(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct row));
	g_autoptr(GHashTable) toggled = row_ident_set();
	struct row_spec spec = {.sort = column_default(), .toggled = toggled};

	g_hash_table_add(toggled, vm_ident_ref(vm_at(snapshot, 2)->ident));
	rows_build(rows, snapshot, &spec);
	/* beta, Gamma, its 2 vCPUs and 3 roles, alpha */
	CU_ASSERT_EQUAL_FATAL(rows->len, 8);
	CU_ASSERT(row_at(rows, 1)->expanded);
	CU_ASSERT_EQUAL(row_at(rows, 2)->kind, ROW_VCPU);
	CU_ASSERT_EQUAL(row_at(rows, 3)->vcpu->vcpu_id, 1);
	CU_ASSERT_EQUAL(row_at(rows, 6)->kind, ROW_ROLE);
	CU_ASSERT_EQUAL(row_at(rows, 7)->vm, vm_at(snapshot, 0));
	spec.expand_all = true;
	rows_build(rows, snapshot, &spec);
	CU_ASSERT_EQUAL(rows->len, 2 * 6 + 1);
	kvmlens_snapshot_unref(snapshot);
}

static void test_same(void)
{
	struct kvmlens_snapshot *a = three_vms();
	struct kvmlens_snapshot *b = three_vms();
	struct row x = {.kind = ROW_VM, .vm = vm_at(a, 1)};
	struct row y = {.kind = ROW_VM, .vm = vm_at(b, 1)};

	CU_ASSERT(row_same(&x, &y));
	CU_ASSERT_EQUAL(row_ident_hash(x.vm->ident), row_ident_hash(y.vm->ident));
	/* The same name and uuid in another process is another VM. */
	vm_at(b, 1)->ident->pid++;
	CU_ASSERT(!row_same(&x, &y));
	vm_at(b, 1)->ident->pid--;
	x.kind = y.kind = ROW_VCPU;
	x.vcpu = entities_at(&x.vm->cpus, 0);
	y.vcpu = entities_at(&y.vm->cpus, 1);
	CU_ASSERT(!row_same(&x, &y));
	y.vcpu = entities_at(&y.vm->cpus, 0);
	CU_ASSERT(row_same(&x, &y));
	kvmlens_snapshot_unref(a);
	kvmlens_snapshot_unref(b);
}

static void check_cell(const char *title, const struct row *row, const char *expected)
{
	char buf[256];

	column_cell(column_find(title), row, buf, sizeof(buf));
	CU_ASSERT_STRING_EQUAL(buf, expected);
}

static void test_cells(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	struct row row = {.kind = ROW_VM, .vm = vm_at(snapshot, 1)};

	/* usage is 11; three roles of 3 percent of a CPU over two vCPUs are 4.5 more. */
	check_cell("%RUN", &row, "11.0");
	check_cell("%USED", &row, "15.5");
	check_cell("RDY", &row, "30.0");
	check_cell("vcpu", &row, "2");
	check_cell("STATE", &row, "running");
	check_cell("UUID", &row, "00000000-0000-4000-8000-000000000001");
	row.sum = true;
	check_cell("%RUN", &row, "22.0");
	check_cell("%USED", &row, "31.0");
	check_cell("MIG/s", &row, "1.5");
	kvmlens_snapshot_unref(snapshot);
}

static void test_cells_of_children(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	struct row row = {.kind = ROW_VCPU, .vm = vm_at(snapshot, 1), .sum = true};

	row.vcpu = entities_at(&row.vm->cpus, 1);
	check_cell("%RUN", &row, "12.0");
	check_cell("vCPU", &row, "");
	check_cell("STATE", &row, "run");
	check_cell("CPU", &row, "1");
	row.kind = ROW_ROLE;
	row.role = entities_at(&row.vm->roles, 0);
	check_cell("%USED", &row, "3.0");
	check_cell("%RDY", &row, "1.0");
	check_cell("%STEAL", &row, "");
	check_cell("STATE", &row, "");
	kvmlens_snapshot_unref(snapshot);
}

/* What nobody knows is "-", never a zero. */
static void test_absent(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	struct row row = {.kind = ROW_VM, .vm = vm_at(snapshot, 0)};
	struct cpu_rates *rate = &vm_at(snapshot, 0)->rate;

	*rate = (struct cpu_rates){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	vm_at(snapshot, 0)->vcpus = ABSENT;
	for (size_t i = 1; i < n_columns; i++)
		if (columns[i].number && strcmp(columns[i].title, "PID") &&
		    strcmp(columns[i].title, "CPU"))
			check_cell(columns[i].title, &row, "-");
	kvmlens_snapshot_unref(snapshot);
}

static void test_tones(void)
{
	struct kvmlens_snapshot *snapshot = three_vms();
	struct row row = {.kind = ROW_VM, .vm = vm_at(snapshot, 0), .sum = true};
	double *ready = &vm_at(snapshot, 0)->rate.ready;
	const struct column *column = column_default();

	*ready = 4.9;
	CU_ASSERT_EQUAL(column_tone(column, &row), TONE_NORMAL);
	*ready = 5;
	CU_ASSERT_EQUAL(column_tone(column, &row), TONE_WARN);
	*ready = 10;
	CU_ASSERT_EQUAL(column_tone(column, &row), TONE_CRIT);
	*ready = NAN;
	CU_ASSERT_EQUAL(column_tone(column, &row), TONE_NORMAL);
	kvmlens_snapshot_unref(snapshot);
}

static void test_table_is_sound(void)
{
	for (size_t i = 0; i < n_columns; i++) {
		const struct column *c = &columns[i];

		CU_ASSERT_EQUAL(!c->number, !!c->text);
		CU_ASSERT_EQUAL(!c->number, !c->format && !c->write);
		CU_ASSERT(!c->format || !c->write);
		CU_ASSERT(strlen(c->title) <= (size_t)c->width);
		CU_ASSERT(strlen(c->help) > 0);
		CU_ASSERT(g_ascii_isupper(c->key));
		CU_ASSERT_EQUAL(column_by_key(c->key), c);
		CU_ASSERT_EQUAL(column_find(c->title), c);
	}
	CU_ASSERT_PTR_NULL(column_find("no such"));
	CU_ASSERT_PTR_NULL(column_find(""));
	CU_ASSERT_PTR_NULL(column_by_key('q'));
}

static void test_columns_fit(void)
{
	for (int terminal = 20; terminal < 300; terminal++) {
		int width = columns[0].width;

		for (size_t i = 1; i < n_columns; i++)
			if (columns[i].min_terminal <= terminal)
				width += columns[i].width + 1;
		CU_ASSERT(width <= terminal);
	}
}

/* The columns that the documentation promises for 80 columns. */
static void test_columns_at_80(void)
{
	static const char *const titles[] = {"NAME", "STATE",  "vCPU",	    "%USED", "%RUN",
					     "%RDY", "%STEAL", "AGGRESSOR", "%HYP"};
	size_t n = 0;

	for (size_t i = 0; i < n_columns; i++) {
		if (columns[i].min_terminal > 80)
			continue;
		CU_ASSERT_FATAL(n < G_N_ELEMENTS(titles));
		CU_ASSERT_STRING_EQUAL(columns[i].title, titles[n]);
		n++;
	}
	CU_ASSERT_EQUAL(n, G_N_ELEMENTS(titles));
}

static void test_step(void)
{
	const struct column *name = column_find("NAME"), *wake = column_find("p99-wake");

	CU_ASSERT_EQUAL(column_step(name, 1, 80), column_find("STATE"));
	CU_ASSERT_EQUAL(column_step(name, 1, 20), column_find("%RDY"));
	CU_ASSERT_EQUAL(column_step(name, -1, 80), name);
	CU_ASSERT_EQUAL(column_step(wake, 1, 80), wake);
	CU_ASSERT_EQUAL(column_step(wake, 1, 97), column_find("MIG/s"));
}

int main(void)
{
	CU_TestInfo tests[] = {{"sort", test_sort},
			       {"sort_absent_last", test_sort_absent_last},
			       {"sort_ties_by_name", test_sort_ties_by_name},
			       {"sort_by_sum", test_sort_by_sum},
			       {"filter", test_filter},
			       {"expand", test_expand},
			       {"same", test_same},
			       {"cells", test_cells},
			       {"cells_of_children", test_cells_of_children},
			       {"absent", test_absent},
			       {"tones", test_tones},
			       {"table_is_sound", test_table_is_sound},
			       {"columns_fit", test_columns_fit},
			       {"columns_at_80", test_columns_at_80},
			       {"step", test_step},
			       CU_TEST_INFO_NULL};

	return suite_run("top_rows", tests);
}
