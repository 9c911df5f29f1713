/* SPDX-License-Identifier: Apache-2.0 */
/* Silences: for a while nobody is told of alerts that match. Each has an end. */
#ifndef KVMLENS_ALERT_SILENCE_H
#define KVMLENS_ALERT_SILENCE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "metric/labels.h"

#define SILENCES_MAX 1024

struct silence {
	int64_t id; /* 0: not stored yet */
	int64_t since_ms, until_ms;
	char *rule, *vm; /* globs; vm matches name or uuid; NULL: any */
	char *comment;
};

struct silences {
	GArray *list; /* struct silence */
};

struct silences *silences_new(void);
void silences_free(struct silences *silences);

/* Copied. */
void silences_add(struct silences *silences, const struct silence *silence);

/* Is an alert of this rule and series silenced at that time? silences may be NULL. */
bool silences_match(const struct silences *silences, int64_t now_ms, const char *rule_id,
		    const struct labels *labels);

#endif
