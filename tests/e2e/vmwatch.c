// SPDX-License-Identifier: Apache-2.0
/*
 * Discovery and its providers without the rest of the agent: vmwatch URI PRINT_MS [INTERVAL_MS]
 * prints every PRINT_MS one line of JSON with all VMs, their threads and statistics, and how the
 * workers are, which ask every INTERVAL_MS (PRINT_MS by default). URI "-" leaves libvirt out. It
 * ends on SIGTERM, and on SIGINT.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "vm/discover.h"

struct watch {
	struct worker *workers[2];
	size_t n_workers;
	struct discover *discover;
};

static void changed(void *arg)
{
	struct watch *watch = arg;

	if (watch->discover)
		discover_poke(watch->discover, 0);
}

static void set_known(json_t *object, const char *key, uint64_t value)
{
	if (value != KVMLENS_ABSENT)
		json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *disk_json(const struct kvmlens_disk_stats *d)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "name", d->name, "alias", d->alias, "source",
			      d->source);

	set_known(o, "read_ops", d->read_ops);
	set_known(o, "read_bytes", d->read_bytes);
	set_known(o, "read_ns", d->read_ns);
	set_known(o, "write_ops", d->write_ops);
	set_known(o, "write_bytes", d->write_bytes);
	set_known(o, "write_ns", d->write_ns);
	set_known(o, "flush_ops", d->flush_ops);
	set_known(o, "flush_ns", d->flush_ns);
	set_known(o, "capacity", d->capacity);
	set_known(o, "allocation", d->allocation);
	set_known(o, "physical", d->physical);
	return o;
}

static json_t *nic_json(const struct kvmlens_nic_stats *n)
{
	json_t *o = json_pack("{s:s, s:s}", "name", n->name, "mac", n->mac);

	set_known(o, "rx_bytes", n->rx_bytes);
	set_known(o, "rx_packets", n->rx_packets);
	set_known(o, "rx_errors", n->rx_errors);
	set_known(o, "rx_dropped", n->rx_dropped);
	set_known(o, "tx_bytes", n->tx_bytes);
	set_known(o, "tx_packets", n->tx_packets);
	set_known(o, "tx_errors", n->tx_errors);
	set_known(o, "tx_dropped", n->tx_dropped);
	return o;
}

static json_t *memory_json(const struct kvmlens_memory_stats *m)
{
	json_t *o = json_object();

	set_known(o, "maximum", m->maximum);
	set_known(o, "balloon_current", m->balloon_current);
	set_known(o, "available", m->available);
	set_known(o, "unused", m->unused);
	set_known(o, "usable", m->usable);
	set_known(o, "disk_caches", m->disk_caches);
	set_known(o, "swap_in", m->swap_in);
	set_known(o, "swap_out", m->swap_out);
	set_known(o, "major_faults", m->major_faults);
	set_known(o, "minor_faults", m->minor_faults);
	set_known(o, "rss", m->rss);
	set_known(o, "last_update", m->last_update);
	return o;
}

static json_t *stats_json(const struct kvmlens_vm_stats *s)
{
	json_t *o = json_object(), *disks = json_array(), *nics = json_array();

	set_known(o, "vcpus_current", s->vcpus_current);
	set_known(o, "vcpus_maximum", s->vcpus_maximum);
	set_known(o, "cpu_ns", s->cpu_ns);
	set_known(o, "cpu_user_ns", s->cpu_user_ns);
	set_known(o, "cpu_system_ns", s->cpu_system_ns);
	json_object_set_new(o, "memory", memory_json(&s->memory));
	for (size_t i = 0; i < s->n_disks; i++)
		json_array_append_new(disks, disk_json(&s->disks[i]));
	for (size_t i = 0; i < s->n_nics; i++)
		json_array_append_new(nics, nic_json(&s->nics[i]));
	json_object_set_new(o, "disks", disks);
	json_object_set_new(o, "nics", nics);
	return o;
}

static void add_stats(const struct watch *watch, const struct inventory_vm *vm, json_t *o)
{
	for (size_t i = 0; vm->provider_id && i < watch->n_workers; i++) {
		struct vm_stats_set *set = worker_stats(watch->workers[i]);
		const struct kvmlens_vm_stats *stats = NULL;

		if (set && !strcmp(worker_name(watch->workers[i]), vm->provider))
			stats = vm_stats_find(set, vm->provider_id);
		if (stats)
			json_object_set_new(o, "stats", stats_json(stats));
		vm_stats_set_unref(set);
	}
}

/* Other people's names need not be UTF-8. */
static json_t *text_json(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	return json_string(valid);
}

static json_t *thread_json(const struct vm_thread *thread)
{
	return json_pack("[iiio]", thread->tid, thread->role, (int)thread->vcpu_id,
			 text_json(thread->comm));
}

static json_t *vm_json(const struct watch *watch, const struct inventory_vm *vm)
{
	json_t *o = json_object(), *threads = json_array(), *info = json_object();

	json_object_set_new(o, "name", text_json(vm->ident->name));
	json_object_set_new(o, "uuid", json_string(vm->ident->uuid));
	json_object_set_new(o, "pid", json_integer(vm->ident->pid));
	json_object_set_new(o, "tcg", json_boolean(vm->ident->tcg));
	json_object_set_new(o, "state", json_integer(vm->state));
	json_object_set_new(o, "provider", json_string(vm->provider ?: ""));
	json_object_set_new(o, "vcpus", json_integer(vm->n_vcpus));
	for (unsigned i = 0; i < vm->n_threads; i++)
		json_array_append_new(threads, thread_json(&vm->threads[i]));
	json_object_set_new(o, "threads", threads);
	for (size_t i = 0; i < vm->info->n; i++)
		json_object_set_new(info, vm->info->kv[i].key, json_string(vm->info->kv[i].value));
	json_object_set_new(o, "info", info);
	add_stats(watch, vm, o);
	return o;
}

static double age_s(uint64_t ns)
{
	return ns ? (double)(g_get_monotonic_time() * 1000 - (int64_t)ns) / 1e9 : -1;
}

static json_t *worker_json(struct worker *worker)
{
	struct worker_health h;

	worker_health(worker, &h);
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:f, s:f, s:s}", "name",
			 worker_name(worker), "up", h.up, "vms", (json_int_t)h.vms, "reconnects",
			 (json_int_t)h.reconnects, "overruns", (json_int_t)h.overruns, "parked",
			 (json_int_t)h.parked, "list_age", age_s(h.list_ns), "stats_age",
			 age_s(h.stats_ns), "error", h.error);
}

static void print_line(const struct watch *watch)
{
	json_t *o = json_object(), *vms = json_array(), *workers = json_array();
	struct inventory *inventory = discover_inventory(watch->discover);
	struct discover_health h;

	discover_health(watch->discover, &h);
	for (unsigned i = 0; inventory && i < inventory->n_vms; i++)
		json_array_append_new(vms, vm_json(watch, &inventory->vms[i]));
	for (size_t i = 0; i < watch->n_workers; i++)
		json_array_append_new(workers, worker_json(watch->workers[i]));
	json_object_set_new(o, "vms", vms);
	json_object_set_new(o, "workers", workers);
	json_object_set_new(o, "scan_ms", json_real((double)h.scan_ns / 1e6));
	json_object_set_new(o, "inventory_age",
			    json_real(inventory ? age_s(inventory->mono_ns) : -1));
	json_object_set_new(o, "blocked", json_integer((json_int_t)h.blocked));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(o);
	inventory_unref(inventory);
}

static void add_worker(struct watch *watch, const struct kvmlens_provider_ops *ops, const char *uri,
		       unsigned period_ms)
{
	struct worker_config config = {
		.ops = ops,
		.uri = uri,
		.interval_ms = period_ms,
		.level = KVMLENS_STANDARD,
	};

	watch->workers[watch->n_workers++] = worker_new(&config);
}

static void start(struct watch *watch, unsigned period_ms)
{
	struct discover_config config = {.interval_ms = period_ms,
					 .workers = watch->workers,
					 .n_workers = watch->n_workers,
					 .unnamed = true};

	watch->discover = discover_new(&config);
	for (size_t i = 0; i < watch->n_workers; i++)
		worker_start(watch->workers[i], changed, watch);
	discover_start(watch->discover);
}

/* True: a signal has come to end the program. */
static bool wait_ms(const sigset_t *signals, int ms)
{
	struct timespec timeout = {ms / 1000, ms % 1000 * 1000000L};

	return sigtimedwait(signals, NULL, &timeout) > 0;
}

int main(int argc, char **argv)
{
	int print_ms = argc > 2 ? atoi(argv[2]) : 0;
	unsigned interval_ms = (unsigned)(argc > 3 ? atoi(argv[3]) : print_ms);
	struct watch watch = {0};
	sigset_t signals;

	if (print_ms <= 0 || !interval_ms) {
		fprintf(stderr, "usage: vmwatch URI PRINT_MS [INTERVAL_MS]\n");
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (strcmp(argv[1], "-"))
		add_worker(&watch, &kvmlens_provider_libvirt, argv[1], interval_ms);
	add_worker(&watch, &kvmlens_provider_proc, NULL, interval_ms);
	start(&watch, interval_ms);
	while (!wait_ms(&signals, print_ms))
		print_line(&watch);
	discover_stop(watch.discover);
	for (size_t i = 0; i < watch.n_workers; i++)
		worker_free(watch.workers[i]);
	discover_free(watch.discover);
	return 0;
}
