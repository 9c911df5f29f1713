/* SPDX-License-Identifier: Apache-2.0 */
/* Which channels an alert goes to: those that its rule names, of which each takes what it wants. */
#ifndef KVMLENS_ALERT_ROUTE_H
#define KVMLENS_ALERT_ROUTE_H

#include "alert/notification.h"
#include "config/config.h"

struct routes;

/* Of the configuration's channels, copied. Never NULL. */
struct routes *routes_new(const struct config *config);
void routes_free(struct routes *routes);

/*
 * The names of the channels of an alert, NULL-terminated, g_strfreev. named: those of its rule,
 * NULL: every one. What was told as firing is told as resolved to the same ones, as nothing that
 * changes in between is looked at.
 */
char **routes_find(const struct routes *routes, char *const *named, const struct notification *n);

#endif
