// SPDX-License-Identifier: Apache-2.0
#include "vm/libvirt_stats.h"

#include <string.h>
#include <sys/stat.h>

#include "vm/proc_parse.h"
#include "vm/stats.h"

/* Where a parameter's value goes, and by what it is multiplied: libvirt counts memory in KiB. */
struct field {
	const char *name;
	size_t offset;
	uint64_t unit;
};

#define DOMAIN(name, member, unit)                                    \
	{                                                             \
		name, offsetof(struct kvmlens_vm_stats, member), unit \
	}
#define DISK(name, member)                                           \
	{                                                            \
		name, offsetof(struct kvmlens_disk_stats, member), 1 \
	}
#define NIC(name, member)                                           \
	{                                                           \
		name, offsetof(struct kvmlens_nic_stats, member), 1 \
	}

static const struct field domain_fields[] = {
	DOMAIN("cpu.time", cpu_ns, 1),
	DOMAIN("cpu.user", cpu_user_ns, 1),
	DOMAIN("cpu.system", cpu_system_ns, 1),
	DOMAIN("vcpu.current", vcpus_current, 1),
	DOMAIN("vcpu.maximum", vcpus_maximum, 1),
	DOMAIN("balloon.current", memory.balloon_current, 1024),
	DOMAIN("balloon.maximum", memory.maximum, 1024),
	DOMAIN("balloon.available", memory.available, 1024),
	DOMAIN("balloon.unused", memory.unused, 1024),
	DOMAIN("balloon.usable", memory.usable, 1024),
	DOMAIN("balloon.disk_caches", memory.disk_caches, 1024),
	DOMAIN("balloon.swap_in", memory.swap_in, 1024),
	DOMAIN("balloon.swap_out", memory.swap_out, 1024),
	DOMAIN("balloon.major_fault", memory.major_faults, 1),
	DOMAIN("balloon.minor_fault", memory.minor_faults, 1),
	DOMAIN("balloon.rss", memory.rss, 1024),
	DOMAIN("balloon.last-update", memory.last_update, 1),
};

static const struct field disk_fields[] = {
	DISK("rd.reqs", read_ops),  DISK("rd.bytes", read_bytes),  DISK("rd.times", read_ns),
	DISK("wr.reqs", write_ops), DISK("wr.bytes", write_bytes), DISK("wr.times", write_ns),
	DISK("fl.reqs", flush_ops), DISK("fl.times", flush_ns),	   DISK("capacity", capacity),
	DISK("physical", physical),
};

static const struct field nic_fields[] = {
	NIC("rx.bytes", rx_bytes),  NIC("rx.pkts", rx_packets), NIC("rx.errs", rx_errors),
	NIC("rx.drop", rx_dropped), NIC("tx.bytes", tx_bytes),	NIC("tx.pkts", tx_packets),
	NIC("tx.errs", tx_errors),  NIC("tx.drop", tx_dropped),
};

enum kvmlens_vm_state libvirt_state(int state)
{
	static const enum kvmlens_vm_state states[] = {
		[VIR_DOMAIN_RUNNING] = KVMLENS_VM_RUNNING,
		[VIR_DOMAIN_BLOCKED] = KVMLENS_VM_RUNNING,
		[VIR_DOMAIN_PAUSED] = KVMLENS_VM_PAUSED,
		[VIR_DOMAIN_SHUTDOWN] = KVMLENS_VM_SHUTDOWN,
		[VIR_DOMAIN_SHUTOFF] = KVMLENS_VM_OFF,
		[VIR_DOMAIN_CRASHED] = KVMLENS_VM_CRASHED,
		[VIR_DOMAIN_PMSUSPENDED] = KVMLENS_VM_SUSPENDED,
	};

	return state >= 0 && state < (int)G_N_ELEMENTS(states) ? states[state] : KVMLENS_VM_UNKNOWN;
}

static bool param_value(const virTypedParameter *param, uint64_t *ret_value)
{
	long long number;

	switch (param->type) {
	case VIR_TYPED_PARAM_ULLONG:
		*ret_value = param->value.ul;
		return true;
	case VIR_TYPED_PARAM_UINT:
		*ret_value = param->value.ui;
		return true;
	case VIR_TYPED_PARAM_LLONG:
		number = param->value.l;
		break;
	case VIR_TYPED_PARAM_INT:
		number = param->value.i;
		break;
	default:
		return false;
	}
	if (number < 0)
		return false;
	*ret_value = number;
	return true;
}

static void set_field(const virTypedParameter *param, const char *name, const struct field *fields,
		      size_t n, void *object)
{
	uint64_t value;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(fields[i].name, name))
			continue;
		if (param_value(param, &value) && value <= UINT64_MAX / fields[i].unit)
			*(uint64_t *)((char *)object + fields[i].offset) = value * fields[i].unit;
		return;
	}
}

/* "block.3.rd.reqs": what follows the number of the group's member, or NULL. */
static const char *member_field(const char *name, const char *group, unsigned *ret_member)
{
	size_t n = strlen(group);
	const char *digits = name + n, *dot;
	uint64_t member;

	if (strncmp(name, group, n))
		return NULL;
	dot = strchr(digits, '.');
	if (!dot || proc_parse_u64(digits, dot - digits, VM_DEVICES_MAX - 1, &member))
		return NULL;
	*ret_member = member;
	return dot + 1;
}

static const char *string_value(const virTypedParameter *param)
{
	return param->type == VIR_TYPED_PARAM_STRING && param->value.s ? param->value.s : "";
}

/* Members are made in the order of their names; libvirt's numbers lead to their places. */
struct members {
	int place[VM_DEVICES_MAX]; /* -1: no such member */
};

static void add_disk(struct kvmlens_vm_stats *stats, const char *name,
		     const struct libvirt_meta *meta)
{
	struct kvmlens_disk_stats *disk = kvmlens_vm_stats_add_disk(stats, name);
	const struct libvirt_device *device = meta ? libvirt_device_find(meta->disks, name) : NULL;

	if (disk && device && device->alias)
		g_strlcpy(disk->alias, device->alias, sizeof(disk->alias));
}

static bool has_disk(const struct kvmlens_vm_stats *stats, const char *name)
{
	for (size_t i = 0; i < stats->n_disks; i++)
		if (!strcmp(stats->disks[i].name, name))
			return true;
	return false;
}

static void add_nic(struct kvmlens_vm_stats *stats, const char *name,
		    const struct libvirt_meta *meta)
{
	struct kvmlens_nic_stats *nic = kvmlens_vm_stats_add_nic(stats, name);
	const struct libvirt_device *device = meta ? libvirt_device_find(meta->nics, name) : NULL;

	if (nic && device && device->mac)
		g_strlcpy(nic->mac, device->mac, sizeof(nic->mac));
}

static void add_members(const virTypedParameter *params, size_t n, const struct libvirt_meta *meta,
			struct kvmlens_vm_stats *stats, struct members *disks, struct members *nics)
{
	const char *field;
	unsigned member;

	memset(disks, 0xff, sizeof(*disks));
	memset(nics, 0xff, sizeof(*nics));
	for (size_t i = 0; i < n; i++) {
		field = member_field(params[i].field, "block.", &member);
		/* The images behind a disk's own come later, under its name. */
		if (field && !strcmp(field, "name") && disks->place[member] < 0 &&
		    !has_disk(stats, string_value(&params[i]))) {
			disks->place[member] = stats->n_disks;
			add_disk(stats, string_value(&params[i]), meta);
		}
		field = member_field(params[i].field, "net.", &member);
		if (field && !strcmp(field, "name") && nics->place[member] < 0) {
			nics->place[member] = stats->n_nics;
			add_nic(stats, string_value(&params[i]), meta);
		}
	}
}

static void set_disk(const virTypedParameter *param, const char *field,
		     struct kvmlens_disk_stats *disk)
{
	if (!strcmp(field, "path"))
		g_strlcpy(disk->source, string_value(param), sizeof(disk->source));
	else
		set_field(param, field, disk_fields, G_N_ELEMENTS(disk_fields), disk);
}

static void set_param(const virTypedParameter *param, struct kvmlens_vm_stats *stats,
		      const struct members *disks, const struct members *nics)
{
	const char *field;
	unsigned member;

	field = member_field(param->field, "block.", &member);
	if (field && disks->place[member] >= 0 && (size_t)disks->place[member] < stats->n_disks) {
		set_disk(param, field, &stats->disks[disks->place[member]]);
		return;
	}
	field = member_field(param->field, "net.", &member);
	if (field && nics->place[member] >= 0 && (size_t)nics->place[member] < stats->n_nics) {
		set_field(param, field, nic_fields, G_N_ELEMENTS(nic_fields),
			  &stats->nics[nics->place[member]]);
		return;
	}
	set_field(param, param->field, domain_fields, G_N_ELEMENTS(domain_fields), stats);
}

/*
 * Is the disk a file? libvirt gives the path of local sources only: files and block devices. The
 * XML knows of links to block devices.
 */
static bool is_file(const struct kvmlens_disk_stats *disk, const struct libvirt_meta *meta)
{
	const struct libvirt_device *device =
		meta ? libvirt_device_find(meta->disks, disk->name) : NULL;

	return disk->source[0] == '/' && !g_str_has_prefix(disk->source, "/dev/") &&
	       (!device || device->file);
}

/*
 * libvirt's own "allocation" is the highest offset ever written. The blocks that the host has given
 * to a file are in "physical"; of a block device and of a network disk, nothing says how much is
 * theirs.
 */
static void set_allocation(const struct libvirt_meta *meta, struct kvmlens_vm_stats *stats)
{
	for (size_t i = 0; i < stats->n_disks; i++)
		if (is_file(&stats->disks[i], meta))
			stats->disks[i].allocation = stats->disks[i].physical;
}

void libvirt_stats_settle(const char *root, struct kvmlens_vm_stats *stats)
{
	for (size_t i = 0; i < stats->n_disks; i++) {
		struct kvmlens_disk_stats *disk = &stats->disks[i];
		g_autofree char *path = NULL;
		struct stat st;

		if (disk->allocation == KVMLENS_ABSENT || disk->allocation != disk->capacity)
			continue;
		disk->allocation = KVMLENS_ABSENT;
		if (!root || strlen(disk->source) >= sizeof(disk->source) - 1)
			continue;
		path = g_strconcat(root, disk->source, NULL);
		if (!stat(path, &st) && S_ISREG(st.st_mode))
			disk->allocation = (uint64_t)st.st_blocks * 512;
	}
}

/* libvirt numbers them all; those beyond the bound have no names here. */
static uint64_t beyond(const virTypedParameter *params, size_t n, const char *name)
{
	uint64_t count = 0;

	libvirt_param_u64(params, n, name, &count);
	return count > VM_DEVICES_MAX ? count - VM_DEVICES_MAX : 0;
}

void libvirt_stats_fill(const virTypedParameter *params, size_t n, const struct libvirt_meta *meta,
			struct kvmlens_vm_stats *stats)
{
	struct members disks, nics;
	uint64_t state;

	if (libvirt_param_u64(params, n, "state.state", &state))
		stats->state = libvirt_state(MIN(state, G_MAXINT));
	add_members(params, n, meta, stats, &disks, &nics);
	for (size_t i = 0; i < n; i++)
		set_param(&params[i], stats, &disks, &nics);
	stats->disks_left_out += beyond(params, n, "block.count");
	stats->nics_left_out += beyond(params, n, "net.count");
	set_allocation(meta, stats);
	/* Zero: the guest has never answered. */
	if (stats->memory.last_update == 0)
		stats->memory.last_update = KVMLENS_ABSENT;
}

bool libvirt_param_u64(const virTypedParameter *params, size_t n, const char *name,
		       uint64_t *ret_value)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(params[i].field, name))
			return param_value(&params[i], ret_value);
	return false;
}
