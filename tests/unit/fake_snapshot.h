/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots with made-up values, the same ones on every run. */
#ifndef KVMLENS_TESTS_FAKE_SNAPSHOT_H
#define KVMLENS_TESTS_FAKE_SNAPSHOT_H

#include "metric/model.h"

struct fake_spec {
	unsigned vms, vcpus; /* vcpus: of each VM */
	enum kvmlens_level level;
	/* Names of the first VMs; the others are vm-0000, vm-0001, ... NULL ends the list. */
	const char *const *names;
	/*
	 * Ticks of 10 s since the VMs began: counters grow in proportion and rates stay. 0 means
	 * the first one.
	 */
	unsigned tick;
	/*
	 * Every metric of the table has a value: scopes that are empty else have two entities in
	 * each VM, disks FAKE_DISKS, and whatever is unknown has some number.
	 */
	bool everything;
	/* With everything: as many entities as may be at that level, by the bounds of each kind. */
	bool worst;
};

#define FAKE_DISKS 3
#define FAKE_NICS 2
#define FAKE_INTERVAL_NS 10000000000ull

/*
 * Known are the CPU of VMs and vCPUs with their exits, roles and sources, and kvmlens itself. VM
 * number v runs 10 + v % 80 percent of the time, is ready 5 + v % 20 percent, and a fifth of that
 * is steal; each vCPU likewise. Never NULL; kvmlens_snapshot_unref() frees it.
 */
struct kvmlens_snapshot *fake_snapshot(const struct fake_spec *spec);

/* Names that a page, a line or a terminal must survive; NULL-terminated. */
extern const char *const fake_hostile_names[];

/* fake_hostile_names with one of 10,000 letters among them. */
const char *const *fake_hostile_names_all(void);

/* VMs that are called so, with every metric. */
struct fake_spec fake_hostile_spec(unsigned vms, unsigned vcpus, enum kvmlens_level level);

/* Names apart, the identity of VM number v. Free with vm_ident_unref. */
struct vm_ident *fake_ident(const struct fake_spec *spec, unsigned v);

#endif
