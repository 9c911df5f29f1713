/* SPDX-License-Identifier: Apache-2.0 */
/* A notification as JSON: what the queue keeps, and what a webhook is sent of each alert. */
#ifndef KVMLENS_ALERT_ENCODE_H
#define KVMLENS_ALERT_ENCODE_H

#include <jansson.h>
#include <stdbool.h>
#include "alert/notification.h"

/* Bytes that are kept of each text; longer ones are cut at a character's boundary. */
#define ENCODE_SUMMARY_MAX 1024
#define ENCODE_DESCRIPTION_MAX 8192
#define ENCODE_LABELS_MAX 64

/*
 * An object of the schema in README. Whatever the texts hold, it is valid UTF-8 without control
 * characters, but for newlines in the description.
 */
json_t *notification_encode(const struct notification *n);

/* A notification with all that it points to. */
struct held {
	struct notification n;
	json_t *json; /* owns the texts */
	struct kvmlens_tag *labels, *annotations;
};

/* Takes a reference on json. -EBADMSG: it is no notification. */
int notification_decode(json_t *json, struct held *ret_held);
void held_clear(struct held *held);

/* Free text as one line, or as lines: valid UTF-8, no control characters, at most max bytes. */
char *notification_text(const char *text, size_t max, bool lines);

/* "2026-11-25T20:00:00.000Z". Freed by the caller. */
char *notification_time(int64_t ms);

#endif
