// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "core/events.h"

/* A new thread is named and has set its role up a moment after its birth. */
#define SETTLE_US 20000

struct events {
	struct probe *probe;
	struct discover *discover;
	GThread *thread;
	int stop_fd;
};

static void collect_tgid(void *arg, const struct sched_event *event)
{
	g_hash_table_add(arg, GUINT_TO_POINTER(event->tgid));
}

static gpointer run(gpointer data)
{
	struct events *e = data;
	struct pollfd fds[] = {{.fd = probe_events_fd(e->probe), .events = POLLIN},
			       {.fd = e->stop_fd, .events = POLLIN}};
	g_autoptr(GHashTable) tgids = g_hash_table_new(NULL, NULL);
	GHashTableIter iter;
	gpointer tgid;

	while (poll(fds, G_N_ELEMENTS(fds), -1) >= 0 && !fds[1].revents) {
		if (!fds[0].revents)
			continue;
		g_usleep(SETTLE_US);
		probe_events_consume(e->probe, collect_tgid, tgids);
		g_hash_table_iter_init(&iter, tgids);
		while (g_hash_table_iter_next(&iter, &tgid, NULL))
			discover_poke(e->discover, GPOINTER_TO_UINT(tgid));
		g_hash_table_remove_all(tgids);
	}
	return NULL;
}

int events_start(struct probe *probe, struct discover *discover, struct events **ret_events)
{
	struct events *e;
	int err = 0;

	if (probe_events_fd(probe) < 0)
		return -ENOTSUP;
	e = g_new0(struct events, 1);
	e->probe = probe;
	e->discover = discover;
	e->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (e->stop_fd < 0)
		err = -errno;
	else if (!(e->thread = g_thread_try_new("events", run, e, NULL)))
		err = -EAGAIN;
	if (err)
		events_stop(e);
	else
		*ret_events = e;
	return err;
}

void events_stop(struct events *e)
{
	if (!e)
		return;
	if (e->thread) {
		eventfd_write(e->stop_fd, 1);
		g_thread_join(e->thread);
	}
	if (e->stop_fd >= 0)
		close(e->stop_fd);
	g_free(e);
}
