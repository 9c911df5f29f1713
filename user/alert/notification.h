/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a channel is told of an alert. The state machine makes it and queues it in the transaction
 * that stores the new state, so that neither is ever there without the other. All pointers are
 * borrowed: they live until the call that they are handed to returns.
 */
#ifndef KVMLENS_ALERT_NOTIFICATION_H
#define KVMLENS_ALERT_NOTIFICATION_H

#include <kvmlens.h>
#include <stddef.h>
#include <stdint.h>

enum alert_severity { ALERT_INFO, ALERT_WARNING, ALERT_CRITICAL };

enum alert_status {
	ALERT_FIRING, /* anew, or still: the repeat interval has passed */
	ALERT_RESOLVED, /* told of every alert that was told as firing or as nodata */
	ALERT_NODATA, /* the values stopped, which is no resolution */
};

struct notification {
	/*
	 * The same for the same piece of news, whenever and however often it is delivered:
	 * ALERT-START-STATUS-N, at most NOTIFICATION_KEY_MAX bytes of [0-9a-z-].
	 */
	const char *key;
	const char *alert_id; /* 16 hexadecimal digits: of the rule's id and the label set */
	const char *rule_id, *rule_name;
	enum alert_severity severity;
	enum alert_status status;
	int64_t starts_ms; /* since the epoch: when it began to fire */
	int64_t ends_ms; /* when it was resolved, 0: it was not */
	int64_t at_ms; /* of the snapshot that made this news */
	/* Of the series, vm and uuid first, where it has them; then the rule's own. */
	const struct kvmlens_tag *labels;
	size_t n_labels;
	const struct kvmlens_tag *annotations; /* texts of the rule, filled in */
	size_t n_annotations;
	const char *runbook_url; /* NULL: none */
	const char *metric; /* dotted name */
	double value; /* NAN: there is none */
	double threshold;
	const char *summary; /* one line */
	const char *description; /* may have several lines, may be "" */
	/*
	 * Those with the same key and status that wait for one channel at the same time may go out
	 * as one message: a host's trouble in many VMs is one page.
	 */
	const char *group_key;
};

#define NOTIFICATION_KEY_MAX 64

/* "info", "warning", "critical"; "firing", "resolved", "nodata". */
const char *alert_severity_name(enum alert_severity severity);
const char *alert_status_name(enum alert_status status);

#endif
