// SPDX-License-Identifier: Apache-2.0
/* Memory, disks, network, the guest itself, and what the history says. */
#include <math.h>
#include <string.h>
#include "why/rule.h"

/* The gauge's value is beyond a limit; NAN is not. */
static bool beyond(const struct evidence *e, const char *metric, double limit, double *ret_value)
{
	*ret_value = evidence_mean(e, metric);
	return *ret_value >= limit;
}

/* The worst of a gauge's series by a label, NAN and "": there is none. */
static double worst(const struct evidence *e, const char *metric, const char *label,
		    struct why_finding *f)
{
	g_autoptr(GArray) parts = evidence_parts(e, metric, label);

	if (!parts->len)
		return NAN;
	g_strlcpy(f->who, g_array_index(parts, struct evidence_part, 0).label, sizeof(f->who));
	return g_array_index(parts, struct evidence_part, 0).mean;
}

static bool found(struct why_finding *f, double amount, double weight)
{
	f->amount = amount;
	f->weight = weight;
	return true;
}

bool why_memory_full(const struct evidence *e, struct why_finding *f)
{
	double used;

	if (!beyond(e, "vm.memory.usage_percent", 90, &used))
		return false;
	why_say(f, "uses %.1f %% of its memory", used);
	return found(f, used, 10 + 2 * (used - 90));
}

bool why_memory_guest_swap(const struct evidence *e, struct why_finding *f)
{
	double faults, used = evidence_mean(e, "vm.memory.swap_used");

	if (!beyond(e, "vm.memory.major_page_faults", 10, &faults) || !(used > 0))
		return false;
	why_say(f, "swaps: %.0f MiB are swapped out, %.0f major page faults a second",
		used / 1048576, faults);
	return found(f, faults, MIN(15 + faults / 10, 80));
}

bool why_memory_balloon(const struct evidence *e, struct why_finding *f)
{
	double target = evidence_last(e, "vm.memory.balloon_target");
	double now = evidence_last(e, "vm.memory.balloon_current");
	double used = evidence_mean(e, "vm.memory.usage_percent");

	if (!(now > 0) || !(target > 0) || now <= target * 1.05 || !(used >= 80))
		return false;
	why_say(f, "is to give %.0f MiB back to the host and uses %.1f %% of what it has",
		(now - target) / 1048576, used);
	return found(f, (now - target) / 1048576, 25);
}

bool why_memory_host_swap(const struct evidence *e, struct why_finding *f)
{
	double swapped = evidence_last(e, "vm.memory.host.swapped");
	double resident = evidence_last(e, "vm.memory.host.resident");
	double percent = 100 * swapped / (swapped + resident);

	if (!(swapped > 0) || !(percent >= 5))
		return false;
	why_say(f, "has %.0f MiB of its memory (%.1f %%) in the swap of its host",
		swapped / 1048576, percent);
	return found(f, percent, 10 + percent / 2);
}

bool why_memory_host_full(const struct evidence *e, struct why_finding *f)
{
	double used;

	if (!beyond(e, "host.memory.usage_percent", 95, &used))
		return false;
	why_say(f, "its host uses %.1f %% of its memory", used);
	return found(f, used, 10 + 2 * (used - 95));
}

bool why_memory_pressure(const struct evidence *e, struct why_finding *f)
{
	g_autoptr(GArray) parts = evidence_parts(e, "host.pressure.stalled", "resource");

	for (guint i = 0; i < parts->len; i++) {
		const struct evidence_part *p = &g_array_index(parts, struct evidence_part, i);

		if (strcmp(p->label, "memory") || p->mean < 10)
			continue;
		why_say(f, "its host's tasks wait %.1f %% of the time for memory", p->mean);
		return found(f, p->mean, 10 + p->mean);
	}
	return false;
}

/* A latency in ms is weighed by how far it is beyond what a disk of flash takes. */
static double latency_weight(double ms)
{
	return MIN(5 + ms / 4, 70);
}

static double slower(const struct evidence *e, const char *reads, const char *writes,
		     const char *label, struct why_finding *f, const char **ret_what)
{
	struct why_finding other = {0};
	double read = worst(e, reads, label, f), write = worst(e, writes, label, &other);

	*ret_what = "reads";
	if (isnan(write) || read >= write)
		return read;
	*f = other;
	*ret_what = "writes";
	return write;
}

bool why_disk_device(const struct evidence *e, struct why_finding *f)
{
	const char *what;
	double ms = slower(e, "vm.disk.device.read_latency", "vm.disk.device.write_latency",
			   "device", f, &what);

	if (!(ms >= 20))
		return false;
	why_say(f, "%s take %.1f ms on the device %s of the host", what, ms, f->who);
	return found(f, ms, latency_weight(ms) + 1);
}

/* The slowest device below its disks, NAN: no device is known, as of a network disk. */
static double device_latency(const struct evidence *e)
{
	struct why_finding f = {0};
	const char *what;
	double ms = slower(e, "vm.disk.device.read_latency", "vm.disk.device.write_latency",
			   "device", &f, &what);

	return isnan(ms) ? evidence_mean(e, "vm.disks.device_latency") : ms;
}

#define HELD_MS 5.0
#define HELD_PART 4.0 /* of the disk's latency the device takes no more than one part of so many */

static bool is_held(const struct evidence *e, double ms)
{
	return ms >= HELD_MS && device_latency(e) <= ms / HELD_PART;
}

/* The device is quick, and the guest waits: what lies between has it. */
bool why_disk_held(const struct evidence *e, struct why_finding *f)
{
	const char *what, *iotune = evidence_note_of(e, "iotune");
	double ms = slower(e, "vm.disk.read_latency", "vm.disk.write_latency", "disk", f, &what);

	if (!is_held(e, ms))
		return false;
	if (iotune)
		why_say(f,
			"%s of its disk %s take %.1f ms, of which the device takes %.1f: its iotune "
			"limit holds them (%s)",
			what, f->who, ms, device_latency(e), iotune);
	else
		why_say(f,
			"%s of its disk %s take %.1f ms, of which the device takes %.1f: QEMU or the "
			"host holds them, as an iotune limit does",
			what, f->who, ms, device_latency(e));
	return found(f, ms, latency_weight(ms) + 2);
}

bool why_disk_latency(const struct evidence *e, struct why_finding *f)
{
	const char *what;
	double ms = slower(e, "vm.disk.read_latency", "vm.disk.write_latency", "disk", f, &what);

	if (!(ms >= 20) || is_held(e, ms))
		return false;
	why_say(f, "%s of its disk %s take %.1f ms", what, f->who, ms);
	return found(f, ms, latency_weight(ms));
}

/* Is it one of these, or does it begin with one that ends in '*'? */
static bool is_any(const char *value, const char *const *names)
{
	for (; value && *names; names++) {
		size_t len = strlen(*names);

		if ((*names)[len - 1] == '*' ? !strncmp(value, *names, len - 1)
					     : !strcmp(value, *names))
			return true;
	}
	return false;
}

/*
 * Of the guest's file systems those that can be written: an image that is written in full is
 * nothing bad, and a CD-ROM or a snap is full from the day it is made.
 */
static bool can_fill(const char *labels)
{
	static const char *const types[] = {"squashfs", "iso9660", "udf",   "UDF", "erofs",
					    "cramfs",	"CDFS",	   "romfs", NULL};
	static const char *const disks[] = {"loop*", "sr*", "fd*", NULL};
	static const char *const mounts[] = {"/snap/*", "/var/lib/snapd/*", NULL};
	g_autofree char *type = evidence_label(labels, "fstype");
	g_autofree char *disk = evidence_label(labels, "disk");
	g_autofree char *mount = evidence_label(labels, "mount");

	return !is_any(type, types) && !is_any(disk, disks) && !is_any(mount, mounts);
}

bool why_disk_full(const struct evidence *e, struct why_finding *f)
{
	g_autoptr(GArray) parts = evidence_parts(e, "vm.disk.usage_percent", "mount");
	double used = NAN;

	for (guint i = 0; i < parts->len && isnan(used); i++) {
		const struct evidence_part *p = &g_array_index(parts, struct evidence_part, i);

		if (!can_fill(p->labels))
			continue;
		g_strlcpy(f->who, p->label, sizeof(f->who));
		used = p->mean;
	}
	if (!(used >= 90))
		return false;
	why_say(f, "its file system %s is %.1f %% full", f->who, used);
	return found(f, used, 5 + 2 * (used - 90));
}

bool why_network_drops(const struct evidence *e, struct why_finding *f)
{
	struct why_finding other = {0};
	double rx = worst(e, "vm.network.rx_dropped", "nic", f);
	double tx = worst(e, "vm.network.tx_dropped", "nic", &other);
	bool in = isnan(tx) || rx >= tx;
	double drops = in ? rx : tx;

	if (!(drops >= 1))
		return false;
	if (!in)
		*f = other;
	why_say(f, "%.0f packets a second %s its interface %s are dropped", drops,
		in ? "to" : "from", f->who);
	return found(f, drops, MIN(5 + drops / 20, 50));
}

bool why_network_errors(const struct evidence *e, struct why_finding *f)
{
	struct why_finding other = {0};
	double rx = worst(e, "vm.network.rx_errors", "nic", f);
	double tx = worst(e, "vm.network.tx_errors", "nic", &other);
	double errors = isnan(tx) || rx >= tx ? rx : tx;

	if (!(errors >= 1))
		return false;
	if (errors != rx)
		*f = other;
	why_say(f, "%.0f packets a second of its interface %s are in error", errors, f->who);
	return found(f, errors, MIN(5 + errors / 20, 50));
}

bool why_guest_queue(const struct evidence *e, struct why_finding *f)
{
	double queue, ready = evidence_mean(e, "vm.cpu.ready_time");

	/* While its vCPUs wait for the host, its processes wait for them: more would not help. */
	if (!beyond(e, "vm.cpu.guest_queue_time", 20, &queue) || why_waits(e))
		return false;
	why_say(f,
		"its processes wait %.1f %% of the time for its own vCPUs, which wait %.1f %% for "
		"the host's",
		queue, isnan(ready) ? 0 : ready);
	return found(f, queue, MIN(queue / 4, 60));
}

bool why_guest_iowait(const struct evidence *e, struct why_finding *f)
{
	double wait;

	if (!beyond(e, "vm.cpu.iowait_time", 20, &wait))
		return false;
	why_say(f, "its vCPUs idle %.1f %% of the time because a process waits for a disk", wait);
	return found(f, wait, wait / 4);
}

bool why_guest_system(const struct evidence *e, struct why_finding *f)
{
	double system;

	if (!beyond(e, "vm.cpu.system_time", 50, &system))
		return false;
	why_say(f, "spends %.1f %% of the time in its own kernel", system);
	return found(f, system, system / 5);
}

bool why_history_unusual(const struct evidence *e, struct why_finding *f)
{
	g_autoptr(GArray) parts = evidence_parts(e, "vm.anomaly.contribution", "metric");
	double score;

	if (!beyond(e, "vm.anomaly.score", 0.6, &score))
		return false;
	if (parts->len)
		g_strlcpy(f->who, g_array_index(parts, struct evidence_part, 0).label,
			  sizeof(f->who));
	why_say(f, "behaves unlike before (score %.2f of 1)%s%s", score,
		parts->len ? ", mostly by " : "", f->who);
	return found(f, score, 4 * score);
}

bool why_history_full_soon(const struct evidence *e, struct why_finding *f)
{
	g_autoptr(GArray) parts = evidence_parts(e, "vm.time_to_full_seconds", "metric");
	double least = INFINITY;

	for (guint i = 0; i < parts->len; i++) {
		const struct evidence_part *p = &g_array_index(parts, struct evidence_part, i);

		if (!(p->last < least))
			continue;
		least = p->last;
		g_strlcpy(f->who, p->label, sizeof(f->who));
	}
	if (!(least < 3 * 86400))
		return false;
	why_say(f, "%s reaches 100 %% in %.1f days, as it grows now", f->who, least / 86400);
	return found(f, least / 86400, 5 + 10 * (1 - least / (3 * 86400)));
}
