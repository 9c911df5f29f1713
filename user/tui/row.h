/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the table: which entities of a snapshot are shown, and in which order. */
#ifndef KVMLENS_TUI_ROW_H
#define KVMLENS_TUI_ROW_H

#include <glib.h>
#include "metric/model.h"

enum row_kind { ROW_VM, ROW_VCPU, ROW_ROLE, ROW_PROCESS };

#define ROW_PROCESSES 10 /* of a guest, those that use most CPU */

/* Borrows from the snapshot. */
struct row {
	enum row_kind kind;
	const struct snap_vm *vm;
	union {
		const struct snap_vcpu *vcpu;
		const struct snap_role *role;
		const struct snap_process *process; /* inside the guest */
	};
	bool expanded; /* a VM whose vCPUs follow */
	bool sum; /* percentages summed over the vCPUs */
};

struct column;

/* What the user asked for. */
struct row_spec {
	const struct column *sort;
	bool reverse;
	bool sum;
	bool expand_all;
	const char *filter; /* part of a name, or a glob; case is ignored; NULL or "": all */
	GHashTable *toggled; /* set of struct vm_ident whose expansion differs from expand_all */
};

/* A VM that does not run though it is meant to, the worst last. */
enum row_trouble { TROUBLE_NONE, TROUBLE_PAUSED, TROUBLE_STALL };
enum row_trouble row_trouble(const struct snap_vm *vm);

/* The VM's name as it may be shown; never NULL. */
const char *row_vm_name(const struct snap_vm *vm);

/* Is it the same VM: the same process, or without a process the same uuid? For GHashTable. */
gboolean row_ident_equal(gconstpointer a, gconstpointer b);
guint row_ident_hash(gconstpointer ident);

/* A set of identities for row_spec.toggled; it holds references. */
GHashTable *row_ident_set(void);

/* Are they rows of the same thing, in two snapshots? */
bool row_same(const struct row *a, const struct row *b);

/* Add rows of a guest's processes, at most max: those that use most CPU, then memory, first. */
void rows_processes(GArray *rows, const struct snap_vm *vm, bool sum, guint max);

/*
 * Fill rows (of struct row). A VM in trouble comes first, whatever the order; a value that is not
 * known sorts last, in either direction.
 */
void rows_build(GArray *rows, const struct kvmlens_snapshot *snapshot, const struct row_spec *spec);

#endif
