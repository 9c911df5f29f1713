// SPDX-License-Identifier: Apache-2.0
#include "vm/discover.h"

#include <errno.h>
#include <string.h>

#include "util/descriptors.h"
#include "vm/survey.h"

#define DEFAULT_INTERVAL_MS 10000
#define FULL_MIN_MS 1000 /* a scan reads a file of each process of the host */
/* Without so many descriptors left a scan would take VMs that it cannot read for VMs that ended. */
#define SPARE 8
#define POKE_GAP_MS 20 /* a VMM's pool of workers comes and goes all the time */

struct discover {
	struct survey *survey; /* of the scanning thread */
	unsigned interval_ms;
	uint64_t starved; /* of the scanning thread */
	GThread *thread;

	GMutex lock; /* of what follows */
	GCond wake;
	bool stop, poke_all;
	GHashTable *poked; /* set of tgids */
	struct inventory *inventory;
	struct discover_health health;
};

struct discover *discover_new(const struct discover_config *config)
{
	struct discover *discover = g_new0(struct discover, 1);

	discover->survey = survey_new(config);
	discover->interval_ms = MAX(config->interval_ms ?: DEFAULT_INTERVAL_MS, FULL_MIN_MS);
	discover->poked = g_hash_table_new(NULL, NULL);
	g_mutex_init(&discover->lock);
	g_cond_init(&discover->wake);
	return discover;
}

/* What the scan has found takes the place of what was known, in step with the tick. */
static void publish(struct discover *discover)
{
	struct inventory *before, *inventory = survey_inventory(discover->survey);

	survey_begin(discover->survey);
	survey_untrack(discover->survey);
	g_mutex_lock(&discover->lock);
	before = discover->inventory;
	discover->inventory = inventory;
	discover->health = *survey_health(discover->survey);
	discover->health.starved = discover->starved;
	g_mutex_unlock(&discover->lock);
	survey_end(discover->survey);
	inventory_unref(before);
}

/* True if a scan can open what it reads. Otherwise what is known remains; the loss is counted. */
static bool may_scan(struct discover *discover)
{
	if (descriptors_spare(SPARE))
		return true;
	g_mutex_lock(&discover->lock);
	discover->health.starved = ++discover->starved;
	g_mutex_unlock(&discover->lock);
	return false;
}

void discover_scan(struct discover *discover)
{
	if (!may_scan(discover))
		return;
	survey_all(discover->survey);
	publish(discover);
	survey_published(discover->survey);
}

static void scan_poked(struct discover *discover, GHashTable *poked)
{
	GHashTableIter iter;
	gpointer tgid;

	g_hash_table_iter_init(&iter, poked);
	while (g_hash_table_iter_next(&iter, &tgid, NULL))
		if (!survey_follows(discover->survey, GPOINTER_TO_INT(tgid)))
			g_hash_table_iter_remove(&iter);
	if (!g_hash_table_size(poked) || !may_scan(discover))
		return;
	survey_kernel(discover->survey);
	g_hash_table_iter_init(&iter, poked);
	while (g_hash_table_iter_next(&iter, &tgid, NULL))
		survey_process(discover->survey, GPOINTER_TO_INT(tgid));
	publish(discover);
}

/* Wait for the next full scan or a poke; false: end. *ret_poked is then owned by the caller. */
static bool wait_for_work(struct discover *discover, gint64 full_at, gint64 poke_at, bool *ret_full,
			  GHashTable **ret_poked)
{
	gint64 now;
	bool go_on;

	g_mutex_lock(&discover->lock);
	for (;;) {
		bool poked = discover->poke_all || g_hash_table_size(discover->poked);

		now = g_get_monotonic_time();
		if (discover->stop || now >= full_at || (poked && now >= poke_at))
			break;
		g_cond_wait_until(&discover->wake, &discover->lock,
				  poked ? MIN(poke_at, full_at) : full_at);
	}
	go_on = !discover->stop;
	*ret_full = discover->poke_all || now >= full_at;
	*ret_poked = discover->poked;
	discover->poked = g_hash_table_new(NULL, NULL);
	discover->poke_all = false;
	g_mutex_unlock(&discover->lock);
	return go_on;
}

static gpointer discover_main(gpointer data)
{
	struct discover *discover = data;
	gint64 step = discover->interval_ms * G_GINT64_CONSTANT(1000);
	gint64 full_at = g_get_monotonic_time(), poke_at = 0;
	GHashTable *poked;
	bool full;

	if (discover->inventory)
		full_at += step;
	while (wait_for_work(discover, full_at, poke_at, &full, &poked)) {
		if (full)
			discover_scan(discover);
		else
			scan_poked(discover, poked);
		g_hash_table_unref(poked);
		poke_at = g_get_monotonic_time() + POKE_GAP_MS * 1000;
		if (full)
			full_at = poke_at - POKE_GAP_MS * 1000 + step;
	}
	g_hash_table_unref(poked);
	return NULL;
}

int discover_start(struct discover *discover)
{
	discover->thread = g_thread_try_new("discover", discover_main, discover, NULL);
	return discover->thread ? 0 : -EAGAIN;
}

struct inventory *discover_inventory(struct discover *discover)
{
	struct inventory *inventory;

	g_mutex_lock(&discover->lock);
	inventory = discover->inventory ? inventory_ref(discover->inventory) : NULL;
	g_mutex_unlock(&discover->lock);
	return inventory;
}

void discover_poke(struct discover *discover, pid_t tgid)
{
	g_mutex_lock(&discover->lock);
	if (tgid > 0)
		g_hash_table_add(discover->poked, GINT_TO_POINTER(tgid));
	else
		discover->poke_all = true;
	g_cond_signal(&discover->wake);
	g_mutex_unlock(&discover->lock);
}

void discover_health(struct discover *discover, struct discover_health *ret_health)
{
	g_mutex_lock(&discover->lock);
	*ret_health = discover->health;
	g_mutex_unlock(&discover->lock);
}

void discover_stop(struct discover *discover)
{
	if (!discover || !discover->thread)
		return;
	g_mutex_lock(&discover->lock);
	discover->stop = true;
	g_cond_signal(&discover->wake);
	g_mutex_unlock(&discover->lock);
	g_thread_join(discover->thread);
	discover->thread = NULL;
}

void discover_free(struct discover *discover)
{
	if (!discover)
		return;
	discover_stop(discover);
	inventory_unref(discover->inventory);
	survey_free(discover->survey);
	g_hash_table_unref(discover->poked);
	g_mutex_clear(&discover->lock);
	g_cond_clear(&discover->wake);
	g_free(discover);
}
