/* SPDX-License-Identifier: Apache-2.0 */
/* Silences: for a while no notification is sent for alerts that match. Each has an end. */
#ifndef KVMLENS_ALERT_SILENCE_H
#define KVMLENS_ALERT_SILENCE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "config/config.h"
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

/* A silence of the configuration that recurs: on days of the week, from a time of the day on. */
struct silence_window {
	char *name, *rule, *vm, *comment; /* rule, vm: globs, NULL: any */
	uint8_t days; /* bits, Monday is the lowest */
	unsigned from_min; /* of the day, in its time zone */
	int64_t span_ms;
	GTimeZone *zone;
};

/*
 * Is the time within the window? Then *ret_since_ms and *ret_until_ms are its ends. A window begins
 * at the time that clocks show in its zone and lasts its span, whatever clocks do meanwhile.
 */
bool silence_window_active(const struct silence_window *window, int64_t now_ms,
			   int64_t *ret_since_ms, int64_t *ret_until_ms);

/* The configuration's windows: struct silence_window *, freed with the array. Never NULL. */
GPtrArray *silence_windows_new(const struct config *config);

/* Those of list (may be NULL) and what the windows say at that time. */
struct silences *silences_combine(const struct silences *list, const GPtrArray *windows,
				  int64_t now_ms);

struct silences *silences_new(void);
void silences_free(struct silences *silences);

/* Copied. */
void silences_add(struct silences *silences, const struct silence *silence);

/* Is an alert of this rule and series silenced at that time? silences may be NULL. */
bool silences_match(const struct silences *silences, int64_t now_ms, const char *rule_id,
		    const struct labels *labels);

#endif
