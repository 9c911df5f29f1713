// SPDX-License-Identifier: Apache-2.0
/* A copy of the store's file, beside a running agent or without one. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/command.h"
#include "store/db.h"
#include "util/text.h"

static enum exit_code report(struct cli *cli, const char *path, int r)
{
	g_autofree char *shown = text_path(path);
	const char *why = g_strerror(-r);

	if (r == -ENOENT)
		why = "there is no store; kvmlens run keeps one";
	else if (r == -EMEDIUMTYPE)
		why = "it is no regular file";
	else if (r == -EBADMSG)
		why = "it is no database, or a damaged one";
	else if (r == -EEXIST)
		why = "it is there already; name a new file";
	cli_error(cli, "store: %s: %s", shown, why);
	return exit_code_of(r);
}

/* Does the copy hang together? */
static int check(const char *path)
{
	g_autoptr(sqlite3) db = NULL;
	int r = store_db_open_reader(path, &db);
	g_autoptr(sqlite3_stmt) s = NULL;

	if (r == 0)
		s = store_db_prepare(db, "PRAGMA quick_check(1)", &r);
	if (r)
		return r;
	if (sqlite3_step(s) != SQLITE_ROW)
		return -EBADMSG;
	return strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0 ? 0 : -EBADMSG;
}

static enum exit_code backup(struct cli *cli, const char *to)
{
	const char *from = cli->config->store;
	g_autofree char *shown = text_path(to), *size = NULL;
	g_autoptr(sqlite3) db = NULL;
	struct stat st;
	int r;

	if (strcmp(from, "none") == 0) {
		cli_error(cli, "store: the store is switched off (store: none)");
		return EXIT_FAILED;
	}
	r = store_db_open_reader(from, &db);
	if (r)
		return report(cli, from, r);
	r = store_db_copy(db, to);
	if (r == -EEXIST || (r && access(to, F_OK)))
		return report(cli, to, r);
	if (r == 0)
		r = check(to);
	if (r) {
		unlink(to);
		return report(cli, from, r);
	}
	size = stat(to, &st) ? g_strdup("?")
			     : g_format_size_full(st.st_size, G_FORMAT_SIZE_IEC_UNITS);
	fprintf(cli->out, "%s: %s, complete\n", shown, size);
	return EXIT_DONE;
}

enum exit_code cmd_store(struct cli *cli)
{
	if (cli->n_args == 2 && strcmp(cli->args[0], "backup") == 0)
		return backup(cli, cli->args[1]);
	cli_error(cli, "store: write store backup FILE");
	return EXIT_USAGE;
}
