/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is who: ties the VMs that providers name to the processes that there are, so that no VM is
 * there twice. Pure.
 */
#ifndef KVMLENS_VM_MERGE_H
#define KVMLENS_VM_MERGE_H

#include "vm/proc_scan.h"
#include "vm/vm_list.h"

/* What one provider listed. */
struct merge_source {
	const char *provider; /* static */
	const struct vm_list *list; /* NULL: it has not answered yet */
};

/* One VM; everything but provider belongs to the input. */
struct merged_vm {
	const struct proc_vmm *process; /* NULL: none was found */
	const struct vm_entry *entry; /* NULL: no provider names it */
	const char *provider; /* of entry, NULL */
	char *name;
	bool poses; /* an ordinary owner's process with the UUID or name of a trusted one's */
	const char *uuid; /* the VM's, or a made one: it has none, or another VM has the same */
	const char *uuid_source; /* static, or the provider's name: of the label uuid_source */
	char *made; /* owned: uuid is this, where there is no process; NULL */
	struct vm_owner owner; /* zeroed: no process was found */
};

/*
 * All VMs, each once, as an array of struct merged_vm *. sources stand in order of precedence:
 * the first that knows a VM names it. An entry belongs to the process with its pid, unless their
 * UUIDs contradict each other; else to that with its UUID; else to the only one with its name,
 * where not both have a UUID. The UUID or name that an ordinary owner's process gives itself counts
 * for nothing there: only a provider that knows its pid vouches for it, as libvirt does from a
 * file that root alone writes. unnamed: keep processes that no source names.
 */
GPtrArray *merge_vms(const GPtrArray *processes, const struct merge_source *sources, size_t n,
		     bool unnamed);

#endif
