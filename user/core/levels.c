// SPDX-License-Identifier: Apache-2.0
#include "core/levels.h"

#include <errno.h>
#include <string.h>
#include "util/text.h"

#define OVERRIDES_MAX 64

struct override {
	char *match;
	enum kvmlens_level level;
	gint64 until_us; /* monotonic */
};

struct levels {
	const struct config *config;
	GMutex lock; /* guards what follows */
	enum kvmlens_level level;
	GArray *overrides; /* struct override, newest first */
	GPtrArray *raises; /* of alert rules */
};

static void clear_override(gpointer data)
{
	g_free(((struct override *)data)->match);
}

struct levels *levels_new(const struct config *config)
{
	struct levels *l = g_new0(struct levels, 1);

	l->config = config;
	l->level = config->level;
	l->overrides = g_array_new(FALSE, FALSE, sizeof(struct override));
	g_array_set_clear_func(l->overrides, clear_override);
	l->raises = rule_raises_new(config->rule_set);
	g_mutex_init(&l->lock);
	return l;
}

void levels_free(struct levels *l)
{
	if (!l)
		return;
	g_array_unref(l->overrides);
	g_ptr_array_unref(l->raises);
	g_mutex_clear(&l->lock);
	g_free(l);
}

void levels_set_rules(struct levels *l, const struct rule_set *rules)
{
	GPtrArray *raises = rule_raises_new(rules);

	g_mutex_lock(&l->lock);
	g_ptr_array_unref(l->raises);
	l->raises = raises;
	g_mutex_unlock(&l->lock);
}

void levels_set_default(struct levels *l, enum kvmlens_level level)
{
	g_mutex_lock(&l->lock);
	l->level = level;
	g_mutex_unlock(&l->lock);
}

enum kvmlens_level levels_default(struct levels *l)
{
	enum kvmlens_level level;

	g_mutex_lock(&l->lock);
	level = l->level;
	g_mutex_unlock(&l->lock);
	return level;
}

/* With the lock held: drop what has run out. */
static void expire(struct levels *l)
{
	gint64 now = l->overrides->len ? g_get_monotonic_time() : 0;

	for (guint i = l->overrides->len; i-- > 0;)
		if (g_array_index(l->overrides, struct override, i).until_us <= now)
			g_array_remove_index(l->overrides, i);
}

/* With the lock held. */
static bool take_back(struct levels *l, const char *match)
{
	for (guint i = 0; i < l->overrides->len; i++)
		if (!strcmp(g_array_index(l->overrides, struct override, i).match, match)) {
			g_array_remove_index(l->overrides, i);
			return true;
		}
	return false;
}

/* With the lock held. */
static void add(struct levels *l, const char *match, enum kvmlens_level level, int64_t for_ms)
{
	struct override o = {g_strdup(match), level, g_get_monotonic_time() + for_ms * 1000};

	g_array_prepend_val(l->overrides, o);
}

int levels_override(struct levels *l, const char *match, enum kvmlens_level level, int64_t for_ms)
{
	bool was;
	int err = 0;

	g_mutex_lock(&l->lock);
	expire(l);
	was = take_back(l, match);
	if (for_ms <= 0) {
		err = was ? 0 : -ENOENT;
	} else if (l->overrides->len >= OVERRIDES_MAX) {
		err = -ENOSPC;
	} else {
		add(l, match, level, for_ms);
	}
	g_mutex_unlock(&l->lock);
	return err;
}

enum kvmlens_level levels_for(struct levels *l, const char *name, const char *uuid,
			      const char *owner)
{
	enum kvmlens_level level;

	g_mutex_lock(&l->lock);
	expire(l);
	if (!config_level_rule(l->config, name, uuid, owner, &level))
		level = l->level;
	level = rule_raises_level(l->raises, name, uuid, level);
	for (guint i = 0; i < l->overrides->len; i++) {
		const struct override *o = &g_array_index(l->overrides, struct override, i);

		if (text_glob(o->match, name) || (uuid && !strcmp(o->match, uuid))) {
			level = o->level;
			break;
		}
	}
	g_mutex_unlock(&l->lock);
	return level;
}

enum kvmlens_level levels_highest(struct levels *l)
{
	enum kvmlens_level highest;

	g_mutex_lock(&l->lock);
	expire(l);
	highest = l->level;
	for (size_t i = 0; i < l->config->n_vms; i++)
		highest = MAX(highest, l->config->vms[i].level);
	highest = rule_raises_level(l->raises, NULL, NULL, highest);
	for (guint i = 0; i < l->overrides->len; i++)
		highest = MAX(highest, g_array_index(l->overrides, struct override, i).level);
	g_mutex_unlock(&l->lock);
	return highest;
}
