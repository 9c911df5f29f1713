// SPDX-License-Identifier: Apache-2.0
#include "probe/net.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probe/log.h"
#include "probe/net_hook.h"
#include "probe/net_reason.h"
#include "probe/object.h"
#include "net.skel.h"

enum net_map { MAP_TAPS, MAP_CONTROL, MAP_WATCHED, MAP_DROPS, MAP_LOST, MAPS };
enum part { PART_SIZES, PART_DROPS, PARTS };

#define DROP_PROGRAM "net_kfree_skb"

static const struct object_map map_specs[MAPS] = {
	[MAP_TAPS] = {"net_taps", "net_taps", sizeof(struct net_tap), NET_TAPS_MAX, -1},
	[MAP_CONTROL] = {"net_control", "net_control", sizeof(struct net_control), 1, -1},
	[MAP_WATCHED] = {"net_watched", "net_watched", sizeof(uint32_t), NET_TAPS_MAX, -1},
	[MAP_DROPS] = {"net_drops", "net_drops", sizeof(uint64_t), NET_DROPS_MAX, -1},
	[MAP_LOST] = {"net_lost", "net_lost", sizeof(uint64_t), NET_LOST_MAX, -1},
};

static const enum feature_id part_feature[PARTS] = {FEATURE_NET_TAPS, FEATURE_NET_DROPS};

/* Of one interface. */
struct hooked {
	struct net_hook hook;
	bool sizes, drops; /* what is in force */
	bool made; /* clsact */
	bool refused; /* not tried again */
	unsigned seen;
};

struct net {
	const struct pin *pin;
	struct object_map maps[MAPS];
	struct bpf_object *objs[PARTS];
	struct bpf_link *drop_link;
	struct net_reasons *reasons;
	struct net_control control;
	GHashTable *taps; /* index to struct hooked */
	unsigned number; /* of the sync */
	unsigned without;
	bool tcx, tried[PARTS];
	gint refused; /* taps that could not be hooked; atomic */
	GMutex lock; /* guards what follows */
	struct features features;
	bool changed;
};

static struct net_key key_of(const struct net *net, uint32_t ifindex)
{
	return (struct net_key){ifindex, net->control.netns};
}

static uint32_t own_netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : (uint32_t)st.st_ino;
}

/* --- loading -------------------------------------------------------------------------------- */

static void say(struct net *net, enum feature_id id, enum feature_state state, const char *why)
{
	g_mutex_lock(&net->lock);
	if (state == FEATURE_YES)
		feature_yes(&net->features, id);
	else if (state == FEATURE_NO)
		feature_no(&net->features, id, "%s", why);
	else
		feature_off(&net->features, id, why);
	net->changed = true;
	g_mutex_unlock(&net->lock);
}

static int load(struct net *net, enum part part)
{
	static const char *const sizes[] = {"net_tap_ingress", "net_tap_egress", NULL};
	static const char *const drops[] = {DROP_PROGRAM, NULL};
	struct object_spec spec = {
		.name = "net",
		.programs = part == PART_SIZES ? sizes : drops,
		.maps = net->maps,
		.n_maps = MAPS,
	};

	spec.bytes = net_bpf__elf_bytes(&spec.size);
	return object_load(&spec, net->pin, &net->objs[part]);
}

static int prog_fd(const struct net *net, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(net->objs[PART_SIZES], name));
}

static void write_control(struct net *net)
{
	uint32_t zero = 0;

	if (net->maps[MAP_CONTROL].fd >= 0)
		bpf_map_update_elem(net->maps[MAP_CONTROL].fd, &zero, &net->control, BPF_ANY);
}

static void load_sizes(struct net *net)
{
	int err = load(net, PART_SIZES);

	if (err) {
		say(net, FEATURE_NET_TAPS, FEATURE_NO, probe_log_reason());
		return;
	}
	write_control(net);
	net->tcx = !(net->without & 1u << FEATURE_NET_TCX) &&
		   net_hook_has_tcx(prog_fd(net, "net_tap_ingress"));
	say(net, FEATURE_NET_TCX, net->tcx ? FEATURE_YES : FEATURE_NO,
	    "this kernel has no TCX (6.6)");
	say(net, FEATURE_NET_TAPS, FEATURE_YES, "");
}

/* A program of a crashed run has counted into the same maps until now; two would count twice. */
static void load_drops(struct net *net)
{
	int err;

	net->reasons = net_reasons_new();
	if (!net->reasons) {
		say(net, FEATURE_NET_DROPS, FEATURE_NO,
		    "this kernel gives no reasons (5.17): drops are counted without");
		return;
	}
	err = load(net, PART_DROPS);
	object_detach(NULL, DROP_PROGRAM, net->pin, false);
	if (!err)
		err = object_attach(net->objs[PART_DROPS], DROP_PROGRAM, net->pin, &net->drop_link);
	say(net, FEATURE_NET_DROPS, err ? FEATURE_NO : FEATURE_YES, probe_log_reason());
}

static void unload(struct net *net, enum part part, bool keep_pins)
{
	if (part == PART_DROPS) {
		object_detach(net->drop_link, DROP_PROGRAM, net->pin, keep_pins);
		net->drop_link = NULL;
		g_clear_pointer(&net->reasons, net_reasons_free);
	}
	bpf_object__close(net->objs[part]);
	net->objs[part] = NULL;
	net->tried[part] = false;
}

static void want(struct net *net, enum part part, bool wanted)
{
	static const char *const off[PARTS] = {"detail level below detailed",
					       "detail level below diagnostic"};

	if (wanted == net->tried[part])
		return;
	if (!wanted) {
		unload(net, part, false);
		say(net, part_feature[part], FEATURE_OFF, off[part]);
		if (part == PART_SIZES)
			say(net, FEATURE_NET_TCX, FEATURE_OFF, off[part]);
		return;
	}
	net->tried[part] = true;
	if (part == PART_SIZES)
		load_sizes(net);
	else
		load_drops(net);
}

static bool is_on(const struct net *net, enum part part)
{
	return net->features.f[part_feature[part]].state == FEATURE_YES;
}

/* --- taps ----------------------------------------------------------------------------------- */

static int hook(struct net *net, uint32_t ifindex, struct hooked *h)
{
	struct net_tap tap = {.epoch = net->control.epoch};
	struct net_key key = key_of(net, ifindex);
	int in = prog_fd(net, "net_tap_ingress"), out = prog_fd(net, "net_tap_egress"), err;

	/* An adopted entry goes on counting. */
	if (bpf_map_update_elem(net->maps[MAP_TAPS].fd, &key, &tap, BPF_NOEXIST) && errno != EEXIST)
		return -errno;
	if (net->tcx)
		return net_hook_tcx(ifindex, in, out, &h->hook);
	err = net_hook_clsact(ifindex, in, out, &h->hook, &h->made);
	if (err || !h->made)
		return err;
	if (!bpf_map_lookup_elem_flags(net->maps[MAP_TAPS].fd, &key, &tap, BPF_F_LOCK)) {
		/* What is counted in between is lost; nothing has been yet. */
		tap.made_clsact = 1;
		bpf_map_update_elem(net->maps[MAP_TAPS].fd, &key, &tap, BPF_F_LOCK);
	}
	return 0;
}

static void drop_sizes(struct net *net, uint32_t ifindex, struct hooked *h, bool forget)
{
	struct net_key key = key_of(net, ifindex);

	if (h->sizes)
		net_unhook(ifindex, &h->hook, h->made);
	h->sizes = false;
	if (forget && net->maps[MAP_TAPS].fd >= 0)
		bpf_map_delete_elem(net->maps[MAP_TAPS].fd, &key);
}

static void forget_drops(struct net *net, uint32_t ifindex)
{
	struct net_drop key, next, *last = NULL;
	int fd = net->maps[MAP_DROPS].fd;
	unsigned n = 0;

	while (n++ < NET_DROPS_MAX && !bpf_map_get_next_key(fd, last, &next)) {
		bool ours =
			last && key.tap.ifindex == ifindex && key.tap.netns == net->control.netns;

		if (ours)
			bpf_map_delete_elem(fd, &key);
		key = next;
		last = &key;
	}
	if (last && key.tap.ifindex == ifindex)
		bpf_map_delete_elem(fd, &key);
}

static void watch(struct net *net, uint32_t ifindex, struct hooked *h, bool wanted)
{
	struct net_key key = key_of(net, ifindex);
	uint32_t one = 1;

	if (wanted == h->drops || net->maps[MAP_WATCHED].fd < 0)
		return;
	h->drops = wanted;
	if (wanted) {
		bpf_map_update_elem(net->maps[MAP_WATCHED].fd, &key, &one, BPF_ANY);
		return;
	}
	bpf_map_delete_elem(net->maps[MAP_WATCHED].fd, &key);
	forget_drops(net, ifindex);
}

static struct hooked *hooked_of(struct net *net, uint32_t ifindex)
{
	struct hooked *h = g_hash_table_lookup(net->taps, GUINT_TO_POINTER(ifindex));

	if (h)
		return h;
	h = g_new0(struct hooked, 1);
	h->hook = (struct net_hook){{-1, -1}, false};
	g_hash_table_insert(net->taps, GUINT_TO_POINTER(ifindex), h);
	return h;
}

static void sync_tap(struct net *net, const struct net_target *target)
{
	struct hooked *h = hooked_of(net, target->ifindex);
	/* There is one clsact filter of ours on a tap: that of the agent which owns the pins. */
	bool sizes = target->sizes && is_on(net, PART_SIZES) && (net->tcx || net->pin);
	int err;

	h->seen = net->number;
	if (h->sizes && !sizes)
		drop_sizes(net, target->ifindex, h, true);
	if (!h->sizes && sizes && !h->refused) {
		err = hook(net, target->ifindex, h);
		h->sizes = !err;
		h->refused = err && err != -ENODEV;
		g_atomic_int_add(&net->refused, h->refused);
	}
	watch(net, target->ifindex, h, target->drops && is_on(net, PART_DROPS));
}

static void let_go(struct net *net, bool all)
{
	GHashTableIter iter;
	gpointer ifindex;
	struct hooked *h;

	g_hash_table_iter_init(&iter, net->taps);
	while (g_hash_table_iter_next(&iter, &ifindex, (gpointer *)&h)) {
		if (!all && h->seen == net->number)
			continue;
		drop_sizes(net, GPOINTER_TO_UINT(ifindex), h, true);
		watch(net, GPOINTER_TO_UINT(ifindex), h, false);
		g_hash_table_iter_remove(&iter);
	}
}

void net_sync(struct net *net, const struct net_target *targets, size_t n)
{
	bool sizes = false, drops = false;

	for (size_t i = 0; i < n; i++) {
		sizes |= targets[i].sizes;
		drops |= targets[i].drops;
	}
	net->number++;
	if (sizes)
		want(net, PART_SIZES, true);
	if (drops)
		want(net, PART_DROPS, true);
	for (size_t i = 0; i < n; i++)
		sync_tap(net, &targets[i]);
	let_go(net, false);
	if (n && !sizes)
		want(net, PART_SIZES, false);
	if (n && !drops)
		want(net, PART_DROPS, false);
}

/* --- reading -------------------------------------------------------------------------------- */

void net_next_epoch(struct net *net)
{
	net->control.epoch++;
	write_control(net);
}

int net_read(struct net *net, uint32_t ifindex, struct net_numbers ret[NET_DIRECTIONS])
{
	const struct hooked *h = g_hash_table_lookup(net->taps, GUINT_TO_POINTER(ifindex));
	struct net_key key = key_of(net, ifindex);
	struct net_tap tap;

	if (!h || !h->sizes ||
	    bpf_map_lookup_elem_flags(net->maps[MAP_TAPS].fd, &key, &tap, BPF_F_LOCK))
		return -ENOENT;
	for (int d = 0; d < NET_DIRECTIONS; d++) {
		const struct net_flow *flow = &tap.flow[d];

		ret[d].packets = flow->packets;
		ret[d].bytes = flow->bytes;
		memcpy(ret[d].sizes, flow->sizes, sizeof(ret[d].sizes));
		for (int w = 0; w < NET_WINDOWS; w++)
			/* A packet since then has begun the new epoch already. */
			ret[d].peak[w] = tap.epoch == net->control.epoch ? flow->peak_before[w]
					 : tap.epoch + 1 == net->control.epoch ? flow->peak[w]
									       : 0;
	}
	return 0;
}

void net_drops(struct net *net, net_drop_fn fn, void *arg)
{
	struct net_drop key, next, *last = NULL;
	int fd = net->maps[MAP_DROPS].fd;
	unsigned n = 0;
	uint64_t count;

	if (fd < 0 || !is_on(net, PART_DROPS))
		return;
	while (n++ < NET_DROPS_MAX && !bpf_map_get_next_key(fd, last, &next)) {
		key = next;
		last = &key;
		if (key.tap.netns == net->control.netns && !bpf_map_lookup_elem(fd, &key, &count))
			fn(arg, key.tap.ifindex, net_reason_name(net->reasons, key.reason), count);
	}
}

int net_lost_fd(const struct net *net)
{
	return net->maps[MAP_LOST].fd;
}

unsigned net_refused(const struct net *net)
{
	return g_atomic_int_get(&net->refused);
}

void net_features(struct net *net, struct features *features)
{
	static const enum feature_id ids[] = {FEATURE_NET_TAPS, FEATURE_NET_TCX, FEATURE_NET_DROPS};

	g_mutex_lock(&net->lock);
	for (size_t i = 0; net->changed && i < G_N_ELEMENTS(ids); i++)
		features->f[ids[i]] = net->features.f[ids[i]];
	net->changed = false;
	g_mutex_unlock(&net->lock);
}

/* --- beginning and end ---------------------------------------------------------------------- */

void net_remove_leftovers(const struct pin *pin)
{
	int fd = pin_map(pin, "net_taps", sizeof(struct net_tap), NET_TAPS_MAX);
	struct net_key key, *last = NULL;
	uint32_t netns = own_netns();
	struct net_tap tap;
	unsigned n = 0;

	if (fd < 0)
		return;
	while (n++ < NET_TAPS_MAX && !bpf_map_get_next_key(fd, last, &key)) {
		last = &key;
		if (key.netns == netns && !bpf_map_lookup_elem(fd, &key, &tap))
			net_hook_clean(key.ifindex, tap.made_clsact);
	}
	close(fd);
}

void net_unpin(const struct pin *pin)
{
	for (int i = 0; i < MAPS; i++)
		unlink(pin_path(pin, map_specs[i].pin));
	object_detach(NULL, DROP_PROGRAM, pin, false);
}

static void take_over_map(struct net *net, enum net_map map)
{
	struct net_key key, *last = NULL;
	unsigned n = 0;

	while (n++ < NET_TAPS_MAX && !bpf_map_get_next_key(net->maps[map].fd, last, &key)) {
		last = &key;
		if (key.netns == net->control.netns)
			hooked_of(net, key.ifindex)->drops |= map == MAP_WATCHED;
	}
}

/* Taps that a former run hooked or watched: net_sync() takes up or deletes their entries. */
static void take_over(struct net *net)
{
	struct net_control was;
	uint32_t zero = 0;

	if (!bpf_map_lookup_elem(net->maps[MAP_CONTROL].fd, &zero, &was))
		net->control.epoch = was.epoch;
	take_over_map(net, MAP_TAPS);
	take_over_map(net, MAP_WATCHED);
}

/* Where it is not wanted, that is said. */
static void begin(struct net *net, enum part part, bool wanted)
{
	net->tried[part] = !wanted;
	want(net, part, wanted);
}

struct net *net_open(const struct pin *pin, const struct net_options *options,
		     struct features *features)
{
	struct net *net = g_new0(struct net, 1);

	memcpy(net->maps, map_specs, sizeof(map_specs));
	g_mutex_init(&net->lock);
	net->pin = pin;
	net->without = options->without;
	net->control.netns = own_netns();
	net->taps = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	if (pin && options->adopt_maps && !object_maps_adopt(net->maps, MAPS, pin))
		take_over(net);
	else if (pin)
		net_unpin(pin);
	begin(net, PART_SIZES, options->sizes);
	begin(net, PART_DROPS, options->drops);
	net_features(net, features);
	return net;
}

/* Links end with the process anyway; the next start finds the filters of a clsact by their taps. */
static void close_links(struct net *net)
{
	GHashTableIter iter;
	struct hooked *h;

	g_hash_table_iter_init(&iter, net->taps);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&h))
		if (h->sizes && !h->hook.clsact)
			net_unhook(0, &h->hook, false);
}

void net_close(struct net *net, bool keep_pins)
{
	if (!net)
		return;
	if (keep_pins)
		close_links(net);
	else
		let_go(net, true);
	for (int part = 0; part < PARTS; part++)
		unload(net, part, keep_pins);
	object_maps_close(net->maps, MAPS);
	g_hash_table_unref(net->taps);
	g_mutex_clear(&net->lock);
	g_free(net);
}
