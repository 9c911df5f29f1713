// SPDX-License-Identifier: Apache-2.0
#include "core/nics_read.h"

#include <string.h>
#include <unistd.h>

#include "vm/link.h"
#include "vm/proc_fs.h"

#define PROC_NET_MAX (1u << 20)
/* Descriptors are looked at anew when an interface came or went, and every so many readings. */
#define LOOK_AGAIN 6

/* What is remembered of a VM. */
struct known {
	uint64_t start_ns;
	GArray *taps; /* struct tap */
	uint64_t netns; /* 0: ours, or unknown */
	unsigned looked, seen; /* numbers of readings */
	int left_out; /* taps beyond the bound */
};

struct nics_reader {
	int root;
	uint64_t netns; /* our own */
	GMutex lock;
	GArray *targets;
	GHashTable *known; /* by pid */
	GArray *links; /* of this reading */
	GHashTable *by_name; /* into links */
	guint names_hash; /* of the links of the reading before */
	bool changed; /* links came or went */
	unsigned number;
	struct net *net;
	struct refusals *refusals;
	GHashTable *shares; /* ordinary owner to interfaces in this reading */
	GArray *wanted; /* struct net_target of this reading */
};

static void known_free(gpointer data)
{
	struct known *known = data;

	g_array_unref(known->taps);
	g_free(known);
}

struct nics_reader *nics_reader_new(int root, struct net *net, struct refusals *refusals)
{
	struct nics_reader *r = g_new0(struct nics_reader, 1);

	r->root = root;
	r->net = net;
	r->refusals = refusals;
	r->shares = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	r->wanted = g_array_new(FALSE, TRUE, sizeof(struct net_target));
	r->netns = tap_netns(root, 0);
	r->targets = g_array_new(FALSE, TRUE, sizeof(struct nics_target));
	r->known = g_hash_table_new_full(NULL, NULL, NULL, known_free);
	r->links = g_array_new(FALSE, FALSE, sizeof(struct link));
	r->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	g_mutex_init(&r->lock);
	return r;
}

void nics_reader_free(gpointer reader)
{
	struct nics_reader *r = reader;

	g_array_unref(r->targets);
	g_hash_table_unref(r->known);
	g_hash_table_unref(r->shares);
	g_hash_table_unref(r->by_name);
	g_array_unref(r->links);
	g_array_unref(r->wanted);
	g_mutex_clear(&r->lock);
	close(r->root);
	g_free(r);
}

void nics_reader_set(struct nics_reader *r, GArray *targets)
{
	GArray *old;

	g_mutex_lock(&r->lock);
	old = r->targets;
	r->targets = targets;
	g_mutex_unlock(&r->lock);
	g_array_unref(old);
}

static void vm_free(gpointer data)
{
	struct nics_vm *vm = data;

	g_array_unref(vm->nics);
	g_free(vm);
}

void nics_result_clear(gpointer data)
{
	struct nics_result *result = data;

	g_hash_table_unref(result->by_pid);
	g_array_unref(result->drops);
}

static void index_links(struct nics_reader *r)
{
	guint hash = r->links->len;

	g_hash_table_remove_all(r->by_name);
	for (unsigned i = 0; i < r->links->len; i++) {
		struct link *link = &g_array_index(r->links, struct link, i);

		hash = hash * 31 + (g_str_hash(link->name) ^ link->index);
		g_hash_table_insert(r->by_name, link->name, link);
	}
	r->changed = hash != r->names_hash;
	r->names_hash = hash;
}

/* A tap hands to the guest what it transmits; a macvtap counts as the guest sees it. */
static bool is_swapped(const struct link *link)
{
	return strcmp(link->kind, "macvtap") && strcmp(link->kind, "ipvtap");
}

static void add(GArray *nics, const struct link *link)
{
	struct nic_sample sample = {0};
	struct nic_counters *c = &sample.count;

	if (!link->counted)
		return;
	for (unsigned i = 0; i < nics->len; i++)
		if (!strcmp(g_array_index(nics, struct nic_sample, i).name, link->name))
			return;
	memcpy(sample.name, link->name, sizeof(sample.name));
	sample.index = link->index;
	sample.is_tap = !strcmp(link->kind, "tun");
	if (is_swapped(link))
		*c = (struct nic_counters){link->tx_bytes,   link->tx_packets, link->tx_errors,
					   link->tx_dropped, link->rx_bytes,   link->rx_packets,
					   link->rx_errors,  link->rx_dropped};
	else
		*c = (struct nic_counters){link->rx_bytes,   link->rx_packets, link->rx_errors,
					   link->rx_dropped, link->tx_bytes,   link->tx_packets,
					   link->tx_errors,  link->tx_dropped};
	g_array_append_val(nics, sample);
}

/* What the VMM holds is an interface of ours if name, index and kind agree. */
static const struct link *find_link(struct nics_reader *r, const struct tap *tap)
{
	const struct link *link = g_hash_table_lookup(r->by_name, tap->name);

	if (!link || (tap->index ? link->index != tap->index || is_swapped(link)
				 : strcmp(link->kind, "tun") != 0))
		return NULL;
	return link;
}

static void add_ours(struct nics_reader *r, const struct nics_target *target,
		     const struct known *known, GArray *nics)
{
	const struct link *link;

	for (unsigned i = 0; i < known->taps->len; i++) {
		link = find_link(r, &g_array_index(known->taps, struct tap, i));
		if (link)
			add(nics, link);
	}
	for (unsigned i = 0; i < VM_DEVICES_MAX && target->names[i][0]; i++) {
		link = g_hash_table_lookup(r->by_name, target->names[i]);
		if (link && nics->len < TAPS_MAX)
			add(nics, link);
	}
}

/* Of another network namespace /proc tells, without any right to enter it. */
static void add_foreign(struct nics_reader *r, const struct nics_target *target,
			const struct known *known, GArray *nics)
{
	g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(struct link));
	g_autofree char *text = g_malloc(PROC_NET_MAX);
	char path[32];
	ssize_t n;

	g_snprintf(path, sizeof(path), "%d/net/dev", target->pid);
	n = proc_fs_read(r->root, path, text, PROC_NET_MAX);
	if (n <= 0)
		return;
	link_parse_proc(text, n, links);
	for (unsigned i = 0; i < known->taps->len; i++) {
		const struct tap *tap = &g_array_index(known->taps, struct tap, i);

		for (unsigned j = 0; j < links->len && !tap->index; j++)
			if (!strcmp(g_array_index(links, struct link, j).name, tap->name))
				add(nics, &g_array_index(links, struct link, j));
	}
}

static struct known *known_of(struct nics_reader *r, const struct nics_target *target)
{
	struct known *known = g_hash_table_lookup(r->known, GINT_TO_POINTER(target->pid));
	uint64_t netns;

	if (!known || known->start_ns != target->start_ns) {
		known = g_new0(struct known, 1);
		known->start_ns = target->start_ns;
		known->taps = g_array_new(FALSE, TRUE, sizeof(struct tap));
		g_hash_table_insert(r->known, GINT_TO_POINTER(target->pid), known);
	}
	known->seen = r->number;
	if (known->looked && !r->changed && r->number - known->looked < LOOK_AGAIN)
		return known;
	known->looked = r->number;
	g_array_set_size(known->taps, 0);
	known->left_out = MAX(tap_scan(&(struct tap_host){.proc = r->root, .netns = r->netns},
				       target->pid, target->owner.ordinary, known->taps),
			      0);
	netns = tap_netns(r->root, target->pid);
	known->netns = netns == r->netns ? 0 : netns;
	return known;
}

static gboolean unseen(gpointer pid, gpointer known, gpointer number)
{
	return ((struct known *)known)->seen != *(unsigned *)number;
}

/* Leave an ordinary owner its share; targets are in the order of the inventory. */
static void limit(struct nics_reader *r, const struct nics_target *target, GArray *nics)
{
	uint64_t most = refusals_limit(r->refusals, REFUSAL_NICS);
	guint had, over;

	if (!target->owner.ordinary)
		return;
	had = GPOINTER_TO_UINT(g_hash_table_lookup(r->shares, target->owner.name));
	over = had + nics->len > most ? MIN(had + nics->len - (guint)most, nics->len) : 0;
	refusals_add(r->refusals, &target->owner, target->pid, REFUSAL_NICS, over);
	g_array_set_size(nics, nics->len - over);
	g_hash_table_insert(r->shares, g_strdup(target->owner.name),
			    GUINT_TO_POINTER(had + nics->len));
}

/* Taps in our own namespace whose VM's level asks for their packets. */
static void want_hooks(struct nics_reader *r, const struct nics_target *target, const GArray *nics)
{
	for (unsigned i = 0; i < nics->len; i++) {
		const struct nic_sample *s = &g_array_index(nics, struct nic_sample, i);
		struct net_target hook = {s->index, target->sizes, target->drops};

		if (s->is_tap && s->index)
			g_array_append_val(r->wanted, hook);
	}
}

static void add_drop(void *arg, uint32_t ifindex, const char *reason, uint64_t count)
{
	struct nics_drop drop = {ifindex, g_intern_string(reason), count};

	g_array_append_val((GArray *)arg, drop);
}

static void read_hooks(struct nics_reader *r, struct nics_result *result)
{
	GHashTableIter iter;
	struct nics_vm *vm;

	net_sync(r->net, (const struct net_target *)(void *)r->wanted->data, r->wanted->len);
	net_next_epoch(r->net);
	g_hash_table_iter_init(&iter, result->by_pid);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&vm))
		for (unsigned i = 0; i < vm->nics->len; i++) {
			struct nic_sample *s = &g_array_index(vm->nics, struct nic_sample, i);

			s->is_hooked =
				s->is_tap && s->index && !net_read(r->net, s->index, s->flow);
		}
	net_drops(r->net, add_drop, result->drops);
}

static void read_vm(struct nics_reader *r, const struct nics_target *target,
		    struct nics_result *result)
{
	const struct known *known = known_of(r, target);
	struct nics_vm *vm = g_new0(struct nics_vm, 1);

	vm->start_ns = target->start_ns;
	vm->left_out = known->left_out;
	vm->nics = g_array_new(FALSE, TRUE, sizeof(struct nic_sample));
	if (known->netns)
		add_foreign(r, target, known, vm->nics);
	else
		add_ours(r, target, known, vm->nics);
	limit(r, target, vm->nics);
	if (!known->netns)
		want_hooks(r, target, vm->nics);
	g_hash_table_insert(result->by_pid, GINT_TO_POINTER(target->pid), vm);
}

gpointer nics_reader_run(gpointer reader)
{
	struct nics_reader *r = reader;
	struct nics_result *result;
	GArray *targets;

	g_array_set_size(r->links, 0);
	if (link_dump(r->links))
		return NULL;
	r->number++;
	index_links(r);
	result = g_atomic_rc_box_new0(struct nics_result);
	result->mono_ns = (uint64_t)g_get_monotonic_time() * 1000;
	result->by_pid = g_hash_table_new_full(NULL, NULL, NULL, vm_free);
	result->drops = g_array_new(FALSE, FALSE, sizeof(struct nics_drop));
	g_array_set_size(r->wanted, 0);
	g_hash_table_remove_all(r->shares);
	g_mutex_lock(&r->lock);
	targets = g_array_ref(r->targets);
	g_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < targets->len; i++)
		read_vm(r, &g_array_index(targets, struct nics_target, i), result);
	g_array_unref(targets);
	/* At the first reading no level is known yet. */
	if (r->net && r->number > 1)
		read_hooks(r, result);
	g_hash_table_foreach_remove(r->known, unseen, &r->number);
	return result;
}
