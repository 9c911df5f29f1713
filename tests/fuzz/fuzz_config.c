// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a configuration file: refused with one line, or loaded and then free of surprise. */
#include <errno.h>
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = config_new();
	char *error = NULL;
	int err = config_load_text(config, "f", (const char *)data, size, &error);

	/* What the checks let through, libcyaml must take: its errors have no line. */
	g_assert(!err == !error);
	g_assert(!err || (err == -EINVAL && !strchr(error, '\n') &&
			  !g_str_has_prefix(error, "f: cannot be loaded")));
	g_assert(config->interval_ms >= 100 && config->interval_ms <= 3600000);
	g_assert(config->listen && config->provider && config->node_id && config->http.user);
	for (size_t i = 0; i < config->n_vms; i++)
		g_assert(config->vms[i].match);
	config_level_for(config, "db-1", "00000000-0000-4000-8000-000000000000", NULL);
	g_free(error);
	config_free(config);
	return 0;
}
