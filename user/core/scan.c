// SPDX-License-Identifier: Apache-2.0
#include "core/scan.h"

static void free_array(gpointer array)
{
	g_array_unref(array);
}

void scan_init(struct scan *s)
{
	s->found = g_array_new(FALSE, FALSE, sizeof(struct kvm_found));
	s->found_by_tid = g_hash_table_new(NULL, NULL);
	s->waiting = g_array_new(FALSE, FALSE, sizeof(struct sched_waiting));
	s->waiting_by_slot = g_hash_table_new(NULL, NULL);
	s->reasons_by_tid = g_hash_table_new_full(NULL, NULL, NULL, free_array);
}

void scan_clear(struct scan *s)
{
	g_array_unref(s->found);
	g_hash_table_unref(s->found_by_tid);
	g_array_unref(s->waiting);
	g_hash_table_unref(s->waiting_by_slot);
	g_hash_table_unref(s->reasons_by_tid);
}

static void add_reason(void *arg, const struct kvm_reason_key *key,
		       const struct kvm_reason_value *value)
{
	GHashTable *by_tid = arg;
	GArray *list = g_hash_table_lookup(by_tid, GUINT_TO_POINTER(key->tid));
	struct scan_reason reason = {key->reason, value->count, value->ns};

	if (!list) {
		list = g_array_new(FALSE, FALSE, sizeof(reason));
		g_hash_table_insert(by_tid, GUINT_TO_POINTER(key->tid), list);
	}
	g_array_append_val(list, reason);
}

void scan_run(struct scan *s, struct probe *probe)
{
	unsigned i;

	g_array_set_size(s->found, 0);
	g_hash_table_remove_all(s->found_by_tid);
	g_hash_table_remove_all(s->reasons_by_tid);
	if (!probe)
		return;
	probe_scan_kvm(probe, s->found);
	probe_reasons(probe, add_reason, s->reasons_by_tid);
	for (i = 0; i < s->found->len; i++) {
		struct kvm_found *f = &g_array_index(s->found, struct kvm_found, i);

		if (f->kind == KVM_FOUND_VCPU && f->tid)
			g_hash_table_insert(s->found_by_tid, GUINT_TO_POINTER(f->tid), f);
	}
}

void scan_waiting(struct scan *s, struct probe *probe, uint64_t now)
{
	unsigned i;

	g_array_set_size(s->waiting, 0);
	g_hash_table_remove_all(s->waiting_by_slot);
	if (!probe)
		return;
	probe_scan_waiting(probe, now, s->waiting);
	for (i = 0; i < s->waiting->len; i++) {
		struct sched_waiting *w = &g_array_index(s->waiting, struct sched_waiting, i);

		g_hash_table_insert(s->waiting_by_slot, GUINT_TO_POINTER(w->slot), w);
	}
}

uint64_t scan_queued_since(const struct scan *s, uint16_t slot)
{
	struct sched_waiting *w = g_hash_table_lookup(s->waiting_by_slot, GUINT_TO_POINTER(slot));

	return w ? w->since : 0;
}
