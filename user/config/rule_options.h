/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an alert rule; shared by the configuration and by files of rules. */
#ifndef KVMLENS_CONFIG_RULE_OPTIONS_H
#define KVMLENS_CONFIG_RULE_OPTIONS_H

#include "config/option.h"

extern const struct config_option rule_options[];

/* What the members of one rule must be to each other: appends to why what is wrong. */
void rule_verify(const void *rule, GString *why);

#endif
