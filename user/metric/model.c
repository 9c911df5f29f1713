// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "metric/model.h"
#include "metric/scope.h"

/* Name-based, version 5. */
char *vm_make_uuid(const char *space, const char *name)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	guint8 d[20];
	gsize len = sizeof(d);

	g_checksum_update(sum, (const guchar *)"kvmlens-vm", -1);
	g_checksum_update(sum, (const guchar *)space, -1);
	g_checksum_update(sum, (const guchar *)":", 1);
	g_checksum_update(sum, (const guchar *)name, -1);
	g_checksum_get_digest(sum, d, &len);
	d[6] = (d[6] & 0x0f) | 0x50;
	d[8] = (d[8] & 0x3f) | 0x80;
	return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
			       "%02x%02x%02x%02x%02x%02x",
			       d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10],
			       d[11], d[12], d[13], d[14], d[15]);
}

/* The count lies behind what others see. */
struct ident_block {
	struct vm_ident ident;
	gint ref;
};

static void set_name(struct vm_ident *ident, const char *name, const char *uuid)
{
	bool ordinary = ident->owner.ordinary, has_uuid = uuid && *uuid;
	const char *owner = ordinary ? ident->owner.name : "";
	g_autofree char *space = g_strdup_printf("@%s", owner);

	ident->name = ordinary ? g_strdup_printf("%s/%s", owner, name) : g_strdup(name);
	ident->uuid = has_uuid && !ordinary ? g_strdup(uuid)
					    : vm_make_uuid(space, has_uuid ? uuid : name);
}

struct vm_ident *vm_ident_owned(const struct vm_owner *owner, const char *name, const char *uuid,
				pid_t pid, uint64_t start_ns, bool tcg)
{
	struct ident_block *block = g_new0(struct ident_block, 1);
	struct vm_ident *ident = &block->ident;

	block->ref = 1;
	if (owner)
		ident->owner = *owner;
	ident->pid = pid;
	ident->start_ns = start_ns;
	ident->tcg = tcg;
	set_name(ident, name ?: "", uuid);
	ident->labels = labels_new(
		NULL, (struct kvmlens_tag[]){{"vm", ident->name}, {"uuid", ident->uuid}}, 2);
	return ident;
}

struct vm_ident *vm_ident_without_process(const struct vm_ident *ident)
{
	struct ident_block *block = g_new0(struct ident_block, 1);

	block->ref = 1;
	block->ident = (struct vm_ident){.name = g_strdup(ident->name),
					 .uuid = g_strdup(ident->uuid),
					 .tcg = ident->tcg,
					 .owner = ident->owner,
					 .labels = labels_ref(ident->labels)};
	return &block->ident;
}

struct vm_ident *vm_ident_new(const char *name, const char *uuid, pid_t pid, uint64_t start_ns,
			      bool tcg)
{
	return vm_ident_owned(NULL, name, uuid, pid, start_ns, tcg);
}

struct vm_ident *vm_ident_ref(struct vm_ident *ident)
{
	g_atomic_int_inc(&((struct ident_block *)ident)->ref);
	return ident;
}

void vm_ident_unref(struct vm_ident *ident)
{
	if (!ident || !g_atomic_int_dec_and_test(&((struct ident_block *)ident)->ref))
		return;
	labels_unref(ident->labels);
	g_free(ident->name);
	g_free(ident->uuid);
	g_free(ident);
}

void entities_alloc(struct entities *entities, size_t n, size_t stride)
{
	*entities = (struct entities){n ? g_malloc0_n(n, stride) : NULL, n, stride};
}

void entities_grow(struct entities *entities, size_t n, size_t stride)
{
	if (!n)
		return;
	entities->v = g_realloc_n(entities->v, entities->n + n, stride);
	entities->stride = stride;
	memset(entities_at(entities, entities->n), 0, n * stride);
	entities->n += n;
}

/* Entities begin with their labels, whatever they are. */
static void entities_clear(struct entities *entities)
{
	for (size_t i = 0; i < entities->n; i++)
		labels_unref(*(struct labels **)entities_at(entities, i));
	g_free(entities->v);
	*entities = (struct entities){0};
}

static void entities_close_gap(struct entities *entities, size_t i)
{
	entities->n--;
	memmove(entities_at(entities, i), entities_at(entities, i + 1),
		(entities->n - i) * entities->stride);
}

void entities_remove(struct entities *entities, size_t i)
{
	labels_unref(*(struct labels **)entities_at(entities, i));
	entities_close_gap(entities, i);
}

static void vm_clear(struct snap_vm *vm)
{
#define CLEAR(scope, type, array, name, keys) entities_clear(&vm->array);
	METRIC_SCOPES_VM(CLEAR)
#undef CLEAR
	guest_view_unref(vm->guest.view);
	guest_view_unref(vm->guest.prev);
	vm_ident_unref(vm->ident);
}

void snap_vm_strip(struct snap_vm *vm)
{
#define STRIP(scope, type, array, name, keys)                      \
	if (&vm->array != &vm->info && &vm->array != &vm->sources) \
		entities_clear(&vm->array);
	METRIC_SCOPES_VM(STRIP)
#undef STRIP
}

struct kvmlens_snapshot *snapshot_new(void)
{
	struct kvmlens_snapshot *snapshot = g_new0(struct kvmlens_snapshot, 1);

	snapshot->ref = 1;
	return snapshot;
}

void snapshot_remove_vm(struct kvmlens_snapshot *snapshot, size_t i)
{
	vm_clear(entities_at(&snapshot->vms, i));
	entities_remove(&snapshot->vms, i);
}

static void snapshot_free(struct kvmlens_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->vms.n; i++)
		vm_clear(entities_at(&snapshot->vms, i));
	entities_clear(&snapshot->vms);
#define CLEAR(scope, type, array, name, keys) entities_clear(&snapshot->array);
	METRIC_SCOPES_HOST(CLEAR)
#undef CLEAR
	g_free(snapshot);
}

/* Only the count of a published snapshot ever changes. */
const struct kvmlens_snapshot *kvmlens_snapshot_ref(const struct kvmlens_snapshot *snapshot)
{
	g_atomic_int_inc(&((struct kvmlens_snapshot *)snapshot)->ref);
	return snapshot;
}

void kvmlens_snapshot_unref(const struct kvmlens_snapshot *snapshot)
{
	if (snapshot && g_atomic_int_dec_and_test(&((struct kvmlens_snapshot *)snapshot)->ref))
		snapshot_free((struct kvmlens_snapshot *)snapshot);
}

int64_t kvmlens_snapshot_time(const struct kvmlens_snapshot *snapshot)
{
	return snapshot->wall_ms;
}

const char *vm_state_name(enum kvmlens_vm_state state)
{
	static const char *const names[] = {
		[KVMLENS_VM_UNKNOWN] = "unknown",
		[KVMLENS_VM_RUNNING] = "running",
		[KVMLENS_VM_PAUSED] = "paused",
		[KVMLENS_VM_SHUTDOWN] = "shutdown",
		[KVMLENS_VM_OFF] = "off",
		[KVMLENS_VM_CRASHED] = "crashed",
		[KVMLENS_VM_SUSPENDED] = "suspended",
		[KVMLENS_VM_MIGRATING] = "migrating",
	};

	return (unsigned)state < G_N_ELEMENTS(names) ? names[state] : "unknown";
}

const char *ready_cause_name(enum ready_cause cause)
{
	static const char *const names[] = {
		[CAUSE_VM] = "vm",
		[CAUSE_HOST] = "host",
		[CAUSE_SELF] = "self",
		[CAUSE_THROTTLED] = "throttled",
		[CAUSE_INTERRUPT] = "interrupt",
		[CAUSE_PINNING] = "pinning",
		[CAUSE_IDLE] = "idle",
		[CAUSE_OTHER] = "other",
	};

	return (unsigned)cause < G_N_ELEMENTS(names) ? names[cause] : "other";
}
