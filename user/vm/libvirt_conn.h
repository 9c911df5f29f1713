/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read-only connection to libvirt that notices by itself when it dies, and collects what events
 * tell of domains.
 */
#ifndef KVMLENS_VM_LIBVIRT_CONN_H
#define KVMLENS_VM_LIBVIRT_CONN_H

#include <glib.h>
#include <stdbool.h>
#include <libvirt/libvirt.h>
#include <kvmlens.h>

#define LIBVIRT_EVENTS 5

#define LIBVIRT_ENDS_MAX 512

/* The last word on a domain that stopped. A transient one is in no list afterwards. */
struct libvirt_end {
	char *name;
	const char *reason; /* static */
	gint64 until_us; /* monotonic: then it is dropped */
};

struct libvirt_conn {
	gint ref; /* the provider's, and one for each registered callback */
	virConnectPtr conn;
	bool local; /* this host's system QEMU driver, whose status files can be read */
	int events[LIBVIRT_EVENTS]; /* ids of callbacks, -1: not offered */
	GMutex lock; /* of what follows, as callbacks come from the event thread */
	bool dead;
	GHashTable *dirty; /* set of UUIDs of domains that have changed */
	GHashTable *ends; /* UUID -> struct libvirt_end, at most LIBVIRT_ENDS_MAX */
	kvmlens_changed_fn changed;
	void *changed_arg;
};

/* uri NULL: qemu:///system. Negative errno by libvirt_error. May hang. */
int libvirt_conn_open(const char *uri, struct libvirt_conn **ret_conn);
void libvirt_conn_close(struct libvirt_conn *conn);

void libvirt_conn_watch(struct libvirt_conn *conn, kvmlens_changed_fn changed, void *arg);

/* Call changed, if somebody watches. */
void libvirt_conn_wake(struct libvirt_conn *conn);

/* Has this domain changed since the last time that was asked? */
bool libvirt_conn_take_dirty(struct libvirt_conn *conn, const char *uuid);

/*
 * Call take for each domain that stopped in the last minutes, until it returns nonzero; give that.
 */
int libvirt_conn_ends(struct libvirt_conn *conn,
		      int (*take)(const char *uuid, const struct libvirt_end *end, void *arg),
		      void *arg);

/* Is the connection still there? Local, does not hang; forgets libvirt's last error. */
bool libvirt_conn_alive(struct libvirt_conn *conn);

/* The errno for libvirt's last error on this thread. connected false: it came of opening. */
int libvirt_conn_error(bool connected);

#endif
