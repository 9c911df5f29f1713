/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of messages: what stands for {vm}, {value} and the like. */
#ifndef KVMLENS_ALERT_TEXT_H
#define KVMLENS_ALERT_TEXT_H

#include "alert/engine.h"

/* What a text is about; vm may be NULL: the host's, or a VM that is gone. */
struct alert_subject {
	const struct alert_rule *rule;
	const struct alert_record *record;
	const struct snap_vm *vm;
	const char *host;
	int64_t now_ms;
};

/* Replace the placeholders; {{ is a brace. What is not known is "?". Never NULL; g_free. */
char *alert_text(const char *text, const struct alert_subject *subject);

/* The rule's text, or "NAME: LABELS METRIC is VALUE". g_free. */
char *alert_summary(const struct alert_subject *subject);

/* A number as people read it, by the metric's unit: 93.2, 1.5 GiB, 2.3 h. g_free. */
char *alert_number(const struct metric *metric, double value);

#endif
