// SPDX-License-Identifier: Apache-2.0
#include "vm/libvirt_event.h"
#include "util/descriptors.h"

#include <errno.h>
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/parser.h>

#define FAILED_LOOP_PAUSE_US 100000

/* libvirt would print each error to standard error; callers look at the results instead. */
static void no_print(void *arg, virErrorPtr error)
{
}

/* A wake-up now and then, so that a connection's timers begin to count at once. */
static void on_timer(int timer, void *arg)
{
}

static gpointer loop(gpointer data)
{
	virEventAddTimeout(500, on_timer, NULL, NULL);
	for (;;)
		if (virEventRunDefaultImpl() < 0)
			g_usleep(FAILED_LOOP_PAUSE_US);
	return NULL;
}

/* A connection takes a handful, and without one of them GLib ends the whole process. */
#define SPARE 16

static gpointer start(gpointer data)
{
	GThread *thread;

	xmlInitParser();
	virSetErrorFunc(NULL, no_print);
	if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
		return GINT_TO_POINTER(-EIO);
	thread = g_thread_try_new("libvirt-event", loop, NULL, NULL);
	if (!thread)
		return GINT_TO_POINTER(-EAGAIN);
	g_thread_unref(thread);
	return NULL;
}

int libvirt_event_start(void)
{
	static GOnce once = G_ONCE_INIT;

	if (!descriptors_spare(SPARE))
		return -EMFILE;
	return GPOINTER_TO_INT(g_once(&once, start, NULL));
}
