/* SPDX-License-Identifier: Apache-2.0 */
/* The rules as a file of Prometheus alerting rules that mean the same. */
#ifndef KVMLENS_ALERT_PROMRULES_H
#define KVMLENS_ALERT_PROMRULES_H

#include "alert/rules.h"
#include "util/textbuf.h"

/*
 * Append the YAML, for Prometheus 2.42 and later. Labels are globs there as regular expressions,
 * tags a join with vm_info. While an alert fires, its threshold is the resolve threshold and a
 * missing value stands as the last one: ALERTS says whether it fires, as no_data: keep means.
 */
void promrules_render(const struct alert_rules *rules, struct textbuf *out);

/* A rule's expression. g_free. */
char *promrules_expr(const struct alert_rule *rule);

#endif
