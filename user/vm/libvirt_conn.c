// SPDX-License-Identifier: Apache-2.0
#include "vm/libvirt_conn.h"

#include <errno.h>
#include <string.h>
#include <libvirt/virterror.h>

#include "vm/libvirt_event.h"

#define DEFAULT_URI "qemu:///system"

/* A daemon that is silent for so long is taken for dead, and what hangs on it is set free. */
#define KEEPALIVE_S 5
#define KEEPALIVE_COUNT 5

/* A list is made at an event and at each interval; by then the process is gone. */
#define END_KEEP_US (120 * G_USEC_PER_SEC)

static void conn_unref(void *arg)
{
	struct libvirt_conn *conn = arg;

	if (!g_atomic_int_dec_and_test(&conn->ref))
		return;
	g_hash_table_unref(conn->dirty);
	g_hash_table_unref(conn->ends);
	g_mutex_clear(&conn->lock);
	g_free(conn);
}

static void notify(struct libvirt_conn *conn, const char *uuid, bool dead)
{
	g_mutex_lock(&conn->lock);
	conn->dead |= dead;
	if (uuid)
		g_hash_table_add(conn->dirty, g_strdup(uuid));
	if (conn->changed)
		conn->changed(conn->changed_arg);
	g_mutex_unlock(&conn->lock);
}

void libvirt_conn_wake(struct libvirt_conn *conn)
{
	notify(conn, NULL, false);
}

static void on_close(virConnectPtr conn, int reason, void *arg)
{
	notify(arg, NULL, true);
}

static void domain_changed(virDomainPtr dom, void *arg)
{
	char uuid[VIR_UUID_STRING_BUFLEN];

	if (!virDomainGetUUIDString(dom, uuid))
		notify(arg, uuid, false);
}

static void end_free(gpointer arg)
{
	struct libvirt_end *end = arg;

	g_free(end->name);
	g_free(end);
}

static gboolean end_is_old(gpointer uuid, gpointer end, gpointer now_us)
{
	return ((struct libvirt_end *)end)->until_us <= *(gint64 *)now_us;
}

static void drop_old_ends(struct libvirt_conn *conn, gint64 now_us)
{
	g_hash_table_foreach_remove(conn->ends, end_is_old, &now_us);
}

/* Where there are too many, later ones keep what the kernel knows of them. */
static void remember_end(struct libvirt_conn *conn, virDomainPtr dom, const char *reason)
{
	gint64 now_us = g_get_monotonic_time();
	char uuid[VIR_UUID_STRING_BUFLEN];
	struct libvirt_end *end;

	if (virDomainGetUUIDString(dom, uuid))
		return;
	g_mutex_lock(&conn->lock);
	g_hash_table_remove(conn->ends, uuid);
	drop_old_ends(conn, now_us);
	if (reason && g_hash_table_size(conn->ends) < LIBVIRT_ENDS_MAX) {
		end = g_new0(struct libvirt_end, 1);
		end->name = g_strdup(virDomainGetName(dom));
		end->reason = reason;
		end->until_us = now_us + END_KEEP_US;
		g_hash_table_insert(conn->ends, g_strdup(uuid), end);
	}
	g_mutex_unlock(&conn->lock);
}

/* In libvirt's order of virDomainEventStoppedDetailType. */
static const char *const stop_reasons[] = {"shutdown", "destroyed", "crashed", "migrated",
					   "saved",    "failed",    "snapshot"};

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *arg)
{
	if (event == VIR_DOMAIN_EVENT_STOPPED)
		remember_end(arg, dom,
			     detail >= 0 && detail < (int)G_N_ELEMENTS(stop_reasons)
				     ? stop_reasons[detail]
				     : NULL);
	else if (event == VIR_DOMAIN_EVENT_STARTED)
		remember_end(arg, dom, NULL);
	domain_changed(dom, arg);
	return 0;
}

static void on_metadata(virConnectPtr conn, virDomainPtr dom, int type, const char *uri, void *arg)
{
	domain_changed(dom, arg);
}

static void on_device(virConnectPtr conn, virDomainPtr dom, const char *alias, void *arg)
{
	domain_changed(dom, arg);
}

static void on_block_job(virConnectPtr conn, virDomainPtr dom, const char *disk, int type,
			 int status, void *arg)
{
	domain_changed(dom, arg);
}

/* Drivers differ in what they offer; what is missing is found at the next interval instead. */
static void register_events(struct libvirt_conn *conn)
{
	static const struct {
		int id;
		virConnectDomainEventGenericCallback callback;
	} events[LIBVIRT_EVENTS] = {
		{VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
		{VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata)},
		{VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device)},
		{VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device)},
		{VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, VIR_DOMAIN_EVENT_CALLBACK(on_block_job)},
	};

	for (int i = 0; i < LIBVIRT_EVENTS; i++) {
		g_atomic_int_inc(&conn->ref);
		conn->events[i] = virConnectDomainEventRegisterAny(
			conn->conn, NULL, events[i].id, events[i].callback, conn, conn_unref);
		if (conn->events[i] < 0)
			conn_unref(conn);
	}
}

static bool is_local_qemu(virConnectPtr conn)
{
	g_autofree char *text = virConnectGetURI(conn);
	g_autoptr(GUri) uri = text ? g_uri_parse(text, G_URI_FLAGS_NONE, NULL) : NULL;
	const char *host = uri ? g_uri_get_host(uri) : NULL;

	return uri && g_str_equal(g_uri_get_scheme(uri), "qemu") && (!host || !*host) &&
	       g_str_equal(g_uri_get_path(uri), "/system");
}

/* A driver inside the library cannot close, and would never give the reference back. */
static void register_close(struct libvirt_conn *conn)
{
	const char *type = virConnectGetType(conn->conn);

	if (type && !g_ascii_strcasecmp(type, "test"))
		return;
	g_atomic_int_inc(&conn->ref);
	if (virConnectRegisterCloseCallback(conn->conn, on_close, conn, conn_unref) < 0)
		conn_unref(conn);
}

int libvirt_conn_open(const char *uri, struct libvirt_conn **ret_conn)
{
	struct libvirt_conn *conn;
	virConnectPtr vir;
	int r = libvirt_event_start();

	if (r)
		return r;
	vir = virConnectOpenReadOnly(uri ?: DEFAULT_URI);
	if (!vir)
		return libvirt_conn_error(false);
	conn = g_new0(struct libvirt_conn, 1);
	conn->ref = 1;
	conn->conn = vir;
	conn->local = is_local_qemu(vir);
	conn->dirty = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	conn->ends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, end_free);
	g_mutex_init(&conn->lock);
	virConnectSetKeepAlive(vir, KEEPALIVE_S, KEEPALIVE_COUNT);
	register_close(conn);
	register_events(conn);
	*ret_conn = conn;
	return 0;
}

void libvirt_conn_close(struct libvirt_conn *conn)
{
	libvirt_conn_watch(conn, NULL, NULL);
	for (int i = 0; i < LIBVIRT_EVENTS; i++)
		if (conn->events[i] >= 0)
			virConnectDomainEventDeregisterAny(conn->conn, conn->events[i]);
	virConnectUnregisterCloseCallback(conn->conn, on_close);
	virConnectClose(conn->conn);
	conn_unref(conn);
}

void libvirt_conn_watch(struct libvirt_conn *conn, kvmlens_changed_fn changed, void *arg)
{
	g_mutex_lock(&conn->lock);
	conn->changed = changed;
	conn->changed_arg = arg;
	g_mutex_unlock(&conn->lock);
}

bool libvirt_conn_take_dirty(struct libvirt_conn *conn, const char *uuid)
{
	bool dirty;

	g_mutex_lock(&conn->lock);
	dirty = g_hash_table_remove(conn->dirty, uuid);
	g_mutex_unlock(&conn->lock);
	return dirty;
}

int libvirt_conn_ends(struct libvirt_conn *conn,
		      int (*take)(const char *uuid, const struct libvirt_end *end, void *arg),
		      void *arg)
{
	gpointer uuid, end;
	GHashTableIter iter;
	int r = 0;

	g_mutex_lock(&conn->lock);
	drop_old_ends(conn, g_get_monotonic_time());
	g_hash_table_iter_init(&iter, conn->ends);
	while (!r && g_hash_table_iter_next(&iter, &uuid, &end))
		r = take(uuid, end, arg);
	g_mutex_unlock(&conn->lock);
	return r;
}

bool libvirt_conn_alive(struct libvirt_conn *conn)
{
	bool dead;

	g_mutex_lock(&conn->lock);
	dead = conn->dead;
	g_mutex_unlock(&conn->lock);
	return !dead && virConnectIsAlive(conn->conn) == 1;
}

int libvirt_conn_error(bool connected)
{
	switch (virGetLastErrorCode()) {
	case VIR_ERR_NO_DOMAIN:
		return -ESRCH;
	case VIR_ERR_NO_SUPPORT:
	case VIR_ERR_INVALID_ARG:
	case VIR_ERR_ARGUMENT_UNSUPPORTED:
		return -ENOTSUP;
	case VIR_ERR_AUTH_FAILED:
	case VIR_ERR_AUTH_CANCELLED:
	case VIR_ERR_AUTH_UNAVAILABLE:
	case VIR_ERR_ACCESS_DENIED:
	case VIR_ERR_OPERATION_DENIED:
		return -EACCES;
	case VIR_ERR_INVALID_CONN:
		return -ENOTCONN;
	case VIR_ERR_NO_CONNECT:
	case VIR_ERR_SYSTEM_ERROR:
		return connected ? -EIO : -ECONNREFUSED;
	default:
		return -EIO;
	}
}
