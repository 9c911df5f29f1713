/* SPDX-License-Identifier: Apache-2.0 */
/* The table of struct config_channel. */
#ifndef KVMLENS_CONFIG_CHANNEL_OPTIONS_H
#define KVMLENS_CONFIG_CHANNEL_OPTIONS_H

#include <glib.h>
#include "config/channel.h"
#include "config/option.h"

extern const struct config_option channel_options[];

/* Has the key of that name a meaning for the type? */
bool config_channel_takes(enum channel_type type, const char *key);

/* The rules between the members, as config_option's verify. */
void channel_verify(const void *item, GString *why);

#endif
