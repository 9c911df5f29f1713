// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include "core/vmlabels.h"

#define PARTS_MAX 512 /* from so many on, those that no snapshot has are forgotten */

struct vm_parts {
	const struct vm_ident *ident; /* a reference */
	GHashTable *vcpus; /* id to struct labels */
	GHashTable *parts; /* "key=value" to struct labels */
	guint sweep_at;
	struct labels *info, *info_from;
	uint64_t used;
};

struct vmlabels {
	GHashTable *vms; /* struct vm_ident to struct vm_parts */
	const struct kvmlens_tag *tags;
	size_t n_tags;
	uint64_t tick;
};

static void unref_labels(gpointer labels)
{
	labels_unref(labels);
}

static void parts_free(gpointer data)
{
	struct vm_parts *p = data;

	g_hash_table_unref(p->vcpus);
	g_hash_table_unref(p->parts);
	labels_unref(p->info);
	labels_unref(p->info_from);
	vm_ident_unref((struct vm_ident *)p->ident);
	g_free(p);
}

struct vmlabels *vmlabels_new(const struct kvmlens_tag *tags, size_t n_tags)
{
	struct vmlabels *v = g_new0(struct vmlabels, 1);

	v->vms = g_hash_table_new_full(NULL, NULL, NULL, parts_free);
	v->tags = tags;
	v->n_tags = n_tags;
	return v;
}

void vmlabels_free(struct vmlabels *v)
{
	if (!v)
		return;
	g_hash_table_unref(v->vms);
	g_free(v);
}

static gboolean unused(gpointer key, gpointer value, gpointer tick)
{
	return ((struct vm_parts *)value)->used != *(uint64_t *)tick;
}

static gboolean is_alone(gpointer key, gpointer labels, gpointer data)
{
	return labels_alone(labels);
}

/* A VM may live for years, and be named with each of a host's short-lived cgroups once. */
static void sweep(gpointer key, gpointer value, gpointer data)
{
	struct vm_parts *p = value;

	if (g_hash_table_size(p->parts) < p->sweep_at)
		return;
	g_hash_table_foreach_remove(p->parts, is_alone, NULL);
	p->sweep_at = MAX(PARTS_MAX, 2 * g_hash_table_size(p->parts));
}

void vmlabels_begin(struct vmlabels *v)
{
	g_hash_table_foreach_remove(v->vms, unused, &v->tick);
	g_hash_table_foreach(v->vms, sweep, NULL);
	v->tick++;
}

unsigned vmlabels_count(const struct vmlabels *v, const struct vm_ident *ident)
{
	const struct vm_parts *p = g_hash_table_lookup(v->vms, ident);

	return p ? g_hash_table_size(p->parts) : 0;
}

static struct vm_parts *parts_of(struct vmlabels *v, const struct vm_ident *ident)
{
	struct vm_parts *p = g_hash_table_lookup(v->vms, ident);

	if (!p) {
		p = g_new0(struct vm_parts, 1);
		p->ident = vm_ident_ref((struct vm_ident *)ident);
		p->sweep_at = PARTS_MAX;
		p->vcpus = g_hash_table_new_full(NULL, NULL, NULL, unref_labels);
		p->parts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_labels);
		g_hash_table_insert(v->vms, (gpointer)ident, p);
	}
	p->used = v->tick;
	return p;
}

struct labels *vmlabels_vcpu(struct vmlabels *v, const struct vm_ident *ident, uint32_t vcpu)
{
	struct vm_parts *p = parts_of(v, ident);
	struct labels *labels = g_hash_table_lookup(p->vcpus, GUINT_TO_POINTER(vcpu));
	char id[16];

	if (!labels) {
		snprintf(id, sizeof(id), "%u", vcpu);
		labels = labels_new_one(ident->labels, "vcpu", id);
		g_hash_table_insert(p->vcpus, GUINT_TO_POINTER(vcpu), labels);
	}
	return labels_ref(labels);
}

struct labels *vmlabels_part(struct vmlabels *v, const struct vm_ident *ident, const char *key,
			     const char *value)
{
	struct vm_parts *p = parts_of(v, ident);
	g_autofree char *name = g_strdup_printf("%s=%s", key, value);
	struct labels *labels = g_hash_table_lookup(p->parts, name);

	if (!labels) {
		labels = labels_new_one(ident->labels, key, value);
		g_hash_table_insert(p->parts, g_steal_pointer(&name), labels);
	}
	return labels_ref(labels);
}

struct labels *vmlabels_two(struct vmlabels *v, const struct vm_ident *ident, const char *key,
			    const char *value, const char *key2, const char *value2)
{
	struct vm_parts *p = parts_of(v, ident);
	g_autofree char *name = g_strdup_printf("%s=%s=%s=%s", key2, value2, key, value);
	struct labels *labels = g_hash_table_lookup(p->parts, name);

	if (!labels) {
		struct kvmlens_tag tags[] = {{key, value}, {key2, value2}};

		labels = labels_new(ident->labels, tags, G_N_ELEMENTS(tags));
		g_hash_table_insert(p->parts, g_steal_pointer(&name), labels);
	}
	return labels_ref(labels);
}

/* Whose it is, behind the labels of provider and operator, which may use these words too. */
static struct labels *add_owner(struct labels *labels, const struct vm_owner *owner)
{
	const struct kvmlens_tag tags[] = {{"owner", owner->name},
					   {"executable", owner->exe},
					   {"vouched", owner->vouched ? "yes" : "no"}};
	struct labels *all;

	if (!owner->name[0])
		return labels;
	all = labels_new(labels, tags, G_N_ELEMENTS(tags));
	labels_unref(labels);
	return all;
}

struct labels *vmlabels_info(struct vmlabels *v, const struct inventory_vm *vm)
{
	struct vm_parts *p = parts_of(v, vm->ident);

	if (!p->info || p->info_from != vm->info) {
		labels_unref(p->info);
		labels_unref(p->info_from);
		p->info_from = vm->info ? labels_ref(vm->info) : NULL;
		p->info = labels_new(vm->info ? vm->info : vm->ident->labels, v->tags, v->n_tags);
		p->info = add_owner(p->info, &vm->ident->owner);
	}
	return labels_ref(p->info);
}
