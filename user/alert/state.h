/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts in the store's file: those that are up, what happened, and silences. Writing is for the
 * store's thread, in its transaction; what reads opens the file on its own.
 */
#ifndef KVMLENS_ALERT_STATE_H
#define KVMLENS_ALERT_STATE_H

#include "alert/engine.h"
#include "store/db.h"

#define STATE_LOG_MAX 100000 /* entries of the history */
#define STATE_ALIVE_MS 180000 /* an agent that runs writes at least once a minute */

extern const struct store_component alert_component;

/*
 * Write what the events say and queue what is to be told for their channels. All or nothing with
 * the transaction around it.
 */
int state_write(sqlite3 *db, const GPtrArray *events, int64_t now_ms);

/* An alert as it is kept. Pointers live until the callback returns. */
struct kept_alert {
	struct alert_record record;
	enum alert_severity severity;
	const char *metric, *rule_name, *summary, *quiet;
	double threshold;
};

typedef int (*state_alert_fn)(void *arg, const struct kept_alert *alert);

/* Every alert that is up, those that fire first. Non-zero of fn ends it. */
int state_each_alert(sqlite3 *db, state_alert_fn fn, void *arg);

/* When the state was last written, 0: never. */
int64_t state_last_ms(sqlite3 *db);

/* One entry of the history. */
struct kept_entry {
	int64_t at_ms;
	enum alert_change change;
	enum alert_severity severity;
	const char *alert_id, *rule_id, *vm, *summary, *reason, *quiet;
	bool told;
	double value;
};

typedef int (*state_entry_fn)(void *arg, const struct kept_entry *entry);

int state_each_entry(sqlite3 *db, int64_t since_ms, int64_t until_ms, state_entry_fn fn, void *arg);

/* The silences that have not ended, to be freed. */
int state_silences(sqlite3 *db, int64_t now_ms, struct silences **ret_silences);

/*
 * Open the file to write silences into it beside the agent, whose transactions are short. It is
 * never made or mended here. -ENOENT: it is not there, or of before there were alerts.
 */
int state_open_beside(const char *path, sqlite3 **ret_db);

/* Begin a silence; *ret_id names it. -ENOSPC: there are SILENCES_MAX. */
int state_silence_add(sqlite3 *db, const struct silence *silence, int64_t *ret_id);
/* End one now. -ENOENT: it is not there, or over. */
int state_silence_end(sqlite3 *db, int64_t id, int64_t now_ms);

/* "pending", "firing", "resolved", "nodata" ... */
const char *alert_change_name(enum alert_change change);

#endif
