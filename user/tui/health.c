// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>
#include "tui/health.h"
#include "tui/row.h"

#define NS_PER_SEC 1000000000ull

/* Intervals after which an answer counts as overdue, but not below that many seconds. */
#define LATE_INTERVALS 3
#define LATE_MIN_SEC 5

static const char *label(const struct labels *labels, const char *key)
{
	const char *value = labels_get(labels, key);

	return value ? value : "?";
}

static void clear_problem(gpointer problem)
{
	g_free(((struct problem *)problem)->text);
}

static void add(GArray *problems, enum tone tone, char *text)
{
	struct problem problem = {.tone = tone, .text = text};

	g_array_append_val(problems, problem);
}

static double late_after(unsigned interval_ms)
{
	return MAX(LATE_INTERVALS * (interval_ms / 1e3), LATE_MIN_SEC);
}

static void check_age(GArray *problems, const struct kvmlens_snapshot *snapshot, uint64_t now_ns,
		      unsigned interval_ms)
{
	double age;

	if (now_ns <= snapshot->mono_ns)
		return;
	age = (double)(now_ns - snapshot->mono_ns) / NS_PER_SEC;
	if (age > late_after(interval_ms))
		add(problems, TONE_CRIT,
		    g_strdup_printf("no new numbers for %.0f s: the collector is stuck", age));
}

static void check_providers(GArray *problems, const struct kvmlens_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->providers.n; i++) {
		const struct snap_provider *p = entities_at(&snapshot->providers, i);

		/* One that never answered is not in use on this host, as far as one can tell. */
		if (p->up == 0 && !isnan(p->age))
			add(problems, TONE_WARN,
			    g_strdup_printf("%s has not answered for %.0f s: what it says of VMs "
					    "is old",
					    label(p->labels, "provider"), p->age));
	}
}

/* A provider that is down is told once, not once a VM. */
static bool is_provider(const struct kvmlens_snapshot *snapshot, const char *source)
{
	for (size_t i = 0; i < snapshot->providers.n; i++) {
		const struct snap_provider *p = entities_at(&snapshot->providers, i);

		if (!g_strcmp0(labels_get(p->labels, "provider"), source))
			return true;
	}
	return false;
}

static const struct snap_source *first_down(const struct kvmlens_snapshot *snapshot,
					    unsigned *ret_n)
{
	const struct snap_source *first = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		for (size_t j = 0; j < vm->sources.n; j++) {
			const struct snap_source *source = entities_at(&vm->sources, j);

			if (source->up || is_provider(snapshot, label(source->labels, "source")))
				continue;
			first = first ? first : source;
			n++;
		}
	}
	*ret_n = n;
	return first;
}

static void check_sources(GArray *problems, const struct kvmlens_snapshot *snapshot)
{
	unsigned n;
	const struct snap_source *first = first_down(snapshot, &n);
	GString *text;

	if (!first)
		return;
	text = g_string_new(NULL);
	g_string_printf(text, "no values from the %s of %s", label(first->labels, "source"),
			label(first->labels, "vm"));
	if (n > 1)
		g_string_append_printf(text, ", and from %u other source%s", n - 1,
				       n > 2 ? "s" : "");
	add(problems, TONE_WARN, g_string_free(text, FALSE));
}

/* Without these, the numbers themselves are worse; what else is missing only adds to them. */
static void check_essentials(GArray *problems, const struct kvmlens_snapshot *snapshot)
{
	static const char *const essentials[] = {"btf", "sched", NULL};

	for (size_t i = 0; i < snapshot->features.n; i++) {
		const struct snap_feature *feature = entities_at(&snapshot->features, i);
		const char *name = label(feature->labels, "feature");

		if (feature->ok == 0 && feature->why && *feature->why &&
		    g_strv_contains(essentials, name))
			add(problems, TONE_WARN,
			    g_strdup_printf("lesser numbers, from /proc: without %s (%s)", name,
					    feature->why));
	}
}

static void check_hidden(GArray *problems, const struct kvmlens_snapshot *snapshot)
{
	const struct snap_self *self = snapshot->self.n ? snapshot->self.v : NULL;

	if (self && self->hidden_threads && self->hidden_threads != ABSENT)
		add(problems, TONE_CRIT,
		    g_strdup_printf("/proc hides %" PRIu64 " threads of this host, and every VM "
				    "among them: see kvmlens doctor",
				    self->hidden_threads));
}

/* An emulated vCPU is known by its thread's name alone. */
static void check_nameless(GArray *problems, const struct kvmlens_snapshot *snapshot)
{
	unsigned n = 0;

	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		n += vm->up == 1 && vm->vcpus == 0 && vm->ident->tcg;
	}
	if (n)
		add(problems, TONE_WARN,
		    g_strdup_printf("no vCPUs known of %u emulated VM%s: QEMU needs -name "
				    "NAME,debug-threads=on",
				    n, n > 1 ? "s" : ""));
}

char *health_losses(const struct kvmlens_snapshot *snapshot)
{
	GString *text = g_string_new("lost since the start:");
	size_t empty = text->len;

	for (size_t i = 0; i < snapshot->losses.n; i++) {
		const struct snap_loss *loss = entities_at(&snapshot->losses, i);

		if (loss->count == 0 || loss->count == ABSENT)
			continue;
		g_string_append_printf(text, "%s %s %" PRIu64, text->len > empty ? "," : "",
				       label(loss->labels, "reason"), loss->count);
	}
	g_strdelimit(text->str, "_", ' ');
	return g_string_free(text, text->len == empty);
}

/* Losses by what they mean for the reader; NULL: a number is hardly off by them. */
static const struct {
	const char *reason, *means;
} meanings[] = {
	{"thread_no_room", "some vCPUs are not watched (raise max_threads)"},
	{"discovery_bound", "some VMs are not shown"},
	{"command_line_blocked", "a VM's process hangs: its name may be missing"},
	{"thread_event_dropped", "new threads of VMs show late"},
	{"network_not_read", "interfaces were not read for a while"},
	{"host_not_read", "the host's own numbers were not read for a while"},
	{"tap_not_hooked", "drops of some interfaces are not seen"},
	{"block_request_no_room", "latency of some disk requests is not counted"},
	{"block_counter_no_room", "some disks' devices are not counted"},
	{"duplicate_series", "two VMs or devices of one name hide each other"},
	{"switch_without_stamp", NULL},
	{"stamp_in_future", NULL},
	{"wait_not_attributable", NULL},
	{"blame_ring_too_short", NULL},
	{"exit_reason_no_room", NULL},
	{"record_torn", NULL},
	{"stall_look_late", NULL},
	{"drop_reason_no_room", NULL},
	{"block_completion_unseen", NULL},
};

static const char *meaning(const struct snap_loss *loss)
{
	const char *reason = label(loss->labels, "reason");

	if (loss->count == ABSENT || loss->count == 0)
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
		if (!strcmp(meanings[i].reason, reason))
			return meanings[i].means;
	return reason;
}

static char *losses_that_matter(const struct kvmlens_snapshot *snapshot)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < snapshot->losses.n; i++) {
		const char *means = meaning(entities_at(&snapshot->losses, i));

		if (means)
			g_string_append_printf(text, "%s%s",
					       text->len ? "; " : "not all is known: ", means);
	}
	return g_string_free(text, text->len == 0);
}

uint64_t health_loss_total(const struct kvmlens_snapshot *snapshot)
{
	uint64_t total = 0;

	for (size_t i = 0; i < snapshot->losses.n; i++) {
		const struct snap_loss *loss = entities_at(&snapshot->losses, i);

		if (meaning(loss))
			total += loss->count;
	}
	return total;
}

#define NAMED_ALERTS 3

/* Name the VM's alerts of this severity; *named counts all of them. */
static void name_alerts(const struct snap_vm *vm, unsigned severity, GString *text, unsigned *named)
{
	for (size_t i = 0; i < vm->alerts.n; i++) {
		const struct snap_alert *a = entities_at(&vm->alerts, i);

		if (a->severity != severity || !a->firing || a->quiet || ++*named > NAMED_ALERTS)
			continue;
		g_string_append_printf(text, "%s %s of %s", *named == 1 ? ":" : ",",
				       label(a->labels, "rule"), label(a->labels, "vm"));
	}
}

/* "3 alerts fire: vm-cpu-ready of db-1, ...", the worst first; silenced and inhibited ones are none. */
static void check_alerts(GArray *problems, const struct kvmlens_snapshot *snapshot)
{
	const struct snap_alerts *all = snapshot->alerts.n ? snapshot->alerts.v : NULL;
	uint64_t firing = all && all->firing > all->quiet ? all->firing - all->quiet : 0;
	enum tone tone = TONE_WARN;
	unsigned named = 0;
	GString *text;

	if (!firing)
		return;
	text = g_string_new(NULL);
	g_string_printf(text, "%" PRIu64 " alert%s", firing, firing == 1 ? " fires" : "s fire");
	for (int severity = 2; severity >= 0; severity--) {
		/* Of the VMs that do not run first. */
		for (int trouble = TROUBLE_STALL; trouble >= TROUBLE_NONE; trouble--)
			for (size_t i = 0; i < snapshot->vms.n; i++) {
				const struct snap_vm *vm = entities_at(&snapshot->vms, i);

				if ((int)row_trouble(vm) == trouble)
					name_alerts(vm, (unsigned)severity, text, &named);
			}
		if (severity == 2 && named)
			tone = TONE_CRIT;
	}
	if (named > NAMED_ALERTS)
		g_string_append(text, ", ...");
	add(problems, tone, g_string_free(text, FALSE));
}

/* "web-1 stands still for 12 s: ...", whether a rule looks at that or not. */
static void check_stalls(GArray *problems, const struct kvmlens_snapshot *snapshot)
{
	const struct snap_vm *first = NULL;
	const struct snap_stall_event *e;
	GString *text;
	unsigned n = 0;

	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		if (vm->stall.active != 1)
			continue;
		first = first ? first : vm;
		n++;
	}
	if (!n)
		return;
	text = g_string_new(row_vm_name(first));
	e = first->stall_events.n ? entities_at(&first->stall_events, 0) : NULL;
	if (n > 1)
		g_string_append_printf(text, " and %u other VM%s stand still", n - 1,
				       n > 2 ? "s" : "");
	else if (e)
		g_string_append_printf(text, " stands still for %.0f s: %s", e->seconds,
				       stall_cause_text(e->cause));
	else
		g_string_append(text, " stands still");
	add(problems, TONE_CRIT, g_string_free(text, FALSE));
}

GArray *health_problems(const struct kvmlens_snapshot *snapshot, uint64_t now_ns,
			unsigned interval_ms, bool losses)
{
	char *lost = losses ? losses_that_matter(snapshot) : NULL;
	GArray *problems = g_array_new(FALSE, FALSE, sizeof(struct problem));

	g_array_set_clear_func(problems, clear_problem);
	check_age(problems, snapshot, now_ns, interval_ms);
	check_stalls(problems, snapshot);
	check_alerts(problems, snapshot);
	check_providers(problems, snapshot);
	check_sources(problems, snapshot);
	check_hidden(problems, snapshot);
	check_essentials(problems, snapshot);
	check_nameless(problems, snapshot);
	if (lost)
		add(problems, TONE_WARN, lost);
	return problems;
}

GPtrArray *health_missing(const struct kvmlens_snapshot *snapshot)
{
	GPtrArray *text = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < snapshot->features.n; i++) {
		const struct snap_feature *feature = entities_at(&snapshot->features, i);

		if (feature->ok == 0 && feature->why && *feature->why)
			g_ptr_array_add(text,
					g_strdup_printf("%s: %s", label(feature->labels, "feature"),
							feature->why));
	}
	return text;
}

GPtrArray *health_no_vms(const struct kvmlens_snapshot *snapshot)
{
	GPtrArray *text = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(text, g_strdup("No VM is running on this host, as far as can be seen."));
	g_ptr_array_add(text, g_strdup("Looked for: processes that hold a KVM VM open (QEMU, "
				       "Firecracker, Cloud Hypervisor, crosvm), QEMU processes "
				       "without KVM, and what these say:"));
	for (size_t i = 0; i < snapshot->providers.n; i++) {
		const struct snap_provider *p = entities_at(&snapshot->providers, i);
		const char *name = label(p->labels, "provider");

		if (p->up == 0)
			g_ptr_array_add(text, g_strdup_printf("  %s: no answer", name));
		else
			g_ptr_array_add(text, g_strdup_printf("  %s: answers, and knows of %" PRIu64
							      " running",
							      name, p->vms == ABSENT ? 0 : p->vms));
	}
	g_ptr_array_add(text, g_strdup("A VM appears here within one interval of its start."));
	return text;
}
