// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of the store's file as somebody may have changed them: layouts, blocks, rollups, alerts and
 * the outbox. What is read back is bounded, and no row makes the reader write where it must not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "alert/encode.h"
#include "alert/queue.h"
#include "alert/state.h"
#include "metric/labels.h"
#include "store/block.h"
#include "store/db.h"
#include "store/history.h"
#include "store/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const inserts[] = {
	"INSERT INTO layout (id, vm, columns) VALUES (?1, 1, ?2)",
	"INSERT OR REPLACE INTO layout_series (layout, pos, series) VALUES (?1, ?2, 1)",
	"INSERT INTO head (layout, time_ms, data) VALUES (?1, ?3, ?5)",
	"INSERT INTO block (layout, grp, first_ms, last_ms, rows, data) VALUES (?1, ?4, ?3, ?3 + "
	"60000, ?2, ?5)",
	"INSERT INTO rollup (layout, step_s, first_s, entries, data) VALUES (?1, 300, ?3 / 1000, "
	"?2, ?5)",
	"INSERT OR REPLACE INTO alert VALUES (?5, 'r', ?5, ?4, ?2, ?3, ?3, ?3, ?3, ?3, ?4, ?2, ?3, "
	"?2, ?5, ?5, ?5, ?5)",
	"INSERT INTO alert_log (at_ms, alert, rule, severity, change, vm, value, summary, reason, "
	"quiet, told) VALUES (?3, ?5, ?5, ?4, ?2, ?5, ?3, ?5, ?5, ?5, ?4)",
	"INSERT OR REPLACE INTO notify_queue (channel, key, alert, grp, status, queued_ms, batch, "
	"body) VALUES ('c', ?5, ?2, '', 'firing', ?3, NULL, ?5)",
	"INSERT INTO silence (since_ms, until_ms, rule, vm, comment) VALUES (?3, ?3 + 1000000, ?5, "
	"?5, ?5)",
};

static const char *const tables[] = {"layout", "layout_series", "head",		"block",  "rollup",
				     "alert",  "alert_log",	"notify_queue", "silence"};

struct file {
	sqlite3 *db;
	sqlite3_stmt *insert[G_N_ELEMENTS(inserts)], *clear[G_N_ELEMENTS(inserts)];
	struct store_reader *reader;
};

static char path[64];

static void remove_file(void)
{
	unlink(path);
}

static void open_file(struct file *file)
{
	static const struct store_component *const components[] = {
		&history_component, &queue_component, &alert_component};
	char *note = NULL, sql[64];

	g_snprintf(path, sizeof(path), "/dev/shm/kvmlens-fuzz-%d.db", (int)getpid());
	atexit(remove_file);
	if (store_db_open(path, components, G_N_ELEMENTS(components), NULL, NULL, &file->db,
			  &note) ||
	    store_db_exec(file->db, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
				    "PRAGMA foreign_keys = OFF;"
				    "INSERT INTO vm VALUES (1, 'u', 'v', 1);"
				    "INSERT INTO series VALUES (1, 1, 'vm.up', '', 1)"))
		abort();
	for (size_t i = 0; i < G_N_ELEMENTS(inserts); i++) {
		file->insert[i] = store_db_prepare(file->db, inserts[i], NULL);
		g_snprintf(sql, sizeof(sql), "DELETE FROM %s", tables[i]);
		file->clear[i] = store_db_prepare(file->db, sql, NULL);
		if (!file->insert[i] || !file->clear[i])
			abort();
	}
	if (store_reader_open(path, &file->reader))
		abort();
}

/* A row: kind, three small numbers, a time of two bytes, a length, and so many bytes. */
static size_t put_row(struct file *file, const uint8_t *data, size_t size)
{
	size_t len = MIN(data[6], size - 7);
	sqlite3_stmt *insert = file->insert[data[0] % G_N_ELEMENTS(inserts)];
	bool text = data[0] % G_N_ELEMENTS(inserts) >= 5;
	gint64 number = data[2] < 250	 ? data[2]
			: data[2] == 250 ? -1
					 : INT64_MAX >> (data[2] - 251);

	sqlite3_bind_int64(insert, 1, data[1] % 4);
	sqlite3_bind_int64(insert, 2, number);
	sqlite3_bind_int64(insert, 3, 1700000000000 + (data[4] | data[5] << 8) * 1000);
	sqlite3_bind_int64(insert, 4, data[3] % 8);
	if (text)
		sqlite3_bind_text(insert, 5, (const char *)data + 7, (int)len, SQLITE_STATIC);
	else
		sqlite3_bind_blob(insert, 5, data + 7, (int)len, SQLITE_STATIC);
	sqlite3_step(insert);
	sqlite3_reset(insert);
	return 7 + len;
}

static int take_alert(void *arg, const struct kept_alert *alert)
{
	size_t *sum = arg;

	*sum += strlen(alert->summary) + strlen(alert->metric) + strlen(alert->record.rule_id);
	return 0;
}

static int take_entry(void *arg, const struct kept_entry *entry)
{
	size_t *sum = arg;

	*sum += strlen(alert_change_name(entry->change)) + strlen(entry->reason);
	return 0;
}

static void read_history(struct file *file, gint64 step_ms)
{
	g_autoptr(GPtrArray) series = NULL;
	g_autoptr(GArray) points = NULL;

	store_reader_limit(file->reader, 2000, 10000);
	if (store_list(file->reader, "v", &series) || !series->len)
		return;
	if (!store_query(file->reader, series->pdata[0], 1699999000000, 1700100000000, step_ms,
			 &points) &&
	    points->len > 10000)
		abort();
}

static void read_alerts(struct file *file)
{
	struct silences *silences = NULL;
	struct queue_batch batch = {0};
	size_t sum = 0;

	state_each_alert(file->db, take_alert, &sum);
	state_each_entry(file->db, 0, INT64_MAX, take_entry, &sum);
	if (!state_silences(file->db, 1700000000000, &silences))
		silences_free(silences);
	if (!queue_take(file->db, "c", 1800000000000, 0, 10, &batch))
		queue_batch_clear(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	unsigned used = 0;

	if (!file.db)
		open_file(&file);
	store_db_exec(file.db, "BEGIN");
	for (unsigned n = 0; size > 7 && n < 16; n++) {
		size_t taken = put_row(&file, data, size);

		used |= 1u << data[0] % G_N_ELEMENTS(inserts);
		data += taken;
		size -= taken;
	}
	read_alerts(&file);
	store_db_exec(file.db, "COMMIT");
	if (used & 0x1f) {
		read_history(&file, 0);
		read_history(&file, 60000);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
		if (!(used >> i & 1))
			continue;
		sqlite3_step(file.clear[i]);
		sqlite3_reset(file.clear[i]);
	}
	return 0;
}
