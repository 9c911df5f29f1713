/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the VMM processes of a /proc tree and knows who they are. An identity is read once per
 * process, on a helper thread with a deadline, because reading a command line waits for a lock
 * that a wedged process may hold; the others are found all the same.
 */
#ifndef KVMLENS_VM_PROC_SCAN_H
#define KVMLENS_VM_PROC_SCAN_H

#include <glib.h>
#include "vm/owner.h"
#include "vm/proc_parse.h"
#include "vm/vmm_cmdline.h"

/* A live VMM process. Owned by the scan, valid until the next run. */
struct proc_vmm {
	struct proc_stat stat;
	uint64_t start_ns; /* since boot, to a clock tick */
	const char *name; /* NULL: not given, or not readable */
	const char *uuid; /* NULL likewise */
	const char *uuid_source; /* static: which option gave it; NULL likewise */
	/*
	 * A UUID made of what survives a restart, no other live VM's: of two that cannot be told
	 * apart the younger gets a second one, and keeps it while it lives.
	 */
	const char *made_uuid;
	const char *program; /* file name of argv[0]; NULL: not readable */
	const GArray *info; /* struct kvmlens_tag: what its platform calls it; NULL: none */
	enum vmm_accel accel;
	bool blocked; /* the command line cannot be read now */
	struct vm_owner owner; /* where the options have a policy */
};

/* A vhost kernel thread and the thread that it works for. */
struct proc_vhost {
	pid_t tid, owner;
};

struct proc_scan;

/* UUID sources, as the label uuid_source of vm_info has them; else the provider's name. */
#define UUID_SOURCE_OPTION "option" /* -uuid */
#define UUID_SOURCE_SMBIOS "smbios" /* -smbios type=1,uuid= */
#define UUID_SOURCE_MADE "made"

/* root NULL: /proc. Negative errno when it cannot be opened. */
int proc_scan_new(const char *root, struct proc_scan **ret_scan);
void proc_scan_free(struct proc_scan *scan);

/* The root's descriptor, for proc_fs_*. */
int proc_scan_root(const struct proc_scan *scan);

struct proc_scan_options {
	GHashTable *known; /* set of pids (GINT_TO_POINTER) that are VMMs for sure, or NULL */
	bool fds; /* look for KVM descriptors: no kernel iterator tells */
	const struct owner_policy *owners; /* NULL: do not ask whose the processes are */
	const char *pve; /* where Proxmox has its configuration; NULL: /etc/pve */
};

/* -errno when the root cannot be listed; what was known before then remains. */
int proc_scan_run(struct proc_scan *scan, const struct proc_scan_options *options);

/* struct proc_vmm * by pid, and struct proc_vhost, of the last run. */
const GPtrArray *proc_scan_vmms(const struct proc_scan *scan);
const GArray *proc_scan_vhosts(const struct proc_scan *scan);

/* The name of a VM: its own, or one made of the program's name and the made UUID. */
char *proc_vmm_name(const struct proc_vmm *vmm);

/* Processes whose command line hangs now, and what bounds have cut off so far. */
unsigned proc_scan_blocked(const struct proc_scan *scan);
uint64_t proc_scan_dropped(const struct proc_scan *scan);

/* Threads of the host that the tree does not show, as proc_view.h has it. */
uint64_t proc_scan_hidden(const struct proc_scan *scan);

#endif
