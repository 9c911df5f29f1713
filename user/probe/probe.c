// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "probe/block.h"
#include "probe/kvm.h"
#include "probe/exits.h"
#include "probe/memslots.h"
#include "probe/net.h"
#include "probe/pin.h"
#include "probe/probe.h"
#include "probe/sched.h"

#define READ_TRIES 1000

struct probe {
	struct features features;
	struct pin *pin;
	struct sched *sched;
	struct kvm *kvm;
	struct net *net; /* NULL: group network is off */
	struct exits *exits; /* NULL: refused */
	struct memslots *memslots; /* NULL: refused, or not wanted */
	struct block *block; /* NULL: switched off, or refused */
	struct carry *carry; /* NULL: nothing outlives this process */
	struct threads *threads;
	struct ring_buffer *ring;
	probe_event_fn event_fn;
	void *event_arg;
	int n_cpus;
	bool adopted, adopts_net;
	enum kvmlens_level level;
	uint64_t memory; /* 0: to be counted */
};

static void try_btf(struct probe *p)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (btf)
		feature_yes(&p->features, FEATURE_BTF);
	else
		feature_no(&p->features, FEATURE_BTF, "/sys/kernel/btf/vmlinux: %s",
			   strerror(errno));
	btf__free(btf);
}

static int try_pin(struct probe *p, const char *dir)
{
	int err;

	if (!dir) {
		feature_off(&p->features, FEATURE_BPFFS, "private maps were asked for");
		feature_off(&p->features, FEATURE_PINNED, "private maps were asked for");
		return 0;
	}
	err = pin_open(dir, &p->pin);
	if (!err) {
		feature_yes(&p->features, FEATURE_BPFFS);
		return 0;
	}
	feature_no(&p->features, FEATURE_BPFFS, "%s: %s", dir, strerror(-err));
	feature_no(&p->features, FEATURE_PINNED, "%s: %s", dir, strerror(-err));
	return err == -EBUSY ? err : 0;
}

/* The pinned maps are ours to adopt when they have the layouts and the size that we need. */
static bool may_adopt(struct probe *p, const struct pin_config *mine, struct pin_config *ret_theirs)
{
	if (!p->pin || pin_config_read(p->pin, ret_theirs))
		return false;
	return ret_theirs->sched_abi == mine->sched_abi && ret_theirs->kvm_abi == mine->kvm_abi &&
	       ret_theirs->max_threads == mine->max_threads;
}

static int start_afresh(struct probe *p)
{
	g_autofree char *dir = g_strdup(p->pin->dir);
	int err = pin_remove(p->pin);

	pin_close(p->pin);
	p->pin = NULL;
	return err ? err : pin_open(dir, &p->pin);
}

static int on_event(void *ctx, void *data, size_t size)
{
	struct probe *p = ctx;

	if (size >= sizeof(struct sched_event) && p->event_fn)
		p->event_fn(p->event_arg, data);
	return 0;
}

/* No hook of the scheduler's, and none left by an earlier run. VMs are found all the same. */
static void leave_sched(struct probe *p)
{
	static const enum feature_id without[] = {
		FEATURE_SCHED,	   FEATURE_SCHED_BTF,	FEATURE_SCHED_INFO,
		FEATURE_BLAME,	   FEATURE_WAITING,	FEATURE_THREAD_EVENTS,
		FEATURE_KVM_TIMES, FEATURE_KVM_REASONS, FEATURE_KVM_INJECT};

	for (size_t i = 0; i < G_N_ELEMENTS(without); i++)
		feature_off(&p->features, without[i], "group cpu is off");
	if (p->pin)
		start_afresh(p);
	p->kvm = kvm_open(p->pin, NULL, false, &p->features);
}

/* Loads alone: what became of the others matters for adoption only. */
static void open_block(struct probe *p, const struct probe_options *options, bool adopt_maps,
		       bool adopt_links)
{
	struct block_options block = {.adopt_maps = adopt_maps, .adopt_links = adopt_links};

	block.raw = options->without & (1u << FEATURE_SCHED_BTF);
	if (options->groups & (KVMLENS_DISK | KVMLENS_IOPS)) {
		p->block = block_open(p->pin, &block, &p->features);
		return;
	}
	feature_off(&p->features, FEATURE_BLOCK, "groups disk and iops are off");
	if (p->pin)
		block_unpin(p->pin);
}

static void open_parts(struct probe *p, const struct pin_config *mine,
		       const struct probe_options *wanted)
{
	struct sched_options options = {.max_threads = mine->max_threads,
					.without = wanted->without};
	struct pin_config theirs = {};

	options.adopt_maps = may_adopt(p, mine, &theirs);
	options.adopt_links = options.adopt_maps && theirs.build == mine->build;
	if (p->pin && !options.adopt_maps)
		start_afresh(p);
	if (options.adopt_maps) {
		p->adopted = !sched_open(p->pin, &options, &p->features, &p->sched);
		if (!p->adopted)
			start_afresh(p);
	}
	if (!p->sched) {
		options.adopt_maps = options.adopt_links = false;
		sched_open(p->pin, &options, &p->features, &p->sched);
	}
	p->kvm = kvm_open(p->pin, p->sched, p->adopted, &p->features);
	open_block(p, wanted, p->adopted && theirs.block_abi == mine->block_abi,
		   options.adopt_links);
	p->adopts_net = p->adopted && theirs.net_abi == mine->net_abi;
	if (p->pin)
		pin_config_write(p->pin, mine);
	if (!p->sched)
		return;
	p->carry = carry_open(p->pin);
	p->threads = threads_new(p->sched->globals->pid_slots, p->sched->records, p->sched->n);
	p->ring = ring_buffer__new(p->sched->maps[SCHED_MAP_EVENTS].fd, on_event, p, NULL);
	kvm_attach(p->kvm, p->level >= KVMLENS_DETAILED, p->level >= KVMLENS_DIAGNOSTIC,
		   options.adopt_links, &p->features);
	if (p->pin)
		feature_yes(&p->features, FEATURE_PINNED);
}

/* Loads alone, and after start_afresh(). */
static void open_net(struct probe *p, const struct probe_options *wanted)
{
	struct net_options options = {.adopt_maps = p->adopts_net,
				      .sizes = wanted->level >= KVMLENS_DETAILED,
				      .drops = wanted->level >= KVMLENS_DIAGNOSTIC,
				      .without = wanted->without};

	if (wanted->groups & KVMLENS_NETWORK) {
		p->net = net_open(p->pin, &options, &p->features);
		return;
	}
	for (int id = FEATURE_NET_TAPS; id <= FEATURE_NET_DROPS; id++)
		feature_off(&p->features, id, "group network is off");
	if (p->pin)
		net_unpin(p->pin);
}

int probe_open(const struct probe_options *options, struct probe **ret_probe)
{
	struct pin_config mine = {.sched_abi = SCHED_ABI_VERSION,
				  .kvm_abi = KVM_ABI_VERSION,
				  .block_abi = BLOCK_ABI_VERSION,
				  .net_abi = NET_ABI_VERSION,
				  .max_threads = options->max_threads};
	struct probe *p;
	int err;

	if (!options->max_threads || options->max_threads > 65535)
		return -EINVAL;
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	p = g_new0(struct probe, 1);
	p->level = options->level;
	p->n_cpus = libbpf_num_possible_cpus();
	try_btf(p);
	err = try_pin(p, options->pin_dir);
	if (err) {
		g_free(p);
		return err;
	}
	if (p->pin)
		net_remove_leftovers(p->pin);
	mine.build = sched_build() ^ kvm_build() ^ block_build();
	if (options->groups & KVMLENS_CPU) {
		open_parts(p, &mine, options);
	} else {
		leave_sched(p);
		open_block(p, options, false, false);
	}
	open_net(p, options);
	if (options->memslots)
		p->memslots = memslots_open(&p->features);
	else
		feature_off(&p->features, FEATURE_KVM_SLOTS, "guest memory is not read");
	p->exits = exits_open(&p->features);
	*ret_probe = p;
	return 0;
}

void probe_close(struct probe *p, bool keep_pins)
{
	if (!p)
		return;
	ring_buffer__free(p->ring);
	threads_free(p->threads);
	net_close(p->net, keep_pins);
	exits_close(p->exits);
	memslots_close(p->memslots);
	block_close(p->block, keep_pins);
	carry_close(p->carry);
	kvm_close(p->kvm, keep_pins);
	sched_close(p->sched, keep_pins);
	if (p->pin && !keep_pins)
		pin_remove(p->pin);
	pin_close(p->pin);
	g_free(p);
}

int probe_unload(const char *pin_dir)
{
	struct pin *pin;
	int err;

	if (access(pin_dir, F_OK))
		return -errno;
	err = pin_open(pin_dir, &pin);
	if (err)
		return err;
	net_remove_leftovers(pin);
	err = pin_remove(pin);
	pin_close(pin);
	return err;
}

void probe_set_level(struct probe *p, enum kvmlens_level level)
{
	p->level = level;
	p->memory = 0;
	if (!p->sched)
		return;
	kvm_attach(p->kvm, level >= KVMLENS_DETAILED, level >= KVMLENS_DIAGNOSTIC, false,
		   &p->features);
}

/* What the thread that hooks taps has found out since shows from now on. */
const struct features *probe_features(struct probe *p)
{
	if (p->net)
		net_features(p->net, &p->features);
	return &p->features;
}

struct net *probe_net(struct probe *p)
{
	return p->net;
}

void probe_net_abandon(struct probe *p)
{
	p->net = NULL;
}

struct carry *probe_carry(struct probe *p)
{
	return p->carry;
}

bool probe_adopted(const struct probe *p)
{
	return p->adopted;
}

struct threads *probe_threads(struct probe *p)
{
	return p->threads;
}

int probe_scan_kvm(struct probe *p, GArray *found)
{
	return kvm_scan(p->kvm, found);
}

int probe_exit_watch(struct probe *p, uint32_t tgid)
{
	return p->exits ? exits_watch(p->exits, tgid) : -ENOTSUP;
}

int probe_exit_take(struct probe *p, uint32_t tgid, struct exit_record *ret_record)
{
	return p->exits ? exits_take(p->exits, tgid, ret_record) : -ENOTSUP;
}

int probe_scan_memslots(struct probe *p, GArray *slots)
{
	return p->memslots ? memslots_scan(p->memslots, slots) : -ENOTSUP;
}

int probe_scan_waiting(struct probe *p, uint64_t now, GArray *waiting)
{
	return p->sched ? sched_scan_waiting(p->sched, now, waiting) : -ENOTSUP;
}

/* Copy a record that its writer guards with a sequence number in its first word. */
static int read_guarded(const void *record, void *ret, size_t size)
{
	const uint32_t *seq = record;
	uint32_t before;
	int i;

	for (i = 0; i < READ_TRIES; i++) {
		before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);
		memcpy(ret, record, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(before & 1) && __atomic_load_n(seq, __ATOMIC_RELAXED) == before)
			return 0;
	}
	return -EAGAIN;
}

int probe_vcpu_times(struct probe *p, uint16_t slot, struct kvm_vcpu_times *ret_times)
{
	struct kvm_vcpu_times *times = kvm_times(p->kvm);

	if (!times || !slot || slot >= p->sched->n || !times[slot].exits)
		return -ENOENT;
	return read_guarded(&times[slot], ret_times, sizeof(*ret_times));
}

void probe_vcpu_base(struct probe *p, uint16_t slot, uint64_t base_ns)
{
	kvm_times(p->kvm)[slot].base_ns = base_ns;
}

void probe_slot_clear(struct probe *p, uint16_t slot)
{
	struct kvm_vcpu_times *times = kvm_times(p->kvm);

	if (!p->sched || !slot || slot >= p->sched->n)
		return;
	if (times)
		memset(&times[slot], 0, sizeof(*times));
}

int probe_reasons(struct probe *p, probe_reason_fn fn, void *arg)
{
	struct kvm_reason_key key, *last = NULL, next;
	struct kvm_reason_value value;
	int fd = kvm_reasons_fd(p->kvm);
	unsigned n = 0;

	if (fd < 0 || p->features.f[FEATURE_KVM_REASONS].state != FEATURE_YES)
		return -ENOTSUP;
	while (n++ < 65536 && !bpf_map_get_next_key(fd, last, &next)) {
		key = next;
		last = &key;
		if (!bpf_map_lookup_elem(fd, &key, &value))
			fn(arg, &key, &value);
	}
	return 0;
}

void probe_reason_forget(struct probe *p, const struct kvm_reason_key *key)
{
	int fd = kvm_reasons_fd(p->kvm);

	if (fd >= 0)
		bpf_map_delete_elem(fd, key);
}

int probe_events_fd(struct probe *p)
{
	return p->ring ? ring_buffer__epoll_fd(p->ring) : -1;
}

void probe_events_consume(struct probe *p, probe_event_fn fn, void *arg)
{
	if (!p->ring)
		return;
	p->event_fn = fn;
	p->event_arg = arg;
	ring_buffer__consume(p->ring);
}

static uint64_t percpu_sum(int fd, uint32_t key, int n_cpus)
{
	g_autofree uint64_t *values = NULL;
	uint64_t sum = 0;
	int i;

	if (fd < 0 || n_cpus <= 0)
		return 0;
	values = g_new0(uint64_t, n_cpus);
	if (bpf_map_lookup_elem(fd, &key, values))
		return 0;
	for (i = 0; i < n_cpus; i++)
		sum += values[i];
	return sum;
}

uint64_t probe_lost(struct probe *p, enum sched_lost why)
{
	return p->sched ? percpu_sum(p->sched->maps[SCHED_MAP_LOST].fd, why, p->n_cpus) : 0;
}

uint64_t probe_lost_drops(struct probe *p)
{
	return p->net ? percpu_sum(net_lost_fd(p->net), NET_LOST_DROPS, p->n_cpus) : 0;
}

uint64_t probe_lost_taps(struct probe *p)
{
	return p->net ? net_refused(p->net) : 0;
}

uint64_t probe_lost_reasons(struct probe *p)
{
	return percpu_sum(kvm_lost_fd(p->kvm), 0, p->n_cpus);
}

int probe_block_vm(struct probe *p, uint32_t tgid, bool there)
{
	return p->block ? block_vm_set(p->block, tgid, there) : -ENOTSUP;
}

int probe_block_cgroup(struct probe *p, uint64_t cgroup, uint32_t tgid)
{
	return p->block ? block_cgroup_set(p->block, cgroup, tgid) : -ENOTSUP;
}

int probe_block_vms(struct probe *p, GArray *tgids)
{
	return p->block ? block_vms(p->block, tgids) : -ENOTSUP;
}

int probe_block_read(struct probe *p, GArray *records, uint32_t *ret_epoch)
{
	if (!p->block)
		return -ENOTSUP;
	*ret_epoch = block_epoch(p->block);
	return block_read(p->block, records);
}

void probe_block_forget(struct probe *p, const struct block_key *key)
{
	if (p->block)
		block_forget(p->block, key);
}

uint64_t probe_block_count(struct probe *p, enum block_count what)
{
	return p->block ? percpu_sum(block_counts_fd(p->block), what, p->n_cpus) : 0;
}

/* fdinfo of a BPF map or program has lines "map_id:" or "prog_id:", and "memlock:". */
static uint64_t fdinfo_number(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	return line ? g_ascii_strtoull(line + strlen(key), NULL, 10) : 0;
}

static uint64_t fd_memory(const char *fd, GHashTable *seen)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%s", fd);
	g_autofree char *text = NULL;
	uint64_t id;

	if (!g_file_get_contents(path, &text, NULL, NULL) || !strstr(text, "memlock:"))
		return 0;
	/* Maps and programs count their ids apart. */
	id = fdinfo_number(text, "map_id:") << 1 | fdinfo_number(text, "prog_id:") << 33;
	if (!g_hash_table_add(seen, GSIZE_TO_POINTER(id)))
		return 0;
	return fdinfo_number(text, "memlock:");
}

uint64_t probe_memory(struct probe *p)
{
	g_autoptr(GHashTable) seen = NULL;
	const char *fd;
	GDir *dir;

	if (p->memory)
		return p->memory;
	dir = g_dir_open("/proc/self/fd", 0, NULL);
	if (!dir)
		return 0;
	seen = g_hash_table_new(NULL, NULL);
	while ((fd = g_dir_read_name(dir)))
		p->memory += fd_memory(fd, seen);
	g_dir_close(dir);
	return p->memory;
}
