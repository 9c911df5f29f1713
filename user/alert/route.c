// SPDX-License-Identifier: Apache-2.0
#include "alert/route.h"

#include <string.h>
#include "util/text.h"

struct route {
	char *name;
	enum alert_severity least;
	char **vms, **rules; /* globs, NULL: all */
};

struct routes {
	GPtrArray *list; /* struct route * */
};

static void route_free(void *arg)
{
	struct route *route = arg;

	g_free(route->name);
	g_strfreev(route->vms);
	g_strfreev(route->rules);
	g_free(route);
}

struct routes *routes_new(const struct config *config)
{
	static const enum alert_severity severities[] = {
		[RULE_INFO] = ALERT_INFO,
		[RULE_WARNING] = ALERT_WARNING,
		[RULE_CRITICAL] = ALERT_CRITICAL,
	};
	struct routes *routes = g_new0(struct routes, 1);

	routes->list = g_ptr_array_new_with_free_func(route_free);
	for (size_t i = 0; i < config->n_channels; i++) {
		const struct config_channel *channel = &config->channels[i];
		struct route *route = g_new0(struct route, 1);

		route->name = g_strdup(channel->name);
		route->least = severities[channel->min_severity];
		route->vms = channel->n_vms ? g_strdupv(channel->vms) : NULL;
		route->rules = channel->n_rules ? g_strdupv(channel->rules) : NULL;
		g_ptr_array_add(routes->list, route);
	}
	return routes;
}

void routes_free(struct routes *routes)
{
	if (!routes)
		return;
	g_ptr_array_unref(routes->list);
	g_free(routes);
}

static bool any_fits(char *const *globs, const char *text)
{
	for (; text && *globs; globs++)
		if (text_glob(*globs, text))
			return true;
	return false;
}

static const char *label_of(const struct notification *n, const char *key)
{
	for (size_t i = 0; i < n->n_labels; i++)
		if (strcmp(n->labels[i].key, key) == 0)
			return n->labels[i].value;
	return NULL;
}

static bool takes(const struct route *route, char *const *named, const struct notification *n)
{
	if (named && !g_strv_contains((const char *const *)named, route->name))
		return false;
	if (n->severity < route->least)
		return false;
	if (route->rules && !any_fits(route->rules, n->rule_id))
		return false;
	return !route->vms || any_fits(route->vms, label_of(n, "vm")) ||
	       any_fits(route->vms, label_of(n, "uuid"));
}

char **routes_find(const struct routes *routes, char *const *named, const struct notification *n)
{
	char **names = g_new0(char *, routes->list->len + 1);
	size_t count = 0;

	for (guint i = 0; i < routes->list->len; i++) {
		const struct route *route = g_ptr_array_index(routes->list, i);

		if (takes(route, named, n))
			names[count++] = g_strdup(route->name);
	}
	return names;
}
