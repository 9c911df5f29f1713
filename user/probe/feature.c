// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "probe/feature.h"

static const struct {
	const char *name, *purpose, *remedy;
} texts[FEATURE_MAX] = {
	[FEATURE_BTF] =
		{"btf", "kernel type information, which every BPF program here needs",
		 "use a kernel with CONFIG_DEBUG_INFO_BTF; numbers come from /proc until then"},
	[FEATURE_BPFFS] = {"bpffs", "a file system to pin maps in", "mount -t bpf bpf /sys/fs/bpf"},
	[FEATURE_PINNED] = {"pinned", "counters that survive a restart of kvmlens",
			    "see the reason; without it counters start anew at each start"},
	[FEATURE_SCHED] = {"sched", "exact run, ready and steal time",
			   "without it ready time comes from /proc/PID/task/TID/schedstat"},
	[FEATURE_SCHED_BTF] = {"sched_tp_btf", "the cheapest form of the sched_switch program",
			       "none needed: the raw tracepoint does the same at a higher cost"},
	[FEATURE_SCHED_INFO] =
		{"sched_info", "the kernel's own stamp of every wait",
		 "CONFIG_SCHED_INFO, which CONFIG_KVM selects; wakeup hooks stand in"},
	[FEATURE_BLAME] = {"blame", "who ran while a vCPU waited", "comes with the sched programs"},
	[FEATURE_WAITING] = {"waiting", "waits seen while they still go on",
			     "none needed: a wait then shows when it ends"},
	[FEATURE_THREAD_EVENTS] = {"thread_events", "threads noticed when they are born or die",
				   "none needed: they are found by the next scan"},
	[FEATURE_KVM_FILES] =
		{"kvm_files", "VMs of any VMM found by the kernel, KVM's own counters",
		 "needs BTF of kvm (5.11 and later, when it is a module); /proc is read instead"},
	[FEATURE_KVM_TIMES] =
		{"kvm_times", "exact guest and hypervisor time",
		 "detail level detailed or higher; else guest time is sampled by the tick"},
	[FEATURE_KVM_REASONS] = {"kvm_reasons", "exits and their time by reason",
				 "detail level diagnostic"},
	[FEATURE_KVM_INJECT] = {"kvm_inject", "injected interrupts",
				"detail level diagnostic, x86"},
	[FEATURE_NET_TAPS] = {"net_taps", "sizes of packets and bursts on the VMs' taps",
			      "detail level detailed; counts come from the links' own statistics"},
	[FEATURE_NET_TCX] = {"net_tcx", "the cheapest hook on a tap's packets",
			     "none needed: a clsact filter does the same"},
	[FEATURE_NET_DROPS] = {"net_drops", "why packets of the VMs' taps were dropped",
			       "detail level diagnostic, kernel 5.17; drops are counted without"},
	[FEATURE_KVM_SLOTS] = {"kvm_slots", "where a guest's RAM lies, from KVM's own map of it",
			       "guest_memory: on; without it the VMM's mappings are searched"},
	[FEATURE_BLOCK] = {"block", "what VMs ask of the host's disks, and what these take for it",
			   "group disk or iops; without it there is only what libvirt tells"},
	[FEATURE_EXITS] = {"exits", "why a VM died: its exit code, a signal, no memory",
			   "none needed: what libvirt says of it remains"},
};

const char *feature_name(enum feature_id id)
{
	return texts[id].name;
}

const char *feature_purpose(enum feature_id id)
{
	return texts[id].purpose;
}

const char *feature_remedy(enum feature_id id)
{
	return texts[id].remedy;
}

void feature_yes(struct features *features, enum feature_id id)
{
	features->f[id].state = FEATURE_YES;
	features->f[id].why[0] = '\0';
}

void feature_no(struct features *features, enum feature_id id, const char *format, ...)
{
	struct feature *f = &features->f[id];
	va_list args;

	f->state = FEATURE_NO;
	va_start(args, format);
	vsnprintf(f->why, sizeof(f->why), format, args);
	va_end(args);
	f->why[strcspn(f->why, "\n")] = '\0';
}

void feature_off(struct features *features, enum feature_id id, const char *why)
{
	struct feature *f = &features->f[id];

	f->state = FEATURE_OFF;
	snprintf(f->why, sizeof(f->why), "%s", why);
}
