// SPDX-License-Identifier: Apache-2.0
/* The public configuration, checked and copied into the one that the collector works with. */
#include <errno.h>
#include <string.h>
#include <glib.h>
#include "core/collector.h"

typedef struct config config_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(config_t, config_free)

void kvmlens_config_init(struct kvmlens_config *config)
{
	*config = (struct kvmlens_config){.detail_level = KVMLENS_STANDARD};
}

/* By the same check as the option of the file or the command line; NULL leaves the default. */
static int set(struct config *config, const char *name, const char *value)
{
	g_autofree char *error = NULL;

	return value ? config_set(config, name, value, &error) : 0;
}

static int set_tags(struct config *config, const struct kvmlens_tag *tags, size_t n_tags)
{
	int err = 0;

	for (size_t i = 0; i < n_tags && !err; i++) {
		g_autofree char *tag = NULL;

		if (!tags[i].key || !tags[i].value || strchr(tags[i].key, '='))
			return -EINVAL;
		tag = g_strdup_printf("%s=%s", tags[i].key, tags[i].value);
		err = set(config, "tags", tag);
	}
	return err;
}

static int copy_config(const struct kvmlens_config *from, struct config *to)
{
	g_autofree char *interval =
		from->interval_ms ? g_strdup_printf("%ums", from->interval_ms) : NULL;
	int err = set(to, "interval", interval);

	if (from->detail_level > KVMLENS_DIAGNOSTIC || from->enabled_metrics & ~KVMLENS_ALL_GROUPS)
		return -EINVAL;
	to->level = from->detail_level;
	if (from->enabled_metrics)
		to->groups = from->enabled_metrics;
	if (!err)
		err = set(to, "node_id", from->node_id);
	if (!err)
		err = set(to, "uri", from->uri);
	return err ? err : set_tags(to, from->tags, from->n_tags);
}

static bool is_complete(const struct kvmlens_provider_ops *ops)
{
	return ops->name && ops->open && ops->list && ops->stats && ops->close;
}

int kvmlens_collector_new(const struct kvmlens_config *config,
			  struct kvmlens_collector **ret_collector)
{
	g_autoptr(config_t) own = config_new();
	struct collector_options options = {
		.config = own,
		.owned = own,
		.provider = config->provider,
		.provider_arg = config->provider_arg,
	};
	int err = copy_config(config, own);

	if (err || (config->provider && !is_complete(config->provider)))
		return -EINVAL;
	options.uri = own->uri;
	err = collector_new(&options, ret_collector);
	if (!err)
		g_steal_pointer(&own);
	return err;
}
