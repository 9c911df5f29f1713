// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>
#include "tui/column.h"
#include "tui/display.h"
#include "tui/view.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

static struct view *new_view(void)
{
	struct top_options options;
	struct view *view;

	top_options_init(&options);
	view = view_new(&options);
	view->can_level = view->can_interval = true;
	return view;
}

static struct snap_vm *vm_at(struct kvmlens_snapshot *snapshot, unsigned i)
{
	return entities_at(&snapshot->vms, i);
}

/* VMs with these names and ready times; both end with NULL and are as long. */
static struct kvmlens_snapshot *snapshot_of(const char *const *names, const double *ready)
{
	struct fake_spec spec = {
		.vms = g_strv_length((char **)names), .vcpus = 2, .names = names, .tick = 2};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);

	for (unsigned i = 0; i < spec.vms; i++)
		vm_at(snapshot, i)->rate.ready = ready[i];
	return snapshot;
}

static struct frame *draw(struct view *view, int width, int height)
{
	struct frame *frame = frame_new(width, height, true);

	view_draw(view, frame);
	return frame;
}

/* The whole screen as text, for a short life. */
static char *screen(struct view *view, int width, int height)
{
	struct frame *frame = draw(view, width, height);
	char *text = frame_text(frame);

	frame_free(frame);
	return text;
}

static bool shows(struct view *view, const char *text)
{
	g_autofree char *all = screen(view, 80, 24);
	bool found = strstr(all, text);

	if (!found)
		fprintf(stderr, "no \"%s\" on\n%s\n", text, all);
	return found;
}

static bool hides(struct view *view, const char *text)
{
	g_autofree char *all = screen(view, 80, 24);

	return !strstr(all, text);
}

static void type(struct view *view, const char *text)
{
	for (; *text; text = g_utf8_next_char(text))
		view_key(view, g_utf8_get_char(text));
}

static const char *under_cursor(const struct view *view)
{
	const struct row *row = view_row(view);

	return row ? row_vm_name(row->vm) : "";
}

static const char *const abc[] = {"alpha", "beta", "gamma", NULL};
static const double ready_abc[] = {30, 20, 10};
static const double ready_cba[] = {10, 20, 30};

static void check_sizes(struct view *view);

static void add_aggressor(struct snap_vm *vm, const char *by, double percent)
{
	entities_alloc(&vm->aggressors, 1, sizeof(struct snap_aggressor));
	*(struct snap_aggressor *)vm->aggressors.v =
		(struct snap_aggressor){labels_new_one(vm->labels, "by", by), percent};
}

/* One VM alone: what it is short of, who takes it, how it stalled, what runs in it. */
static void test_vm_screen(void)
{
	struct kvmlens_snapshot *snapshot = snapshot_of(abc, ready_abc);
	struct snap_vm *vm = vm_at(snapshot, 0);
	struct snap_stall_event *stall;
	struct snap_process *process;
	struct view *view = new_view();

	add_aggressor(vm, "vm:be\x1b[2Jta", 25);
	entities_alloc(&vm->stall_events, 1, sizeof(*stall));
	stall = vm->stall_events.v;
	*stall = (struct snap_stall_event){.labels = labels_ref(vm->labels),
					   .cause = STALL_PAUSED,
					   .active = 1,
					   .began = 1700000000,
					   .seconds = 1.5,
					   .note = "seen so"};
	entities_alloc(&vm->processes, 1, sizeof(*process));
	process = vm->processes.v;
	process->labels = labels_new(
		vm->labels, (struct kvmlens_tag[]){{"pid", "42"}, {"comm", "postgres"}}, 2);
	process->cpu_usage = 12.5;
	process->memory = 64 << 20;
	view_set_snapshot(view, snapshot);
	view_key(view, 'w');
	CU_ASSERT(shows(view, "alpha: short of CPU."));
	CU_ASSERT(shows(view, "25.0          -  vm:be\xef\xbf\xbd[2Jta"));
	CU_ASSERT(shows(view, "1.5  paused, goes on: seen so"));
	view_key(view, VIEW_KEY_END);
	CU_ASSERT(shows(view, "      42   12.5      64M  postgres"));
	CU_ASSERT(shows(view, "q goes back"));
	check_sizes(view);
	view_key(view, 'q');
	CU_ASSERT(shows(view, "NAME"));
	CU_ASSERT_FALSE(view->quit);
	view_key(view, 'w');
	view_set_snapshot(view, snapshot_of((const char *const[]){NULL}, ready_abc));
	CU_ASSERT(shows(view, "alpha is gone"));
	CU_ASSERT_PTR_EQUAL(view->screen, &screen_table);
	view_free(view);
}

static void test_golden(void)
{
	static const char *const expected =
		"kvmlens  node-1  22:13:40  every 1 s  detail standard\n"
		"4 CPUs  3 VMs  6 vCPUs  1.50 vCPUs a CPU  by %RDY\n"
		"! not all is known: chain\n"
		"  NAME             STATE    vCPU %USED  %RUN  %RDY %STEAL AGGRESSOR         %HYP\n"
		"▸ alpha            running     2  14.5  10.0  30.0    1.0 25% vm:beta        1.0\n"
		"▾ beta             running     2  15.5  11.0  20.0    1.2                    1.1\n"
		"    vCPU 0         run            11.0  11.0   6.0    1.2                    1.1\n"
		"    vCPU 1         run            12.0  12.0   7.0    1.4                    1.2\n"
		"    emulator                       3.0   3.0   1.0\n"
		"    iothread x2                    3.0   3.0   1.0\n"
		"    vhost x3                       3.0   3.0   1.0\n"
		"▸ gamma            running     2  16.5  12.0  10.0    1.4                    1.2\n";
	struct view *view = new_view();
	g_autofree char *text = NULL;
	struct kvmlens_snapshot *snapshot = snapshot_of(abc, ready_abc);

	snapshot->level = KVMLENS_STANDARD;
	add_aggressor(vm_at(snapshot, 0), "vm:beta", 25);
	view_set_snapshot(view, snapshot);
	view_key(view, VIEW_KEY_DOWN);
	view_key(view, VIEW_KEY_ENTER);
	text = screen(view, 80, 24);
	CU_ASSERT(g_str_has_prefix(text, expected));
	if (!g_str_has_prefix(text, expected))
		fprintf(stderr, "%s\n", text);
	CU_ASSERT(g_str_has_suffix(text, "s interval"));
	view_free(view);
}

static void test_cursor_follows(void)
{
	struct view *view = new_view();

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	CU_ASSERT_STRING_EQUAL(under_cursor(view), "alpha");
	/* At the top it stays at the top ... */
	view_set_snapshot(view, snapshot_of(abc, ready_cba));
	CU_ASSERT_STRING_EQUAL(under_cursor(view), "gamma");
	/* ... elsewhere it stays with its VM. */
	view_key(view, VIEW_KEY_END);
	CU_ASSERT_STRING_EQUAL(under_cursor(view), "alpha");
	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	CU_ASSERT_STRING_EQUAL(under_cursor(view), "alpha");
	CU_ASSERT_EQUAL(view->cursor, 0);
	view_free(view);
}

static void test_vm_vanishes(void)
{
	static const double ready[] = {30, 20};
	struct kvmlens_snapshot *fewer;
	struct view *view = new_view();

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	view_key(view, VIEW_KEY_END);
	view_key(view, VIEW_KEY_RIGHT);
	view_key(view, VIEW_KEY_DOWN);
	CU_ASSERT_EQUAL(view_row(view)->kind, ROW_VCPU);
	CU_ASSERT_EQUAL(g_hash_table_size(view->spec.toggled), 1);
	fewer = snapshot_of((const char *const[]){"alpha", "beta", NULL}, ready);
	view_set_snapshot(view, fewer);
	CU_ASSERT(shows(view, "gamma is gone"));
	CU_ASSERT_STRING_EQUAL(under_cursor(view), "beta");
	CU_ASSERT_EQUAL(g_hash_table_size(view->spec.toggled), 0);
	for (unsigned i = 0; i < 4; i++)
		view_set_snapshot(view,
				  snapshot_of((const char *const[]){"alpha", "beta", NULL}, ready));
	CU_ASSERT(hides(view, "is gone"));
	view_message(view, "something else");
	view_key(view, VIEW_KEY_UP);
	CU_ASSERT(hides(view, "something else"));
	view_free(view);
}

/* A vCPU that is unplugged leaves the cursor with its VM. */
static void test_vcpu_vanishes(void)
{
	struct kvmlens_snapshot *snapshot;
	struct view *view = new_view();

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	view_key(view, ' ');
	view_key(view, VIEW_KEY_DOWN);
	view_key(view, VIEW_KEY_DOWN);
	CU_ASSERT_EQUAL(view_row(view)->vcpu->vcpu_id, 1);
	snapshot = snapshot_of(abc, ready_cba);
	((struct snap_vcpu *)entities_at(&vm_at(snapshot, 0)->cpus, 1))->vcpu_id = 7;
	view_set_snapshot(view, snapshot);
	CU_ASSERT_EQUAL(view_row(view)->kind, ROW_VM);
	CU_ASSERT_STRING_EQUAL(under_cursor(view), "alpha");
	CU_ASSERT_PTR_NULL(view->message);
	view_free(view);
}

static void test_expand_keys(void)
{
	struct view *view = new_view();

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	view_key(view, VIEW_KEY_LEFT);
	CU_ASSERT_EQUAL(view->rows->len, 3);
	view_key(view, VIEW_KEY_RIGHT);
	view_key(view, VIEW_KEY_RIGHT);
	CU_ASSERT_EQUAL(view->rows->len, 8);
	/* From one of its threads, Left closes the VM and goes to it. */
	view_key(view, VIEW_KEY_DOWN);
	view_key(view, VIEW_KEY_LEFT);
	CU_ASSERT_EQUAL(view->rows->len, 3);
	CU_ASSERT_STRING_EQUAL(under_cursor(view), "alpha");
	view_key(view, 'e');
	CU_ASSERT_EQUAL(view->rows->len, 18);
	view_key(view, ' ');
	CU_ASSERT_EQUAL(view->rows->len, 13);
	view_key(view, 'e');
	CU_ASSERT_EQUAL(view->rows->len, 3);
	view_free(view);
}

static void test_sort_keys(void)
{
	struct view *view = new_view();

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	g_free(screen(view, 80, 24));
	view_key(view, 'N');
	CU_ASSERT_PTR_EQUAL(view->spec.sort, column_find("NAME"));
	view_key(view, '>');
	CU_ASSERT_PTR_EQUAL(view->spec.sort, column_find("STATE"));
	view_key(view, '<');
	view_key(view, '<');
	CU_ASSERT_PTR_EQUAL(view->spec.sort, column_find("NAME"));
	view_key(view, 'r');
	CU_ASSERT_STRING_EQUAL(under_cursor(view), "gamma");
	CU_ASSERT(shows(view, "by NAME, reversed"));
	view_key(view, 'a');
	CU_ASSERT(view->spec.sum);
	CU_ASSERT(shows(view, "sum of vCPUs"));
	view_free(view);
}

static void test_filter(void)
{
	struct view *view = new_view();

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	type(view, "/ga");
	CU_ASSERT_EQUAL(view->rows->len, 1);
	CU_ASSERT_STRING_EQUAL(under_cursor(view), "gamma");
	CU_ASSERT(shows(view, "Part of the VM's name: ga"));
	type(view, "q");
	CU_ASSERT(!view->quit);
	CU_ASSERT(shows(view, "No VM's name has or is like \"gaq\""));
	view_key(view, VIEW_KEY_BACKSPACE);
	view_key(view, VIEW_KEY_ENTER);
	CU_ASSERT(shows(view, "only \"ga\""));
	CU_ASSERT_EQUAL(view->rows->len, 1);
	view_key(view, VIEW_KEY_ESC);
	CU_ASSERT_EQUAL(view->rows->len, 3);
	type(view, "/alp\x1b");
	CU_ASSERT_EQUAL(view->rows->len, 3);
	CU_ASSERT_PTR_NULL(view->prompt);
	view_free(view);
}

/* What is typed is foreign too, and as long as somebody leans on a key. */
static void test_filter_hostile(void)
{
	struct view *view = new_view();

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	type(view, "/日本");
	view_key(view, VIEW_KEY_BACKSPACE);
	CU_ASSERT_STRING_EQUAL(view->filter->str, "日");
	for (int i = 0; i < 1000; i++)
		view_key(view, i % 2 ? 'x' : 0x202e);
	view_key(view, VIEW_KEY_UP);
	CU_ASSERT(view->filter->len < 100);
	CU_ASSERT_PTR_NULL(strstr(view->filter->str, "\xe2\x80\xae"));
	CU_ASSERT(g_utf8_validate(view->filter->str, -1, NULL));
	for (int i = 0; i < 1000; i++)
		view_key(view, VIEW_KEY_BACKSPACE);
	CU_ASSERT_EQUAL(view->filter->len, 0);
	view_free(view);
}

static void test_level(void)
{
	struct kvmlens_snapshot *snapshot = snapshot_of(abc, ready_abc);
	struct view *view = new_view();

	view_key(view, '+');
	CU_ASSERT_EQUAL(view->ask_level, -1);
	snapshot->level = KVMLENS_DETAILED;
	view_set_snapshot(view, snapshot);
	view_key(view, '+');
	CU_ASSERT_EQUAL(view->ask_level, KVMLENS_DIAGNOSTIC);
	view_key(view, '+');
	CU_ASSERT_EQUAL(view->ask_level, KVMLENS_DIAGNOSTIC);
	CU_ASSERT(shows(view, "no higher"));
	view->ask_level = -1;
	view_key(view, '-');
	CU_ASSERT_EQUAL(view->ask_level, KVMLENS_STANDARD);
	view->ask_level = -1;
	view->can_level = false;
	view_key(view, '-');
	CU_ASSERT_EQUAL(view->ask_level, -1);
	CU_ASSERT(shows(view, "cannot be changed"));
	view_free(view);
}

static void test_interval(void)
{
	static const struct {
		const char *typed;
		unsigned ms;
	} cases[] = {{"2", 2000},	{"0.5", 500}, {"0.01", 0}, {"nan", 0}, {"1e99", 0},
		     {"3600", 3600000}, {"5x", 0},    {"-1", 0},   {"", 0}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct view *view = new_view();

		view_set_snapshot(view, snapshot_of(abc, ready_abc));
		view_key(view, 's');
		type(view, cases[i].typed);
		view_key(view, VIEW_KEY_ENTER);
		CU_ASSERT_EQUAL(view->ask_interval_ms, cases[i].ms);
		CU_ASSERT_EQUAL(view->interval_ms, cases[i].ms ? cases[i].ms : 1000);
		view_free(view);
	}
}

static void test_other_keys(void)
{
	struct view *view = new_view();

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	view_key(view, 'p');
	CU_ASSERT(shows(view, "FROZEN"));
	view_key(view, '?');
	CU_ASSERT_PTR_EQUAL(view->screen, &screen_help);
	view_key(view, 'q');
	CU_ASSERT_PTR_EQUAL(view->screen, &screen_table);
	CU_ASSERT(!view->quit);
	view_key(view, 'q');
	CU_ASSERT(view->quit);
	view->quit = false;
	/* Ctrl-C quits from wherever one is. */
	type(view, "/abc\x03");
	CU_ASSERT(view->quit);
	view_free(view);
}

static void test_help(void)
{
	struct view *view = new_view();
	g_autoptr(GString) all = g_string_new(NULL);

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	view_key(view, 'h');
	for (int page = 0; page < 10; page++) {
		g_autofree char *text = screen(view, 80, 24);

		g_string_append(all, text);
		view_key(view, VIEW_KEY_PAGE_DOWN);
	}
	for (size_t i = 0; i < n_columns; i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(all->str, columns[i].title));
	/* Nothing in it is too long for 80 columns. */
	CU_ASSERT_PTR_NULL(strstr(all->str, "…"));
	view_key(view, VIEW_KEY_END);
	CU_ASSERT(shows(view, "a value that nobody knows"));
	view_key(view, VIEW_KEY_HOME);
	CU_ASSERT(shows(view, "Keys"));
	view_free(view);
}

static void test_scroll(void)
{
	struct kvmlens_snapshot *snapshot =
		fake_snapshot(&(struct fake_spec){.vms = 200, .vcpus = 8, .tick = 2});
	struct view *view = new_view();

	view_set_snapshot(view, snapshot);
	view_key(view, 'N');
	CU_ASSERT(shows(view, "vm-0000"));
	CU_ASSERT(shows(view, "1-19 of 200"));
	view_key(view, VIEW_KEY_PAGE_DOWN);
	CU_ASSERT(shows(view, "vm-0018"));
	view_key(view, VIEW_KEY_END);
	CU_ASSERT(shows(view, "182-200 of 200"));
	CU_ASSERT(shows(view, "vm-0199"));
	/* A screen that grows shows more of the end. */
	g_free(screen(view, 80, 60));
	CU_ASSERT_EQUAL(view->first, 200 - view->page);
	view_key(view, VIEW_KEY_HOME);
	CU_ASSERT(shows(view, "1-19 of 200"));
	view_free(view);
}

static void test_no_vms(void)
{
	struct kvmlens_snapshot *snapshot = fake_snapshot(&(struct fake_spec){.tick = 2});
	struct snap_provider *provider = entities_at(&snapshot->providers, 0);
	struct view *view = new_view();

	CU_ASSERT(shows(view, "Waiting for the first tick"));
	view_set_snapshot(view, snapshot);
	CU_ASSERT(shows(view, "No VM is running"));
	CU_ASSERT(shows(view, "libvirt: answers, and knows of 0 running"));
	provider->up = 0;
	CU_ASSERT(shows(view, "libvirt: no answer"));
	CU_ASSERT(shows(view, "! libvirt has not answered for 0 s"));
	provider->age = NAN;
	CU_ASSERT(hides(view, "! libvirt"));
	for (int key = 0; key < 128; key++)
		if (key != 'q' && key != 3)
			view_key(view, key);
	for (int key = VIEW_KEY_UP; key <= VIEW_KEY_END; key++)
		view_key(view, key);
	view_free(view);
}

static void test_first_tick(void)
{
	struct kvmlens_snapshot *snapshot = snapshot_of(abc, ready_abc);
	struct cpu_rates none = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	struct view *view = new_view();

	for (unsigned i = 0; i < 3; i++) {
		vm_at(snapshot, i)->rate = none;
		for (unsigned j = 0; j < 3; j++)
			((struct snap_role *)entities_at(&vm_at(snapshot, i)->roles, j))->usage =
				NAN;
	}
	view_set_snapshot(view, snapshot);
	CU_ASSERT(shows(
		view,
		"alpha            running     2     -     -     -      - -                    -"));
	view_free(view);
}

static void test_stale(void)
{
	struct view *view = new_view();

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	view->now_ns = view->snapshot->mono_ns + 4000000000ull;
	CU_ASSERT(hides(view, "stuck"));
	view->now_ns = view->snapshot->mono_ns + 9000000000ull;
	CU_ASSERT(shows(view, "no new numbers for 9 s"));
	view_free(view);
}

/* A provider that is down is one problem, however many VMs it had. */
static void test_sources(void)
{
	struct kvmlens_snapshot *snapshot = snapshot_of(abc, ready_abc);
	struct snap_provider *provider = entities_at(&snapshot->providers, 0);
	struct view *view = new_view();

	provider->up = 0;
	provider->age = 34;
	for (unsigned i = 0; i < 3; i++)
		((struct snap_source *)entities_at(&vm_at(snapshot, i)->sources, 1))->up = 0;
	view_set_snapshot(view, snapshot);
	CU_ASSERT(shows(view, "! libvirt has not answered for 34 s"));
	CU_ASSERT(hides(view, "no values from"));
	((struct snap_source *)entities_at(&vm_at(snapshot, 1)->sources, 0))->up = 0;
	CU_ASSERT(shows(view, "no values from the bpf of beta"));
	((struct snap_source *)entities_at(&vm_at(snapshot, 2)->sources, 0))->up = 0;
	CU_ASSERT(shows(view, "no values from the bpf of beta, and from 1 other source"));
	view_free(view);
}

static void test_essentials(void)
{
	struct kvmlens_snapshot *snapshot = snapshot_of(abc, ready_abc);
	struct snap_feature *feature = entities_at(&snapshot->features, 0);
	struct view *view = new_view();

	view_set_snapshot(view, snapshot);
	feature->ok = 0;
	feature->why = "not today";
	CU_ASSERT(hides(view, "lesser numbers"));
	view_key(view, '?');
	view_key(view, VIEW_KEY_END);
	CU_ASSERT(shows(view, "tp_btf: not today"));
	view_key(view, 'q');
	labels_unref(feature->labels);
	feature->labels = labels_new_one(NULL, "feature", "sched");
	CU_ASSERT(shows(view, "! lesser numbers, from /proc: without sched (not today)"));
	view_free(view);
}

static void test_nameless(void)
{
	struct kvmlens_snapshot *snapshot = snapshot_of(abc, ready_abc);
	struct view *view = new_view();

	vm_at(snapshot, 0)->vcpus = 0;
	view_set_snapshot(view, snapshot);
	CU_ASSERT(shows(view, "▸ alpha            running     -"));
	CU_ASSERT(hides(view, "no vCPUs known"));
	vm_at(snapshot, 0)->ident->tcg = true;
	CU_ASSERT(shows(view, "! no vCPUs known of 1 emulated VM: QEMU needs -name "
			      "NAME,debug-threads=on\n"));
	view_free(view);
}

/* A loss is told for a minute, and stays on the help screen. */
static void test_losses(void)
{
	struct kvmlens_snapshot *snapshot = snapshot_of(abc, ready_abc);
	struct view *view = new_view();

	view_set_snapshot(view, snapshot);
	CU_ASSERT(shows(view, "! not all is known: chain"));
	snapshot = snapshot_of(abc, ready_abc);
	snapshot->mono_ns += 61000000000ull;
	view_set_snapshot(view, snapshot);
	CU_ASSERT(hides(view, "not all is known"));
	view_key(view, '?');
	view_key(view, VIEW_KEY_END);
	CU_ASSERT(shows(view, "lost since the start: chain 1"));
	view_key(view, 'q');
	snapshot = snapshot_of(abc, ready_abc);
	snapshot->mono_ns += 62000000000ull;
	((struct snap_loss *)entities_at(&snapshot->losses, 0))->count = 7;
	view_set_snapshot(view, snapshot);
	CU_ASSERT(shows(view, "! not all is known: ring_full; chain"));
	view_free(view);
}

/*
 * Of all widths: what does not run stands first and is marked, its alert is the first one named,
 * and no banner ends inside a word.
 */
static void test_incident(void)
{
	static const char *const names[] = {"alpha", "beta", "gamma", "delta", NULL};
	static const double ready[] = {40, 30, 20, 10};
	struct kvmlens_snapshot *snapshot = snapshot_of(names, ready);
	struct view *view = new_view();

	vm_at(snapshot, 3)->stall.active = 1;
	vm_at(snapshot, 3)->stall.last_cause = STALL_SIGSTOP;
	vm_at(snapshot, 2)->state = KVMLENS_VM_PAUSED;
	view_set_snapshot(view, snapshot);
	for (int width = 24; width <= 200; width++) {
		g_autofree char *text = screen(view, width, 24);
		g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
		const char *at = strstr(text, "!delta"), *next = strstr(text, "!gamma");
		const char *other = strstr(text, " alpha");

		CU_ASSERT_TRUE_FATAL(at && next && other);
		CU_ASSERT_TRUE(at < next && next < other);
		CU_ASSERT_TRUE(width < 60 || strstr(at, "STOPPED"));
		CU_ASSERT_TRUE(width < 60 || strstr(next, "paused"));
		CU_ASSERT_TRUE(g_str_has_prefix(lines[2], "! delta"));
		CU_ASSERT_TRUE(g_str_has_suffix(lines[2], "delta stands still") ||
			       g_str_has_suffix(lines[2], " ..."));
	}
	view_free(view);
}

static void test_marks(void)
{
	struct view *view = new_view();

	view->marks = true;
	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	CU_ASSERT(shows(view, "30.0!"));
	CU_ASSERT(shows(view, "10.0!"));
	view_free(view);
}

/* Nothing that is drawn leaves the screen, overlaps, or could steer the terminal. */
static void check_frame(const struct frame *frame)
{
	for (guint i = 0; i < frame->spans->len; i++) {
		const struct span *span = &g_array_index(frame->spans, struct span, i);
		g_autofree char *clean = display_clean(span->text, frame->utf8);

		CU_ASSERT(span->row >= 0 && span->row < frame->height);
		CU_ASSERT(span->col >= 0);
		CU_ASSERT(span->col + display_width(span->text) <= frame->width);
		CU_ASSERT_STRING_EQUAL(clean, span->text);
	}
	for (int row = 0; row < frame->height; row++) {
		g_autofree char *text = frame_row_text(frame, row);

		/* Text that overlapped would push what follows to the right. */
		CU_ASSERT(display_width(text) <= frame->width);
		if (display_width(text) > frame->width)
			fprintf(stderr, "row %d of %dx%d: \"%s\"\n", row, frame->width,
				frame->height, text);
	}
}

static void check_sizes(struct view *view)
{
	static const int widths[] = {1, 5, 19, 20, 33, 40, 79, 80, 100, 132, 200, 400};
	static const int heights[] = {1, 2, 3, 4, 5, 8, 9, 16, 24, 70};

	for (size_t w = 0; w < G_N_ELEMENTS(widths); w++) {
		for (size_t h = 0; h < G_N_ELEMENTS(heights); h++) {
			struct frame *frame = frame_new(widths[w], heights[h], (w + h) % 2);

			view_draw(view, frame);
			check_frame(frame);
			frame_free(frame);
		}
	}
}

static void test_hostile_at_all_sizes(void)
{
	const char *const *names = fake_hostile_names_all();
	struct fake_spec spec = {.vcpus = 2, .names = names, .tick = 2};
	struct view *view = new_view();

	spec.vms = g_strv_length((char **)names);
	check_sizes(view);
	view_set_snapshot(view, fake_snapshot(&(struct fake_spec){.tick = 2}));
	check_sizes(view);
	view_set_snapshot(view, fake_snapshot(&spec));
	view->marks = true;
	check_sizes(view);
	view_key(view, 'e');
	view_key(view, VIEW_KEY_END);
	check_sizes(view);
	type(view, "/");
	type(view, "日本 very long filter that nothing matches");
	check_sizes(view);
	view_key(view, VIEW_KEY_ESC);
	view_message(view, "escape \x1b[2J in a very long message %060d", 1);
	check_sizes(view);
	view_key(view, '?');
	check_sizes(view);
	view_free(view);
}

static void test_tiny(void)
{
	struct view *view = new_view();
	g_autofree char *text = NULL;

	view_set_snapshot(view, snapshot_of(abc, ready_abc));
	text = screen(view, 20, 5);
	CU_ASSERT_STRING_EQUAL(text, "!1  node-1  22:13:40\n"
				     "  NAME          %RDY\n"
				     "▸ alpha         30.0\n"
				     "▸ beta          20.0\n"
				     "▸ gamma         10.0");
	view_free(view);
}

int main(void)
{
	CU_TestInfo tests[] = {{"golden", test_golden},
			       {"vm_screen", test_vm_screen},
			       {"cursor_follows", test_cursor_follows},
			       {"vm_vanishes", test_vm_vanishes},
			       {"vcpu_vanishes", test_vcpu_vanishes},
			       {"expand_keys", test_expand_keys},
			       {"sort_keys", test_sort_keys},
			       {"filter", test_filter},
			       {"filter_hostile", test_filter_hostile},
			       {"level", test_level},
			       {"interval", test_interval},
			       {"other_keys", test_other_keys},
			       {"help", test_help},
			       {"scroll", test_scroll},
			       {"no_vms", test_no_vms},
			       {"first_tick", test_first_tick},
			       {"stale", test_stale},
			       {"sources", test_sources},
			       {"essentials", test_essentials},
			       {"nameless", test_nameless},
			       {"losses", test_losses},
			       {"an incident, at every width", test_incident},
			       {"marks", test_marks},
			       {"hostile_at_all_sizes", test_hostile_at_all_sizes},
			       {"tiny", test_tiny},
			       CU_TEST_INFO_NULL};

	g_setenv("TZ", "UTC", TRUE);
	return suite_run("top_view", tests);
}
