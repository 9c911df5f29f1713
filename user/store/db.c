/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS 5000
/* A larger file is not read as a whole at the start: damage shows where it is met. */
#define CHECK_PAGES 16384

/* auto_vacuum works only when it is set before the first table is there. */
static const char *const writer_pragmas = "PRAGMA auto_vacuum = INCREMENTAL;"
					  "PRAGMA journal_mode = WAL;"
					  "PRAGMA synchronous = NORMAL;"
					  "PRAGMA journal_size_limit = 16777216;"
					  "PRAGMA wal_autocheckpoint = 0;"
					  "PRAGMA foreign_keys = ON;"
					  "PRAGMA temp_store = MEMORY;";

bool store_db_damaged(int code)
{
	return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

int store_db_errno(int code)
{
	static const struct {
		int code, error;
	} table[] = {
		{SQLITE_OK, 0},
		{SQLITE_ROW, 0},
		{SQLITE_DONE, 0},
		{SQLITE_FULL, -ENOSPC},
		{SQLITE_READONLY, -EROFS},
		{SQLITE_CANTOPEN, -EACCES},
		{SQLITE_PERM, -EACCES},
		{SQLITE_BUSY, -EBUSY},
		{SQLITE_LOCKED, -EBUSY},
		{SQLITE_NOMEM, -ENOMEM},
		{SQLITE_CORRUPT, -EBADMSG},
		{SQLITE_NOTADB, -EBADMSG},
		{SQLITE_CONSTRAINT, -EEXIST},
		{SQLITE_INTERRUPT, -EINTR},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (table[i].code == (code & 0xff))
			return table[i].error;
	return -EIO;
}

int store_db_exec(sqlite3 *db, const char *sql)
{
	return store_db_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

sqlite3_stmt *store_db_prepare(sqlite3 *db, const char *sql, int *ret_error)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (code != SQLITE_OK && ret_error)
		*ret_error = store_db_errno(code);
	return statement;
}

int store_db_run(sqlite3_stmt *statement)
{
	int code;

	do {
		code = sqlite3_step(statement);
	} while (code == SQLITE_ROW);
	sqlite3_reset(statement);
	return store_db_errno(code);
}

gint64 store_db_number(sqlite3 *db, const char *sql, gint64 fallback)
{
	g_autoptr(sqlite3_stmt) statement = store_db_prepare(db, sql, NULL);

	if (!statement || sqlite3_step(statement) != SQLITE_ROW)
		return fallback;
	return sqlite3_column_int64(statement, 0);
}

void store_db_close(sqlite3 *db)
{
	if (db)
		sqlite3_close_v2(db);
}

static int component_version(sqlite3 *db, const char *name, gint64 *ret_version)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) get =
		store_db_prepare(db, "SELECT version FROM component WHERE name = ?", &r);

	if (!get)
		return r;
	sqlite3_bind_text(get, 1, name, -1, SQLITE_STATIC);
	r = sqlite3_step(get);
	*ret_version = r == SQLITE_ROW ? sqlite3_column_int64(get, 0) : 0;
	return store_db_errno(r);
}

static int set_version(sqlite3 *db, const char *name, size_t version)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) put =
		store_db_prepare(db, "REPLACE INTO component (name, version) VALUES (?, ?)", &r);

	if (!put)
		return r;
	sqlite3_bind_text(put, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(put, 2, (sqlite3_int64)version);
	return store_db_run(put);
}

static int migrate_one(sqlite3 *db, const struct store_component *component, size_t step)
{
	int r = store_db_exec(db, "BEGIN IMMEDIATE");

	if (r)
		return r;
	r = store_db_exec(db, component->migrations[step]);
	if (!r)
		r = set_version(db, component->name, step + 1);
	if (!r)
		r = store_db_exec(db, "COMMIT");
	if (r)
		store_db_exec(db, "ROLLBACK");
	return r;
}

static int migrate(sqlite3 *db, const struct store_component *component)
{
	gint64 version = 0;
	int r = component_version(db, component->name, &version);

	if (r)
		return r;
	if (version < 0 || (size_t)version > component->n)
		return -EPROTONOSUPPORT;
	for (size_t step = (size_t)version; r == 0 && step < component->n; step++)
		r = migrate_one(db, component, step);
	return r;
}

/* Pages that hang together; much cheaper than a check of every index entry. */
static int check_pages(sqlite3 *db)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) check = store_db_prepare(db, "PRAGMA quick_check(1)", &r);
	const char *answer;

	if (!check)
		return r;
	if (store_db_number(db, "PRAGMA page_count", 0) > CHECK_PAGES)
		return 0;
	r = sqlite3_step(check);
	if (r != SQLITE_ROW)
		return store_db_errno(r);
	answer = (const char *)sqlite3_column_text(check, 0);
	return answer && strcmp(answer, "ok") == 0 ? 0 : -EBADMSG;
}

static int prepare_file(sqlite3 *db, const struct store_component *const *components, size_t n)
{
	int r = store_db_exec(db, writer_pragmas);

	if (!r)
		r = check_pages(db);
	if (!r)
		r = store_db_exec(db, "CREATE TABLE IF NOT EXISTS component"
				      " (name TEXT PRIMARY KEY, version INTEGER NOT NULL)");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = migrate(db, components[i]);
	return r;
}

/*
 * SQLite gives its log the mode of the file, which it would create readable by all. The file is
 * made without being opened: the locks of a process vanish as soon as it closes any descriptor of
 * the file, be it another connection's. For the same reason nothing but SQLite may open it later.
 */
static int create_private(const char *path)
{
	struct stat st;

	if (mknod(path, S_IFREG | 0600, 0) && errno != EEXIST)
		return -errno;
	if (stat(path, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -EMEDIUMTYPE;
}

/*
 * No connection but the writer's last one takes pages from the log to the file, or removes the log:
 * whoever else does so may do it under a writer.
 */
void store_db_leave(sqlite3 *db)
{
	int on = 1;

	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_file_control(db, NULL, SQLITE_FCNTL_PERSIST_WAL, &on);
	sqlite3_wal_autocheckpoint(db, 0);
}

/* SQLite has one code for a file that may not be opened and for a lack of descriptors. */
static int open_errno(sqlite3 *db, int r)
{
	int error = r == -EACCES && db ? sqlite3_system_errno(db) : 0;

	return error == EMFILE || error == ENFILE ? -error : r;
}

static int open_once(const char *path, const struct store_component *const *components, size_t n,
		     store_busy_fn busy, void *arg, sqlite3 **ret_db)
{
	g_autoptr(sqlite3) db = NULL;
	int r = create_private(path);

	if (!r)
		r = store_db_errno(sqlite3_open_v2(
			path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	if (r)
		return open_errno(db, r);
	sqlite3_busy_timeout(db, BUSY_MS);
	if (busy)
		sqlite3_busy_handler(db, busy, arg);
	r = open_errno(db, prepare_file(db, components, n));
	if (!r)
		*ret_db = g_steal_pointer(&db);
	return r;
}

int store_db_set_aside(const char *path, char **ret_note)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	g_autofree char *to = NULL;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	to = g_strdup_printf("%s.corrupt-%s", path, stamp);
	for (unsigned i = 1; g_file_test(to, G_FILE_TEST_EXISTS); i++) {
		g_free(to);
		to = g_strdup_printf("%s.corrupt-%s.%u", path, stamp, i);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *from = g_strconcat(path, parts[i], NULL);
		g_autofree char *aside = g_strconcat(to, parts[i], NULL);

		if (g_rename(from, aside) && (i == 0 || errno != ENOENT))
			return -errno;
	}
	g_free(*ret_note);
	*ret_note =
		g_strdup_printf("%s is damaged; it was kept as %s and a new one begun", path, to);
	return 0;
}

int store_db_open(const char *path, const struct store_component *const *components, size_t n,
		  store_busy_fn busy, void *arg, sqlite3 **ret_db, char **ret_note)
{
	int r = open_once(path, components, n, busy, arg, ret_db);

	*ret_note = NULL;
	if (r != -EBADMSG)
		return r;
	r = store_db_set_aside(path, ret_note);
	return r ? r : open_once(path, components, n, busy, arg, ret_db);
}

int store_db_open_memory(const struct store_component *const *components, size_t n,
			 sqlite3 **ret_db)
{
	g_autoptr(sqlite3) db = NULL;
	int r = store_db_errno(sqlite3_open_v2(
		":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL));

	if (!r)
		r = prepare_file(db, components, n);
	if (!r)
		*ret_db = g_steal_pointer(&db);
	return r;
}

/* Open a file that is there already, without ever creating or opening another kind of it. */
static int open_existing(const char *path, int flags, sqlite3 **ret_db)
{
	g_autoptr(sqlite3) db = NULL;
	struct stat st;
	int code;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EMEDIUMTYPE;
	code = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return store_db_errno(code);
	sqlite3_busy_timeout(db, BUSY_MS);
	store_db_leave(db);
	*ret_db = g_steal_pointer(&db);
	return 0;
}

int store_db_open_reader(const char *path, sqlite3 **ret_db)
{
	return open_existing(path, SQLITE_OPEN_READONLY, ret_db);
}

int store_db_open_beside(const char *path, sqlite3 **ret_db)
{
	return open_existing(path, SQLITE_OPEN_READWRITE, ret_db);
}

static void identity_of(const char *path, const char *suffix, struct store_db_file *ret)
{
	g_autofree char *name = g_strconcat(path, suffix, NULL);
	struct stat st;

	*ret = (struct store_db_file){0};
	if (stat(name, &st) == 0)
		*ret = (struct store_db_file){st.st_dev, st.st_ino};
}

void store_db_identity(const char *path, struct store_db_identity *ret_identity)
{
	identity_of(path, "", &ret_identity->base);
	identity_of(path, "-wal", &ret_identity->log);
	identity_of(path, "-shm", &ret_identity->index);
}

static bool same_file(const struct store_db_file *a, const struct store_db_file *b)
{
	return a->device == b->device && a->inode == b->inode;
}

enum store_db_change store_db_compare(const struct store_db_identity *before,
				      const struct store_db_identity *now)
{
	if (!now->base.inode)
		return STORE_DB_REMOVED;
	if (!same_file(&before->base, &now->base))
		return STORE_DB_REPLACED;
	if (same_file(&before->log, &now->log) && same_file(&before->index, &now->index))
		return STORE_DB_SAME;
	/* Nobody can have written where there is no log. */
	return now->log.inode && !same_file(&before->log, &now->log) ? STORE_DB_LOG_REPLACED
								     : STORE_DB_LOG_REMOVED;
}

int store_db_copy(sqlite3 *db, const char *path)
{
	g_autoptr(sqlite3) copy = NULL;
	sqlite3_backup *backup;
	int r, code;

	if (mknod(path, S_IFREG | 0600, 0))
		return -errno;
	code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	r = store_db_errno(code);
	if (r == 0) {
		backup = sqlite3_backup_init(copy, "main", db, "main");
		if (!backup)
			return store_db_errno(sqlite3_errcode(copy));
		/* All in one step: one state of the file, and no writer waits for a reader. */
		code = sqlite3_backup_step(backup, -1);
		r = code == SQLITE_DONE ? 0 : store_db_errno(code);
		code = sqlite3_backup_finish(backup);
		r = r ? r : store_db_errno(code);
	}
	/* The header says that there is a log: the copy is one file. */
	if (r == 0)
		r = store_db_exec(copy, "PRAGMA journal_mode = DELETE");
	return r;
}
