// SPDX-License-Identifier: Apache-2.0
#include "vm/departed.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

struct gone {
	struct vm_ident *ident; /* pid 0 */
	struct labels *info;
	const char *provider; /* static */
	struct vm_exit exit;
	struct vm_down down;
	bool found; /* a provider still lists it, as being off */
};

struct departed {
	int64_t keep_ms;
	GQueue gone; /* struct gone, the oldest first */
};

/* Ends that somebody wanted. */
static bool is_meant(const char *said)
{
	static const char *const meant[] = {"shutdown", "destroyed", "migrated",
					    "saved",	"snapshot",  "daemon"};

	for (size_t i = 0; said && i < G_N_ELEMENTS(meant); i++)
		if (strcmp(said, meant[i]) == 0)
			return true;
	return false;
}

static void judge_exit(const struct vm_exit *exit, struct vm_down *down)
{
	int signal = WTERMSIG(exit->code);

	if (WIFEXITED(exit->code)) {
		down->exit_code = WEXITSTATUS(exit->code);
		down->reason = down->exit_code ? "exit" : "exited";
		down->died = down->exit_code ? VM_DIED : VM_ENDED;
		return;
	}
	down->signal = signal;
	down->reason = "signal";
	/* What a service manager or an administrator sends to stop it. */
	down->died = signal == SIGTERM || signal == SIGINT || signal == SIGHUP ? VM_ENDED : VM_DIED;
}

struct vm_down vm_down_judge(const struct vm_exit *exit, const char *said, int64_t since_ms)
{
	struct vm_down down = {.since_ms = since_ms,
			       .reason = "unknown",
			       .died = VM_END_UNKNOWN,
			       .signal = -1,
			       .exit_code = -1};

	if (exit && exit->known)
		judge_exit(exit, &down);
	if (exit && exit->oom) {
		down.reason = "oom";
		down.died = VM_DIED;
	} else if (is_meant(said)) {
		down.reason = g_intern_string(said);
		down.died = VM_ENDED;
	} else if (said && down.died != VM_DIED) {
		down.reason = g_intern_string(said);
		down.died = VM_DIED;
	}
	return down;
}

char *vm_down_text(const struct vm_down *down)
{
	if (strcmp(down->reason, "oom") == 0)
		return g_strdup("killed by the kernel, which was out of memory");
	if (strcmp(down->reason, "signal") == 0)
		return g_strdup_printf("killed by signal %d (%s)", down->signal,
				       strsignal(down->signal));
	if (strcmp(down->reason, "exit") == 0)
		return g_strdup_printf("its process ended with exit code %d", down->exit_code);
	if (strcmp(down->reason, "exited") == 0)
		return g_strdup("its process ended by itself");
	if (strcmp(down->reason, "unknown") == 0)
		return g_strdup("nobody knows why");
	return g_strdup(down->reason);
}

struct departed *departed_new(int64_t keep_ms)
{
	struct departed *departed = g_new0(struct departed, 1);

	departed->keep_ms = keep_ms;
	g_queue_init(&departed->gone);
	return departed;
}

static void gone_free(gpointer arg)
{
	struct gone *gone = arg;

	vm_ident_unref(gone->ident);
	labels_unref(gone->info);
	g_free(gone);
}

void departed_free(struct departed *departed)
{
	if (!departed)
		return;
	g_queue_clear_full(&departed->gone, gone_free);
	g_free(departed);
}

static bool is_same_owner(const struct vm_ident *a, const struct vm_ident *b)
{
	return a->owner.uid == b->owner.uid && a->owner.ordinary == b->owner.ordinary;
}

/* One that a provider lists as off has no process, and so no owner. */
static bool is_same(const struct vm_ident *gone, const struct vm_ident *ident)
{
	if (ident->pid && !is_same_owner(gone, ident))
		return false;
	return strcmp(gone->uuid, ident->uuid) == 0 ||
	       (ident->pid && strcmp(gone->name, ident->name) == 0);
}

static GList *link_of(struct departed *departed, const struct vm_ident *ident)
{
	for (GList *l = departed->gone.head; l; l = l->next)
		if (is_same(((struct gone *)l->data)->ident, ident))
			return l;
	return NULL;
}

static void drop(struct departed *departed, GList *link)
{
	gone_free(link->data);
	g_queue_delete_link(&departed->gone, link);
}

void departed_back(struct departed *departed, const struct vm_ident *ident)
{
	GList *link;

	while ((link = link_of(departed, ident)))
		drop(departed, link);
}

/* Whoever has most of them loses one: nobody floods out the VMs of another. */
static void make_room(struct departed *departed)
{
	g_autoptr(GHashTable) counts = g_hash_table_new(NULL, NULL);
	guint most = 0;
	GList *oldest = NULL;

	for (GList *l = departed->gone.tail; l; l = l->prev) {
		gpointer uid = GUINT_TO_POINTER(((struct gone *)l->data)->ident->owner.uid);
		guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, uid)) + 1;

		g_hash_table_insert(counts, uid, GUINT_TO_POINTER(n));
		if (n >= most) {
			most = n;
			oldest = l;
		}
	}
	if (oldest)
		drop(departed, oldest);
}

void departed_add(struct departed *departed, const struct inventory_vm *vm,
		  const struct vm_exit *exit, int64_t now_ms)
{
	struct gone *gone;

	if (!departed->keep_ms)
		return;
	departed_back(departed, vm->ident);
	if (departed->gone.length >= DEPARTED_MAX)
		make_room(departed);
	gone = g_new0(struct gone, 1);
	gone->ident = vm_ident_without_process(vm->ident);
	gone->info = labels_ref(vm->info);
	gone->provider = vm->provider;
	gone->exit = *exit;
	gone->down = vm_down_judge(exit, NULL, now_ms);
	g_queue_push_tail(&departed->gone, gone);
}

void departed_expire(struct departed *departed, int64_t now_ms)
{
	GList *l;

	while ((l = departed->gone.head) &&
	       now_ms - ((struct gone *)l->data)->down.since_ms >= departed->keep_ms)
		drop(departed, l);
	for (l = departed->gone.head; l; l = l->next)
		((struct gone *)l->data)->found = false;
}

const struct vm_down *departed_find(struct departed *departed, const struct vm_ident *ident,
				    const char *said)
{
	GList *link = link_of(departed, ident);
	struct gone *gone;

	if (!link)
		return NULL;
	gone = link->data;
	gone->found = true;
	gone->down = vm_down_judge(&gone->exit, said, gone->down.since_ms);
	return &gone->down;
}

void departed_say(struct departed *departed, const struct vm_ident *ident, const char *said)
{
	GList *link = link_of(departed, ident);
	struct gone *gone = link ? link->data : NULL;

	if (gone)
		gone->down = vm_down_judge(&gone->exit, said, gone->down.since_ms);
}

void departed_list(struct departed *departed, GArray *vms)
{
	for (GList *l = departed->gone.head; l; l = l->next) {
		const struct gone *gone = l->data;
		struct inventory_vm vm = {
			.ident = vm_ident_ref(gone->ident),
			.info = labels_ref(gone->info),
			.provider = gone->provider,
			.state = gone->down.died == VM_DIED ? KVMLENS_VM_CRASHED : KVMLENS_VM_OFF,
			.down = gone->down,
		};

		if (gone->found) {
			vm_ident_unref(vm.ident);
			labels_unref(vm.info);
			continue;
		}
		g_array_append_val(vms, vm);
	}
}
