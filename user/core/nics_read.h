/* SPDX-License-Identifier: Apache-2.0 */
/* The reading of interfaces: what runs on the thread behind core/nics.h. */
#ifndef KVMLENS_CORE_NICS_READ_H
#define KVMLENS_CORE_NICS_READ_H

#include <glib.h>
#include "metric/network.h"
#include "probe/net.h"
#include "vm/refusal.h"
#include "vm/tap.h"

/* A VM to look at. */
struct nics_target {
	pid_t pid;
	uint64_t start_ns;
	struct vm_owner owner; /* of an ordinary one every interface is proven, and few are shown */
	bool sizes, drops; /* its level asks for them */
	char names[VM_DEVICES_MAX][IFNAMSIZ]; /* interfaces that its provider knows; "": none */
};

struct nic_sample {
	char name[IFNAMSIZ];
	uint32_t index; /* 0: unknown */
	bool is_tap; /* one whose packets can be looked at */
	bool is_hooked;
	struct nic_counters count;
	struct net_numbers flow[NET_DIRECTIONS]; /* where it is hooked */
};

struct nics_drop {
	uint32_t index;
	const char *reason; /* interned */
	uint64_t count;
};

struct nics_vm {
	uint64_t start_ns;
	GArray *nics; /* struct nic_sample */
	int left_out; /* taps beyond the bound */
};

/* Made with g_atomic_rc_box_new0(). */
struct nics_result {
	uint64_t mono_ns;
	GHashTable *by_pid; /* struct nics_vm */
	GArray *drops; /* struct nics_drop, of all watched taps */
};

struct nics_reader;

/* root: a descriptor of /proc, taken over. net (may be NULL) is used by nobody else from now on. */
struct nics_reader *nics_reader_new(int root, struct net *net, struct refusals *refusals);
void nics_reader_free(gpointer reader);

/* Replace the targets, struct nics_target; takes over the array. Any thread. */
void nics_reader_set(struct nics_reader *reader, GArray *targets);

/* NULL: the kernel did not answer. */
gpointer nics_reader_run(gpointer reader);
void nics_result_clear(gpointer result);

#endif
