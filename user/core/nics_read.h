/* SPDX-License-Identifier: Apache-2.0 */
/* The reading of interfaces: what runs on the thread behind core/nics.h. */
#ifndef KVMLENS_CORE_NICS_READ_H
#define KVMLENS_CORE_NICS_READ_H

#include <glib.h>
#include "metric/network.h"
#include "vm/tap.h"

#define NICS_NAMED_MAX 16

/* A VM to look at. */
struct nics_target {
	pid_t pid;
	uint64_t start_ns;
	char names[NICS_NAMED_MAX][IFNAMSIZ]; /* interfaces that its provider knows; "": none */
};

struct nic_sample {
	char name[IFNAMSIZ];
	struct nic_counters count;
};

struct nics_vm {
	uint64_t start_ns;
	GArray *nics; /* struct nic_sample */
};

/* Made with g_atomic_rc_box_new0(). */
struct nics_result {
	uint64_t mono_ns;
	GHashTable *by_pid; /* struct nics_vm */
};

struct nics_reader;

/* root: a descriptor of /proc, taken over. */
struct nics_reader *nics_reader_new(int root);
void nics_reader_free(gpointer reader);

/* Replace the targets, struct nics_target; takes over the array. Any thread. */
void nics_reader_set(struct nics_reader *reader, GArray *targets);

/* NULL: the kernel did not answer. */
gpointer nics_reader_run(gpointer reader);
void nics_result_clear(gpointer result);

#endif
