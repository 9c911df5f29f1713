/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one SQLite file that history, alerts and whoever comes later share: opening it safely,
 * versions of its tables, and setting it aside when it is damaged.
 */
#ifndef KVMLENS_STORE_DB_H
#define KVMLENS_STORE_DB_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The tables of one part of kvmlens: step i takes them from version i to i + 1. */
struct store_component {
	const char *name;
	const char *const *migrations; /* SQL, each run in one transaction */
	size_t n;
};

/* SQLite's busy handler: called with the number of tries; 0 ends the wait with -EBUSY. */
typedef int (*store_busy_fn)(void *arg, int tries);

/*
 * Open path for writing, created with mode 0600 where it is missing, and bring every component
 * up to date. A file that is damaged or no database is renamed to path.corrupt-TIME with its log;
 * *ret_note then says so (else NULL; g_free). -EPROTONOSUPPORT: a later version wrote it. Other
 * errors are those of the file system: -EROFS, -ENOSPC, -EACCES, -EIO; -EMEDIUMTYPE: no regular
 * file. busy (may be NULL: wait some seconds) decides how long to wait for locks. Whoever opens it
 * takes pages from the log to the file: it does not happen by itself.
 */
int store_db_open(const char *path, const struct store_component *const *components, size_t n,
		  store_busy_fn busy, void *arg, sqlite3 **ret_db, char **ret_note);

/* A database of this process alone, gone when it is closed. */
int store_db_open_memory(const struct store_component *const *components, size_t n,
			 sqlite3 **ret_db);

/*
 * Open for reading alone; never blocks the writer. -ENOENT: there is no file; -EMEDIUMTYPE: it is
 * no regular one. Neither this nor the next ever moves the log into the file or removes it.
 */
int store_db_open_reader(const char *path, sqlite3 **ret_db);

/* Open for a small change beside the agent, whether it runs or not. Likewise. */
int store_db_open_beside(const char *path, sqlite3 **ret_db);

/* Which files a path and its companions are; inode 0: none. */
struct store_db_file {
	dev_t device;
	ino_t inode;
};

struct store_db_identity {
	struct store_db_file base, log, index;
};

enum store_db_change {
	STORE_DB_SAME,
	STORE_DB_REMOVED, /* the file is no longer at its path */
	STORE_DB_REPLACED, /* another file is */
	STORE_DB_LOG_REMOVED, /* the log or its index is gone, nobody else has written */
	STORE_DB_LOG_REPLACED, /* somebody else writes through another log */
};

void store_db_identity(const char *path, struct store_db_identity *ret_identity);
enum store_db_change store_db_compare(const struct store_db_identity *before,
				      const struct store_db_identity *now);

/*
 * Copy the whole database as it is at this moment to a new file, mode 0600, which is complete
 * without a log. -EEXIST: path is there. After another error path is to be removed.
 */
int store_db_copy(sqlite3 *db, const char *path);

/* Closing neither moves the log into the file nor removes it. */
void store_db_leave(sqlite3 *db);

void store_db_close(sqlite3 *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3, store_db_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, sqlite3_finalize)

/* Rename the file and its log out of the way; *ret_note says where to. */
int store_db_set_aside(const char *path, char **ret_note);

/* Is this result of SQLite's the file's own damage? */
bool store_db_damaged(int code);

/* A negative errno for a result of SQLite's, 0 for SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
int store_db_errno(int code);

/* Run SQL without results. */
int store_db_exec(sqlite3 *db, const char *sql);

/* One number, or the fallback where there is no row. */
gint64 store_db_number(sqlite3 *db, const char *sql, gint64 fallback);

/* Prepare; NULL: *ret_error (may be NULL) is a negative errno. */
sqlite3_stmt *store_db_prepare(sqlite3 *db, const char *sql, int *ret_error);

/* Step a statement without results, then reset it. */
int store_db_run(sqlite3_stmt *statement);

#endif
