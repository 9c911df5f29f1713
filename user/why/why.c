// SPDX-License-Identifier: Apache-2.0
#include "why/why.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include "why/rule.h"

/* The order decides between findings of the same weight. */
const struct why_rule why_rules[] = {
	{"stall.sigstop", WHY_STALL, "seconds", "stalled, and its threads were stopped",
	 "find who sent SIGSTOP or froze its cgroup; kill -CONT its process", why_stall_sigstop},
	{"stall.paused", WHY_STALL, "seconds", "its state is paused",
	 "see who suspended it (virsh domstate --reason: a disk error pauses it too); virsh resume",
	 why_stall_paused},
	{"stall.throttled", WHY_STALL, "seconds", "stalled, and throttled for half of it or more",
	 "raise the quota (virsh schedinfo, cpu.max) or shorten its period", why_stall_throttled},
	{"stall.userspace", WHY_STALL, "seconds", "stalled in an exit to its VMM",
	 "look at the storage and the backends of its devices; move disks to IO threads",
	 why_stall_userspace},
	{"stall.page_fault", WHY_STALL, "seconds", "stalled in a page fault on the host",
	 "free memory on the host or move VMs away; lock this VM's memory", why_stall_page_fault},
	{"stall.not_scheduled", WHY_STALL, "seconds", "stalled, runnable and not throttled",
	 "move it, or what runs at a higher priority on its CPUs", why_stall_not_scheduled},
	{"stall.main_loop", WHY_STALL, "seconds", "QEMU's main loop held up for 1 s or more",
	 "look at the storage and the monitors of its QEMU; take a stack of its first thread",
	 why_stall_main_loop},
	{"cpu.quota", WHY_CPU, "percent",
	 "ready >= 5 % or of a vCPU >= 10 %, and >= 20 % of it throttled",
	 "raise the quota (virsh schedinfo, cpu.max) or move work off this VM", why_cpu_quota},
	{"cpu.pinning", WHY_CPU, "percent", "ready >= 5 %, and >= 20 % of it beside an idle CPU",
	 "unpin it, or pin it to more CPUs (virsh vcpupin)", why_cpu_pinning},
	{"cpu.neighbour", WHY_CPU, "percent",
	 "ready >= 5 % or of a vCPU >= 10 %, and >= 20 % of it taken by other VMs",
	 "move it or them to other CPUs or another host, or lower their CPU weight",
	 why_cpu_neighbour},
	{"cpu.host_task", WHY_CPU, "percent",
	 "ready >= 5 %, and >= 20 % of it taken by processes of the host",
	 "limit that service (CPUWeight, CPUQuota, AllowedCPUs) or run it elsewhere",
	 why_cpu_host_task},
	{"cpu.own_threads", WHY_CPU, "percent",
	 "ready >= 5 %, and >= 20 % of it taken by its own threads",
	 "pin its emulator and IO threads to other CPUs than its vCPUs (emulatorpin, "
	 "iothreadpin)",
	 why_cpu_own_threads},
	{"cpu.interrupts", WHY_CPU, "percent",
	 "ready >= 5 %, and >= 20 % of it taken by interrupts and softirqs",
	 "steer the interrupts to CPUs without vCPUs (smp_affinity, RPS), or pin it off theirs",
	 why_cpu_interrupts},
	{"cpu.kernel", WHY_CPU, "percent",
	 "ready >= 5 %, and >= 20 % of it taken by kernel threads",
	 "keep kernel work off its CPUs (workqueue cpumask, isolcpus), or pin it elsewhere",
	 why_cpu_kernel},
	{"cpu.idle_wake", WHY_CPU, "percent",
	 "ready >= 5 %, and >= 20 % of it until an idle CPU was awake",
	 "limit deep sleep of the CPUs (cpupower idle-set -D, a latency profile of tuned)",
	 why_cpu_idle_wake},
	{"cpu.unexplained", WHY_CPU, "percent", "ready >= 5 %, and nobody took 20 % of it",
	 "too many want its CPUs: give it more of them, or move it; --detail diagnostic names all",
	 why_cpu_unexplained},
	{"cpu.saturated", WHY_CPU, "percent", "usage >= 90 %, ready < 5 %",
	 "give it more vCPUs, or see what runs in it", why_cpu_saturated},
	{"cpu.exits", WHY_CPU, "percent", "hypervisor time >= 20 %, exact",
	 "see which exits: kvmlens metrics --detail diagnostic; use virtio, x2apic, huge pages",
	 why_cpu_exits},
	{"cpu.wake_latency", WHY_CPU, "ms", "p99 of wakeups >= 50 ms, ready < 5 %",
	 "give it a higher CPU weight, or CPUs that it shares with fewer", why_cpu_wake_latency},
	{"memory.host_swap", WHY_MEMORY, "percent", ">= 5 % of it swapped out on the host",
	 "move VMs away or give the host memory; lock this VM's memory", why_memory_host_swap},
	{"memory.guest_swap", WHY_MEMORY, "1/s", "swap in use, >= 10 major faults a second",
	 "give it more memory, or find what in it grew", why_memory_guest_swap},
	{"memory.full", WHY_MEMORY, "percent", "memory used >= 90 %",
	 "give it more memory, or find what in it grew", why_memory_full},
	{"memory.balloon", WHY_MEMORY, "MiB", "balloon >= 5 % over its target, used >= 80 %",
	 "raise its balloon target (virsh setmem)", why_memory_balloon},
	{"memory.pressure", WHY_MEMORY, "percent", "memory pressure of the host >= 10 %",
	 "move VMs away or give the host memory", why_memory_pressure},
	{"memory.host_full", WHY_MEMORY, "percent", "memory of the host used >= 95 %",
	 "move VMs away before the host swaps", why_memory_host_full},
	{"disk.device", WHY_DISK, "ms", "read or write latency of a device >= 20 ms",
	 "see what else uses that device; move the image or limit the others (blkdeviotune)",
	 why_disk_device},
	{"disk.held", WHY_DISK, "ms",
	 "a disk's latency is 5 ms or more, the device's a quarter of it",
	 "raise its iotune limits (virsh blkdeviotune, QEMU's throttling); else give it IO threads",
	 why_disk_held},
	{"disk.latency", WHY_DISK, "ms", "read or write latency of a disk >= 20 ms",
	 "see the network and the server that its image is on, and its cache mode",
	 why_disk_latency},
	{"disk.full", WHY_DISK, "percent",
	 "space used in a file system of the guest that can be written >= 90 %",
	 "grow the disk and the file system, or clean up in the guest", why_disk_full},
	{"network.drops", WHY_NETWORK, "1/s", ">= 1 packet dropped a second",
	 "give it multiqueue or vhost, longer rings; see whether it gets CPU", why_network_drops},
	{"network.errors", WHY_NETWORK, "1/s", ">= 1 error a second",
	 "check offloads and MTU on both ends of its tap", why_network_errors},
	{"guest.queue", WHY_GUEST, "percent", "its run queues >= 20 %, ready < 5 %",
	 "see its processes (kvmlens top VM); give it more vCPUs", why_guest_queue},
	{"guest.iowait", WHY_GUEST, "percent", "iowait >= 20 %",
	 "see its disks' latency; if that is good, one process does too much IO", why_guest_iowait},
	{"guest.system", WHY_GUEST, "percent", "system time >= 50 %",
	 "see its processes: kvmlens top VM", why_guest_system},
	{"history.full_soon", WHY_HISTORY, "days", "full in less than 3 days, as it grows",
	 "grow it before that", why_history_full_soon},
	{"history.unusual", WHY_HISTORY, "score", "anomaly score >= 0.6", "see kvmlens insights",
	 why_history_unusual},
};

const size_t n_why_rules = G_N_ELEMENTS(why_rules);

const struct why_rule *why_rule_find(const char *id)
{
	for (size_t i = 0; i < n_why_rules; i++)
		if (!strcmp(why_rules[i].id, id))
			return &why_rules[i];
	return NULL;
}

void why_say(struct why_finding *finding, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_vsnprintf(finding->what, sizeof(finding->what), format, args);
	va_end(args);
}

bool why_apply(const struct why_rule *rule, const struct evidence *evidence,
	       struct why_finding *ret_finding)
{
	*ret_finding = (struct why_finding){0};
	if (!rule->apply(evidence, ret_finding))
		return false;
	ret_finding->rule = rule;
	return true;
}

/* g_array_sort keeps the order of equals. */
static gint by_weight(gconstpointer a, gconstpointer b)
{
	const struct why_finding *x = a, *y = b;

	return (x->weight < y->weight) - (x->weight > y->weight);
}

/* The last moments alone, of which at least two are needed. */
#define TAIL_MS 15000
#define TAIL_STEPS 2
/* So much worse it has to be lately to be told from all of the time. */
#define TAIL_WORSE 1.3

/* NULL: all of the time is not much longer. */
static struct evidence *tail_of(const struct evidence *e)
{
	int64_t ms = MAX(TAIL_MS, TAIL_STEPS * evidence_step_ms(e));

	return evidence_seconds(e) * 1000 > 1.5 * (double)ms ? evidence_tail(e, ms) : NULL;
}

/* Stalls are counted, and what the history says is of no moment. */
static bool is_of_moments(const struct why_rule *rule)
{
	return rule->topic != WHY_STALL && rule->topic != WHY_HISTORY;
}

static bool judge_tail(const struct why_rule *rule, const struct evidence *tail,
		       struct why_finding *ret)
{
	char what[WHY_TEXT_MAX];

	if (!tail || !is_of_moments(rule) || !why_apply(rule, tail, ret))
		return false;
	g_strlcpy(what, ret->what, sizeof(what));
	why_say(ret, "in the last %.0f s: %s", evidence_seconds(tail), what);
	return true;
}

GArray *why_judge(const struct evidence *evidence)
{
	GArray *findings = g_array_new(FALSE, FALSE, sizeof(struct why_finding));
	struct evidence *tail = tail_of(evidence);

	for (size_t i = 0; i < n_why_rules; i++) {
		struct why_finding all, late;
		bool whole = why_apply(&why_rules[i], evidence, &all);
		bool lately = judge_tail(&why_rules[i], tail, &late);

		if (lately && (!whole || late.weight > TAIL_WORSE * all.weight))
			g_array_append_val(findings, late);
		else if (whole)
			g_array_append_val(findings, all);
	}
	evidence_free(tail);
	g_array_sort(findings, by_weight);
	return findings;
}

const char *why_topic_name(enum why_topic topic)
{
	static const char *const names[WHY_TOPICS] = {
		[WHY_STALL] = "stall",	   [WHY_CPU] = "CPU",	      [WHY_MEMORY] = "memory",
		[WHY_DISK] = "disk",	   [WHY_NETWORK] = "network", [WHY_GUEST] = "guest",
		[WHY_HISTORY] = "history",
	};

	return (unsigned)topic < WHY_TOPICS ? names[topic] : "?";
}
