/* SPDX-License-Identifier: Apache-2.0 */
/* A look at the host for what no metric says: programs of a cgroup, and what limits a disk. */
#ifndef KVMLENS_CLI_WHY_LOOK_H
#define KVMLENS_CLI_WHY_LOOK_H

#include "why/evidence.h"

/* Where to look; a test hands in a fixture. */
struct why_look_roots {
	const char *proc; /* "/proc" */
	const char *libvirt; /* "/run/libvirt/qemu": the state of running domains */
};

/*
 * The programs that take most CPU time in a cgroup, over wait_ms from now on: "python3 (pid 123),
 * fio (pid 124)". NULL: none runs there now. g_free.
 */
char *why_look_programs(const struct why_look_roots *roots, const char *cgroup, unsigned wait_ms);

/* An iotune limit of the VM's disks: "total_iops_sec 60"; NULL: none is known. g_free. */
char *why_look_iotune(const struct why_look_roots *roots, const char *name, const char *uuid);

/* Note both for the culprits that the evidence has, as they are now. */
void why_look(const struct why_look_roots *roots, struct evidence *evidence);

#endif
