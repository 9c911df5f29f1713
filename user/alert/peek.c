// SPDX-License-Identifier: Apache-2.0
#include "alert/peek.h"

#include <string.h>
#include "alert/state.h"
#include "alert/view.h"

struct alert_peek {
	char *path;
	sqlite3 *db; /* of the thread that feeds; NULL: not open */
	GMutex lock; /* of view */
	struct alert_view *view; /* counted; NULL: nothing is known */
};

struct alert_peek *alert_peek_new(const char *path)
{
	struct alert_peek *peek = g_new0(struct alert_peek, 1);

	peek->path = g_strdup(path);
	g_mutex_init(&peek->lock);
	return peek;
}

void alert_peek_free(struct alert_peek *peek)
{
	if (!peek)
		return;
	alert_view_unref(peek->view);
	store_db_close(peek->db);
	g_mutex_clear(&peek->lock);
	g_free(peek->path);
	g_free(peek);
}

static int add_kept(void *arg, const struct kept_alert *alert)
{
	alert_view_add(arg, alert);
	return 0;
}

/* NULL: there is no agent whose word it could be. */
static struct alert_view *read_view(sqlite3 *db)
{
	struct alert_view *view;

	if (g_get_real_time() / 1000 - state_last_ms(db) > STATE_ALIVE_MS)
		return NULL;
	view = alert_view_empty();
	if (state_each_alert(db, add_kept, view) == 0) {
		alert_view_finish(view);
		return view;
	}
	alert_view_unref(view);
	return NULL;
}

void alert_peek_feed(void *arg, const struct kvmlens_snapshot *snapshot)
{
	struct alert_peek *peek = arg;
	struct alert_view *view, *old;

	if (!peek->db && store_db_open_reader(peek->path, &peek->db))
		return;
	view = read_view(peek->db);
	if (!view)
		g_clear_pointer(&peek->db, store_db_close);
	g_mutex_lock(&peek->lock);
	old = peek->view;
	peek->view = view;
	g_mutex_unlock(&peek->lock);
	alert_view_unref(old);
}

void alert_peek_fill(void *arg, struct kvmlens_snapshot *snapshot)
{
	struct alert_peek *peek = arg;
	struct alert_view *view;

	g_mutex_lock(&peek->lock);
	view = peek->view ? alert_view_ref(peek->view) : NULL;
	g_mutex_unlock(&peek->lock);
	if (view)
		alert_view_fill(view, snapshot);
	alert_view_unref(view);
}
