// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tui/column.h"
#include "tui/display.h"

/* A place in the table that has no meaning, unlike NAN, which is a value nobody knows. */
#define BLANK (-INFINITY)

static const struct cpu_rates *rates(const struct row *row)
{
	if (row->kind == ROW_VM)
		return &row->vm->rate;
	return row->kind == ROW_VCPU ? &row->vcpu->rate : NULL;
}

#define RATE(name, field)                                  \
	static double name(const struct row *row)          \
	{                                                  \
		const struct cpu_rates *rate = rates(row); \
                                                           \
		return rate ? rate->field : BLANK;         \
	}

RATE(steal, steal)
RATE(wake, wake)
RATE(guest, guest)
RATE(hypervisor, hypervisor)
RATE(halted, halted)
RATE(wake_p50, wake_p50_ms)
RATE(wake_p99, wake_p99_ms)
RATE(migrations, migrations)
RATE(preempts, preempts)
RATE(switches, switches)
RATE(exits, exits)

static double run(const struct row *row)
{
	if (row->kind == ROW_PROCESS)
		return row->process->cpu_usage;
	return row->kind == ROW_ROLE ? row->role->usage : rates(row)->usage;
}

static double ready(const struct row *row)
{
	if (row->kind == ROW_PROCESS)
		return BLANK;
	return row->kind == ROW_ROLE ? row->role->ready_percent : rates(row)->ready;
}

/* Like esxtop's: what runs on the VM's behalf outside of its vCPUs counts too. */
static double used(const struct row *row)
{
	const struct snap_vm *vm = row->vm;
	double others = 0;

	if (row->kind != ROW_VM || vm->vcpus == ABSENT || vm->vcpus == 0)
		return run(row);
	for (size_t i = 0; i < vm->roles.n; i++) {
		const struct snap_role *role = entities_at(&vm->roles, i);

		if (!isnan(role->usage))
			others += role->usage;
	}
	return vm->rate.usage + others / vm->vcpus;
}

static double absent_as_nan(uint64_t n)
{
	return n == ABSENT ? NAN : n;
}

/* There is no VM without a vCPU: none found means that nobody knows. */
static double vcpus(const struct row *row)
{
	if (row->kind != ROW_VM)
		return BLANK;
	return row->vm->vcpus ? absent_as_nan(row->vm->vcpus) : NAN;
}

static double last_cpu(const struct row *row)
{
	return row->kind == ROW_VCPU ? row->vcpu->cpu : BLANK;
}

static double id(const struct row *row)
{
	pid_t pid = row->kind == ROW_VM ? row->vm->ident->pid : 0;

	if (row->kind == ROW_VCPU)
		pid = row->vcpu->tid;
	if (row->kind == ROW_PROCESS)
		return g_ascii_strtod(labels_get(row->process->labels, "pid") ?: "0", NULL);
	if (pid > 0)
		return pid;
	return row->kind == ROW_ROLE ? BLANK : NAN;
}

static const char *name(const struct row *row)
{
	return row_vm_name(row->vm);
}

static const char *vm_state(const struct snap_vm *vm)
{
	static const char *const names[] = {
		[KVMLENS_VM_UNKNOWN] = "-",	   [KVMLENS_VM_RUNNING] = "running",
		[KVMLENS_VM_PAUSED] = "paused",	   [KVMLENS_VM_SHUTDOWN] = "shutdown",
		[KVMLENS_VM_OFF] = "off",	   [KVMLENS_VM_CRASHED] = "crashed",
		[KVMLENS_VM_SUSPENDED] = "asleep", [KVMLENS_VM_MIGRATING] = "incoming",
	};

	if (vm->stall.active == 1)
		return vm->stall.last_cause == STALL_SIGSTOP ? "STOPPED" : "STALLED";
	/* Without a provider's word, all that is known is whether the process lives. */
	if (vm->state == KVMLENS_VM_UNKNOWN && vm->up == 1)
		return "up";
	return (size_t)vm->state < G_N_ELEMENTS(names) ? names[vm->state] : "-";
}

static const char *state(const struct row *row)
{
	static const char *const names[] = {
		[SCHED_STATE_UNKNOWN] = "-",	   [SCHED_STATE_RUNNING] = "run",
		[SCHED_STATE_PREEMPTED] = "ready", [SCHED_STATE_HALTED] = "halted",
		[SCHED_STATE_BLOCKED] = "blocked",
	};

	if (row->kind == ROW_VM)
		return vm_state(row->vm);
	if (row->kind != ROW_VCPU)
		return NULL;
	return row->vcpu->state < G_N_ELEMENTS(names) ? names[row->vcpu->state] : "-";
}

/* Who took the most of the VM's time in the last interval. */
static const struct snap_aggressor *first_aggressor(const struct row *row)
{
	if (row->kind != ROW_VM || !row->vm->aggressors.n)
		return NULL;
	return entities_at(&row->vm->aggressors, 0);
}

static double aggressor(const struct row *row)
{
	const struct snap_aggressor *a = first_aggressor(row);

	if (row->kind != ROW_VM)
		return BLANK;
	return a ? a->percent : NAN;
}

/* Below what is worth a look nobody is accused. The name gives way to the number. */
#define AGGRESSOR_WIDTH 16
#define AGGRESSOR_LEAST 1.0

static void write_aggressor(const struct row *row, char *buf, size_t size)
{
	const struct snap_aggressor *a = first_aggressor(row);
	g_autofree char *name = NULL;
	const char *by;

	g_strlcpy(buf, row->kind == ROW_VM && isnan(row->vm->rate.ready) ? "-" : "", size);
	if (!a || !(a->percent >= AGGRESSOR_LEAST))
		return;
	by = labels_get(a->labels, "by") ?: "?";
	name = display_fit(by, AGGRESSOR_WIDTH - 4, true);
	g_snprintf(buf, size, "%.0f%% %s", a->percent, name);
}

static const char *uuid(const struct row *row)
{
	return row->kind == ROW_VM ? labels_get(row->vm->labels, "uuid") : NULL;
}

/*
 * The order is the screen's, from the left; min_terminal decides what a narrow one leaves out.
 * 5 and 10 percent of ready time are what esxtop's users are taught to look at and to act on.
 */
const struct column columns[] = {
	{"NAME", 'N', 12, 0, NULL, name, NULL, NULL, 0, 0, false,
	 "the VM, or below it a vCPU, the threads of one role, or a process inside"},
	{"STATE", 'A', 8, 60, NULL, state, NULL, NULL, 0, 0, false,
	 "of the VM: STALLED, STOPPED (from outside), paused ...; of a vCPU: run, ready, halted"},
	{"vCPU", 'C', 4, 40, vcpus, NULL, display_count, NULL, 0, 0, false,
	 "number of virtual CPUs"},
	{"%USED", 'U', 5, 26, used, NULL, display_percent, NULL, 0, 0, true,
	 "CPU time of the vCPUs and of the VM's other threads (emulator, IO, vhost)"},
	{"%RUN", 'O', 5, 48, run, NULL, display_percent, NULL, 0, 0, true,
	 "vCPUs on a physical CPU: vm.cpu.usage"},
	{"%RDY", 'R', 5, 18, ready, NULL, display_percent, NULL, 5, 10, true,
	 "runnable, but not on a CPU, for any cause: ready time"},
	{"%STEAL", 'S', 6, 33, steal, NULL, display_percent, NULL, 5, 10, true,
	 "part of %RDY that began by being preempted: steal time"},
	{"AGGRESSOR", 'B', AGGRESSOR_WIDTH, 75, aggressor, NULL, NULL, write_aggressor, 0, 0, false,
	 "who ran most while the VM waited, and in percent of the VM's time"},
	{"%HYP", 'Y', 5, 55, hypervisor, NULL, display_percent, NULL, 0, 0, true,
	 "part of %RUN outside of the guest: exits handled by kernel and QEMU"},
	{"%HALT", 'H', 5, 91, halted, NULL, display_percent, NULL, 0, 0, true,
	 "halted: the guest wanted no CPU"},
	{"p99-wake", 'W', 8, 84, wake_p99, NULL, display_ms, NULL, 10, 50, false,
	 "99 of 100 wake-ups got a CPU within this time"},
	{"MIG/s", 'M', 5, 97, migrations, NULL, display_rate, NULL, 0, 0, false,
	 "moves from one physical CPU to another, per second"},
	{"%WAKE", 'L', 5, 103, wake, NULL, display_percent, NULL, 5, 10, true,
	 "the other part of %RDY: woken, and waiting for a CPU"},
	{"PREEM/s", 'P', 7, 111, preempts, NULL, display_rate, NULL, 0, 0, false,
	 "times per second that a running vCPU lost its CPU"},
	{"EXIT/s", 'X', 6, 118, exits, NULL, display_rate, NULL, 0, 0, false,
	 "exits from the guest to the hypervisor per second"},
	{"p50-wake", 'E', 8, 136, wake_p50, NULL, display_ms, NULL, 10, 50, false,
	 "half of the wake-ups got a CPU within this time"},
	{"SWITCH/s", 'T', 8, 145, switches, NULL, display_rate, NULL, 0, 0, false,
	 "times per second that a vCPU was switched in"},
	{"%GUEST", 'G', 6, 152, guest, NULL, display_percent, NULL, 0, 0, true,
	 "part of %RUN inside of the guest"},
	{"CPU", 'K', 4, 157, last_cpu, NULL, display_count, NULL, 0, 0, false,
	 "physical CPU that a vCPU ran on last"},
	{"PID", 'I', 7, 165, id, NULL, display_count, NULL, 0, 0, false,
	 "the VM's process, a vCPU's thread, or the guest's own number of a process inside"},
	{"UUID", 'D', 36, 202, NULL, uuid, NULL, NULL, 0, 0, false, "the VM's uuid"},
};

const size_t n_columns = G_N_ELEMENTS(columns);

const struct column *column_find(const char *title)
{
	title += *title == '%';
	for (size_t i = 0; i < n_columns; i++) {
		const char *own = columns[i].title;

		if (!g_ascii_strcasecmp(own + (*own == '%'), title))
			return &columns[i];
	}
	return NULL;
}

const struct column *column_by_key(int key)
{
	for (size_t i = 0; i < n_columns; i++) {
		if (columns[i].key == key)
			return &columns[i];
	}
	return NULL;
}

const struct column *column_default(void)
{
	return column_find("%RDY");
}

const struct column *column_step(const struct column *column, int step, int terminal)
{
	for (const struct column *c = column + step; c >= columns && c < columns + n_columns;
	     c += step) {
		if (c->min_terminal <= terminal)
			return c;
	}
	return column;
}

static double number_of(const struct column *column, const struct row *row)
{
	double number = column->number(row);

	if (column->per_vcpu && row->sum && row->kind == ROW_VM)
		number *= absent_as_nan(row->vm->vcpus);
	return number;
}

static int compare_text(const char *a, const char *b, int sign)
{
	if (!a || !b)
		return !a - !b;
	return sign * strcmp(a, b);
}

int column_compare(const struct column *column, bool reverse, const struct row *a,
		   const struct row *b)
{
	int sign = reverse ? -1 : 1;
	double x, y;

	if (column->text)
		return compare_text(column->text(a), column->text(b), sign);
	x = number_of(column, a);
	y = number_of(column, b);
	if (isnan(x) || isnan(y))
		return !!isnan(x) - !!isnan(y);
	return sign * ((x < y) - (x > y));
}

bool column_is_text(const struct column *column)
{
	return column->text || column->write;
}

enum tone column_tone(const struct column *column, const struct row *row)
{
	double number = column->number ? column->number(row) : NAN;
	enum row_trouble trouble =
		column->text == state && row->kind == ROW_VM ? row_trouble(row->vm) : TROUBLE_NONE;

	if (trouble)
		return trouble == TROUBLE_STALL ? TONE_CRIT : TONE_WARN;
	if (column->crit > 0 && number >= column->crit)
		return TONE_CRIT;
	if (column->warn > 0 && number >= column->warn)
		return TONE_WARN;
	return TONE_NORMAL;
}

void column_cell(const struct column *column, const struct row *row, char *buf, size_t size)
{
	const char *text;
	double number;

	if (column->text) {
		text = column->text(row);
		g_strlcpy(buf, text ? text : "", size);
		return;
	}
	if (column->write) {
		column->write(row, buf, size);
		return;
	}
	number = number_of(column, row);
	if (isinf(number))
		g_strlcpy(buf, "", size);
	else
		column->format(number, buf, size);
}
