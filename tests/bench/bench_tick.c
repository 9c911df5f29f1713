// SPDX-License-Identifier: Apache-2.0
/*
 * The user-space part of a tick with 1,000 VMs of 8 vCPUs: records to snapshot to rates. Run
 * under callgrind, which counts its instructions; see tick.sh. bench_tick TICKS
 */
#include <stdio.h>
#include <stdlib.h>
#include "config/config.h"
#include "core/collect.h"
#include "core/rates.h"

#define VMS 1000
#define VCPUS 8

struct made_up {
	uint16_t *pids;
	struct sched_thread *records;
	struct threads *threads;
	struct inventory inventory;
};

static void fill_record(struct sched_thread *r, unsigned i)
{
	unsigned b;

	r->state = i % 3 ? SCHED_STATE_HALTED : SCHED_STATE_RUNNING;
	r->since = 1 + i;
	r->run_ns = 1000000ull * i;
	r->wake_ns = 1000ull * i;
	r->preempt_ns = 2000ull * i;
	for (b = 0; b < SCHED_HIST_BUCKETS; b++)
		r->wake_hist[b] = i + b;
}

static void fill_vm(struct made_up *m, struct inventory_vm *vm, unsigned v)
{
	g_autofree char *name = g_strdup_printf("vm-%04u", v);
	g_autofree char *uuid = g_strdup_printf("00000000-0000-4000-8000-%012u", v);
	unsigned i, tid;
	int is_new;

	vm->ident = vm_ident_new(name, uuid, 10000 + v * 20, 1, false);
	vm->state = KVMLENS_VM_RUNNING;
	vm->n_threads = vm->n_vcpus = VCPUS;
	vm->threads = g_new0(struct vm_thread, VCPUS);
	for (i = 0; i < VCPUS; i++) {
		tid = 10000 + v * 20 + 1 + i;
		vm->threads[i] =
			(struct vm_thread){.tid = tid, .vcpu_id = i, .role = SCHED_ROLE_VCPU};
		vm->threads[i].slot =
			threads_add(m->threads, tid, vm->ident->pid, SCHED_ROLE_VCPU, 0, &is_new);
		fill_record(&m->records[vm->threads[i].slot], v * VCPUS + i);
	}
}

static void make_up(struct made_up *m)
{
	unsigned v;

	m->pids = g_new0(uint16_t, SCHED_PID_SLOTS);
	m->records = g_new0(struct sched_thread, 16384);
	m->threads = threads_new(m->pids, m->records, 16384);
	m->inventory.n_vms = VMS;
	m->inventory.vms = g_new0(struct inventory_vm, VMS);
	for (v = 0; v < VMS; v++)
		fill_vm(m, &m->inventory.vms[v], v);
}

int main(int argc, char **argv)
{
	int ticks = argc > 1 ? atoi(argv[1]) : 10, i;
	struct kvmlens_snapshot *before = NULL, *now;
	struct collect collect = {};
	struct config *config = config_new();
	struct made_up m = {};

	make_up(&m);
	collect.config = config;
	collect.levels = levels_new(config);
	collect.threads = m.threads;
	collect_init(&collect);
	for (i = 0; i < ticks; i++) {
		now = snapshot_new();
		now->level = config->level;
		collect_vms(&collect, &m.inventory, now, before);
		rates_derive(now, before);
		kvmlens_snapshot_unref(before);
		before = now;
	}
	printf("%zu VMs, %d ticks\n", before ? before->vms.n : 0, ticks);
	return 0;
}
