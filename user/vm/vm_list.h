/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider's calls brought: immutable once published, counted, bounded. */
#ifndef KVMLENS_VM_VM_LIST_H
#define KVMLENS_VM_VM_LIST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <kvmlens.h>
#include "util/bounds.h"

#define VM_ID_MAX 16384 /* bytes of a name or a provider's key */
#define KVMLENS_OFF_REASON "off_reason" /* label: why a provider says that a VM is off */
#define KVMLENS_GONE_REASON "gone_reason" /* label: why one ended that the provider has forgotten */
#define VM_INFO_MAX 32 /* labels of one VM */

/* What a provider's list() said of one VM; strings are owned by the list. */
struct vm_entry {
	char *id, *name, *uuid; /* uuid is NULL where the provider has none */
	int pid; /* 0: unknown */
	enum kvmlens_vm_state state;
	enum kvmlens_pause pause;
	struct kvmlens_tag *info;
	size_t n_info;
};

/* A finished list(). */
struct vm_list {
	gint ref;
	uint64_t mono_ns; /* when the answer was complete, CLOCK_MONOTONIC */
	GPtrArray *vms; /* struct vm_entry *, in the provider's order */
	uint64_t dropped; /* VMs left out: too many, or without a name */
};

/* Finished statistics of all VMs that answered. */
struct vm_stats_set {
	gint ref;
	uint64_t mono_ns;
	GHashTable *by_id; /* char * -> struct kvmlens_vm_stats * */
};

struct vm_list *vm_list_new(void);
struct vm_list *vm_list_ref(struct vm_list *list);
void vm_list_unref(struct vm_list *list);

/* Copy what a provider said, within the bounds above. False: left out. */
bool vm_list_add(struct vm_list *list, const struct kvmlens_vm *vm);

/* Same VMs in the same order with the same names, states and labels? */
bool vm_list_equal(const struct vm_list *a, const struct vm_list *b);

/* The same labels in the same order? */
bool vm_entry_info_equal(const struct vm_entry *a, const struct vm_entry *b);

struct vm_stats_set *vm_stats_set_new(void);
struct vm_stats_set *vm_stats_set_ref(struct vm_stats_set *set);
void vm_stats_set_unref(struct vm_stats_set *set);
bool vm_stats_set_add(struct vm_stats_set *set, const char *id,
		      const struct kvmlens_vm_stats *stats);

/* NULL: the provider said nothing of this VM. Lives as long as the set. */
const struct kvmlens_vm_stats *vm_stats_find(const struct vm_stats_set *set, const char *id);

#endif
