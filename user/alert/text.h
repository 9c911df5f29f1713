/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of messages, rendered here alone: for channels, the API, the CLI and the rules exported to
 * Prometheus. A text of a rule has placeholders like {vm} and {value}; {{ is a brace. {value} and
 * {threshold} come with their unit, and a unit that the text has behind them is not said twice. A
 * clause about something that is not known (who took the CPU, what a stall's cause is) is left out:
 * from the comma, colon, semicolon or bracket before it up to the next one.
 */
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
	enum alert_status status;
	const char *reason; /* of a resolution; "" or NULL: the condition is over */
};

/* The text with its placeholders replaced. Never NULL; g_free. */
char *alert_text(const char *text, const struct alert_subject *subject);

/*
 * One line: of what fires the rule's own text, or the default one; of what was resolved how long
 * it lasted and how things are now. g_free.
 */
char *alert_summary(const struct alert_subject *subject);

/* The summary of an alert that ended while no agent ran. g_free. */
char *alert_summary_ended(const char *rule_name, const struct alert_record *record, int64_t now_ms,
			  const char *reason);

/* The rule's text, or the default one: "NAME: METRIC of {vm} is {value} (> {threshold})". g_free. */
char *alert_template(const struct alert_rule *rule);

/* What stands for a placeholder; NULL: it is not known. g_free. */
typedef char *(*alert_word_fn)(void *arg, const char *name);

/* The text by the words of fn, for a value of this metric. g_free. */
char *alert_text_fill(const char *text, const struct metric *metric, alert_word_fn fn, void *arg);

/* A number as people read it, with its unit: 93.2 %, 1.5 GiB, 2.3 hours. g_free. */
char *alert_number(const struct metric *metric, double value);

/* The unit of a value that stands behind a number: " %", " ms", "": none. Static. */
const char *alert_unit(const struct metric *metric);

/* "43s", "12m5s", "3h10m", "2d4h". g_free. */
char *alert_lasted(int64_t ms);

#endif
