// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_libvirt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libvirt/libvirt.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include "guest/ga_scan.h"
#include "vm/libvirt_event.h"

#define DEFAULT_URI "qemu:///system"

/* A daemon that is silent for so long is taken for dead, and what hangs on it is set free. */
#define KEEPALIVE_S 3
#define KEEPALIVE_COUNT 3

struct ga_libvirt {
	gint ref;
	char *uri;
	GMutex lock; /* of what follows */
	bool opening; /* by one thread; the others do without meanwhile */
	virConnectPtr conn;
};

struct ga_domain {
	virDomainPtr dom;
};

struct ga_libvirt *ga_libvirt_new(const char *uri)
{
	struct ga_libvirt *l = g_new0(struct ga_libvirt, 1);

	l->ref = 1;
	l->uri = g_strdup(uri ?: DEFAULT_URI);
	g_mutex_init(&l->lock);
	return l;
}

struct ga_libvirt *ga_libvirt_ref(struct ga_libvirt *l)
{
	g_atomic_int_inc(&l->ref);
	return l;
}

void ga_libvirt_forsake(struct ga_libvirt *l)
{
	virConnectPtr conn;

	g_mutex_lock(&l->lock);
	conn = g_steal_pointer(&l->conn);
	g_mutex_unlock(&l->lock);
	/* The domains that hang have references of their own: this does not wait for them. */
	if (conn)
		virConnectClose(conn);
}

void ga_libvirt_unref(struct ga_libvirt *l)
{
	if (!l || !g_atomic_int_dec_and_test(&l->ref))
		return;
	ga_libvirt_forsake(l);
	g_mutex_clear(&l->lock);
	g_free(l->uri);
	g_free(l);
}

/* What libvirt says quotes the guest: only its number is taken. */
static int explain(char *why)
{
	switch (virGetLastErrorCode()) {
	case VIR_ERR_NO_DOMAIN:
		g_strlcpy(why, "libvirt knows no such domain", GA_WHY_LEN);
		return -ESRCH;
	case VIR_ERR_OPERATION_INVALID:
		g_strlcpy(why, "the domain does not run", GA_WHY_LEN);
		return -ESRCH;
	case VIR_ERR_AGENT_UNRESPONSIVE:
	case VIR_ERR_AGENT_UNSYNCED:
#if LIBVIR_CHECK_VERSION(11, 2, 0)
	case VIR_ERR_AGENT_COMMAND_TIMEOUT:
#endif
	case VIR_ERR_OPERATION_TIMEOUT:
		g_strlcpy(why, "the agent does not answer, says libvirt", GA_WHY_LEN);
		return -ETIMEDOUT;
	case VIR_ERR_ARGUMENT_UNSUPPORTED:
	case VIR_ERR_CONFIG_UNSUPPORTED:
		g_strlcpy(why, "the domain has no channel for a guest agent", GA_WHY_LEN);
		return -ENOTSUP;
	case VIR_ERR_NO_SUPPORT:
		g_strlcpy(why, "this libvirt driver knows no guest agent", GA_WHY_LEN);
		return -ENOTSUP;
	case VIR_ERR_AUTH_FAILED:
	case VIR_ERR_AUTH_CANCELLED:
	case VIR_ERR_AUTH_UNAVAILABLE:
	case VIR_ERR_ACCESS_DENIED:
	case VIR_ERR_OPERATION_DENIED:
		g_strlcpy(why, "libvirt permits no agent commands", GA_WHY_LEN);
		return -EACCES;
#if LIBVIR_CHECK_VERSION(11, 2, 0)
	case VIR_ERR_AGENT_COMMAND_FAILED:
#endif
	case VIR_ERR_INTERNAL_ERROR: /* older ones say so when the agent refuses a command */
		return -EREMOTEIO;
	default:
		g_strlcpy(why, "libvirt cannot be reached for agent commands", GA_WHY_LEN);
		return -ENOTCONN;
	}
}

static virConnectPtr open_conn(struct ga_libvirt *l)
{
	virConnectPtr conn = libvirt_event_start() ? NULL : virConnectOpen(l->uri);

	if (conn)
		virConnectSetKeepAlive(conn, KEEPALIVE_S, KEEPALIVE_COUNT);
	return conn;
}

/* A reference to the connection; NULL: it is being opened, or cannot be. */
static virConnectPtr get_conn(struct ga_libvirt *l, char *why)
{
	virConnectPtr conn = NULL, dead = NULL;
	bool mine;

	g_mutex_lock(&l->lock);
	if (l->conn && virConnectIsAlive(l->conn) != 1)
		dead = g_steal_pointer(&l->conn);
	if (l->conn && !virConnectRef(l->conn))
		conn = l->conn;
	mine = !conn && !l->opening;
	l->opening |= mine;
	g_mutex_unlock(&l->lock);
	if (dead)
		virConnectClose(dead);
	if (!conn && !mine)
		g_strlcpy(why, "libvirt is being connected to", GA_WHY_LEN);
	if (!mine)
		return conn;
	conn = open_conn(l);
	if (!conn)
		explain(why);
	g_mutex_lock(&l->lock);
	l->opening = false;
	if (conn && !virConnectRef(conn))
		l->conn = conn;
	g_mutex_unlock(&l->lock);
	return conn;
}

static int open_domain(void *arg, const struct ga_target *target, unsigned deadline_ms,
		       void **ret_ctx, char *why)
{
	virConnectPtr conn = get_conn(arg, why);
	struct ga_domain *domain;
	virDomainPtr dom;

	if (!conn)
		return *why ? -ENOTCONN : -EAGAIN;
	dom = virDomainLookupByUUIDString(conn, target->uuid);
	virConnectClose(conn); /* the domain has its own reference */
	if (!dom)
		return explain(why);
	domain = g_new0(struct ga_domain, 1);
	domain->dom = dom;
	*ret_ctx = domain;
	return 0;
}

/* libvirt gets into step with the agent by itself, before the first command and after time-outs. */
static int ask_domain(void *ctx, const char *request, unsigned deadline_ms, GString *ret_reply,
		      char *why)
{
	struct ga_domain *domain = ctx;
	char *reply =
		virDomainQemuAgentCommand(domain->dom, request, (int)MAX(deadline_ms / 1000, 1), 0);
	size_t len = reply ? strnlen(reply, GA_REPLY_MAX + 1) : 0;

	if (!reply)
		return explain(why);
	if (len <= GA_REPLY_MAX)
		g_string_append_len(ret_reply, reply, len);
	free(reply);
	if (len > GA_REPLY_MAX)
		g_strlcpy(why, "the agent sends too much", GA_WHY_LEN);
	return len > GA_REPLY_MAX ? -EMSGSIZE : 0;
}

static void close_domain(void *ctx)
{
	struct ga_domain *domain = ctx;

	virDomainFree(domain->dom);
	g_free(domain);
}

const struct ga_link_ops ga_libvirt_ops = {
	.name = "libvirt",
	.open = open_domain,
	.ask = ask_domain,
	.close = close_domain,
};
