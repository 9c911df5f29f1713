/* SPDX-License-Identifier: Apache-2.0 */
/* The queue: bounds, order of an alert, messages that stay the same, what is counted. */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include "alert/queue.h"
#include "suite.h"
#include "unit/news.h"

#define LATER_MS (g_get_real_time() / 1000 + 3600 * 1000) /* everything has waited for long */

static const struct store_component *const components[] = {&queue_component};
static char *folder;
static sqlite3 *db;

static void begin(void)
{
	g_autofree char *path = g_build_filename(folder, "queue.db", NULL);
	char *note = NULL;

	g_unlink(path);
	CU_ASSERT_EQUAL_FATAL(store_db_open(path, components, 1, NULL, NULL, &db, &note), 0);
	CU_ASSERT_PTR_NULL(note);
}

static void end(void)
{
	g_autofree char *path = g_build_filename(folder, "queue.db", NULL);

	g_clear_pointer(&db, store_db_close);
	g_unlink(path);
}

static void insert(const char *channel, unsigned vm, unsigned serial, enum alert_status status)
{
	struct news news;

	news_make(&news, vm, serial, status);
	CU_ASSERT_EQUAL(queue_insert(db, channel, &news.n), 0);
}

/* The keys of the next batch, with commas; what it is, finished, with the fate. */
static char *take(const char *channel, int fate)
{
	g_autoptr(GString) keys = g_string_new(NULL);
	struct queue_batch batch = {0};

	CU_ASSERT_EQUAL_FATAL(queue_take(db, channel, LATER_MS, 0, QUEUE_BATCH_MAX, &batch), 0);
	for (guint i = 0; i < batch.held->len; i++) {
		const struct notification *n = &g_array_index(batch.held, struct held, i).n;

		g_string_append_printf(keys, "%s%s", i ? "," : "", n->key + 12);
	}
	if (batch.id && fate >= 0)
		CU_ASSERT_EQUAL(queue_finish(db, channel, batch.id, (enum queue_fate)fate), 0);
	queue_batch_clear(&batch);
	return g_strdup(keys->str);
}

static void expect(const char *channel, int fate, const char *keys)
{
	g_autofree char *got = take(channel, fate);

	if (strcmp(got, keys))
		printf("\n  got %s, not %s\n", got, keys);
	CU_ASSERT_STRING_EQUAL(got, keys);
}

static struct queue_stats stats_of(const char *channel)
{
	struct queue_stats stats;

	CU_ASSERT_EQUAL(queue_stats(db, channel, &stats), 0);
	return stats;
}

static void test_round_trip(void)
{
	struct queue_batch batch = {0};
	const struct notification *n;
	struct news news;

	begin();
	news_make(&news, 7, 1, ALERT_RESOLVED);
	CU_ASSERT_EQUAL(queue_insert(db, "a", &news.n), 0);
	CU_ASSERT_EQUAL_FATAL(queue_take(db, "a", LATER_MS, 0, QUEUE_BATCH_MAX, &batch), 0);
	CU_ASSERT_EQUAL_FATAL(batch.held->len, 1);
	n = &g_array_index(batch.held, struct held, 0).n;
	CU_ASSERT_STRING_EQUAL(n->key, news.n.key);
	CU_ASSERT_STRING_EQUAL(n->rule_name, news.n.rule_name);
	CU_ASSERT_STRING_EQUAL(n->summary, news.n.summary);
	CU_ASSERT_STRING_EQUAL(n->description, news.n.description);
	CU_ASSERT_STRING_EQUAL(n->group_key, news.n.group_key);
	CU_ASSERT_EQUAL(n->severity, ALERT_CRITICAL);
	CU_ASSERT_EQUAL(n->status, ALERT_RESOLVED);
	CU_ASSERT_EQUAL(n->starts_ms, news.n.starts_ms);
	CU_ASSERT_EQUAL(n->ends_ms, news.n.ends_ms);
	CU_ASSERT_EQUAL(n->value, 42.5);
	CU_ASSERT_EQUAL(n->threshold, 20);
	CU_ASSERT_EQUAL_FATAL(n->n_labels, 2);
	CU_ASSERT_STRING_EQUAL(n->labels[0].key, "vm");
	CU_ASSERT_STRING_EQUAL(n->labels[0].value, "vm-0007");
	queue_batch_clear(&batch);
	end();
}

/* What is made once is the same until it is finished, whatever comes meanwhile. */
static void test_batch_stays(void)
{
	begin();
	insert("a", 1, 1, ALERT_FIRING);
	insert("a", 2, 1, ALERT_FIRING);
	expect("a", -1, "0001-1,0002-1");
	insert("a", 3, 1, ALERT_FIRING);
	insert("a", 1, 2, ALERT_RESOLVED);
	expect("a", -1, "0001-1,0002-1");
	expect("a", QUEUE_SENT, "0001-1,0002-1");
	expect("a", QUEUE_SENT, "0003-1");
	expect("a", QUEUE_SENT, "0001-2");
	expect("a", QUEUE_SENT, "");
	CU_ASSERT_EQUAL(stats_of("a").messages, 3);
	CU_ASSERT_EQUAL(stats_of("a").alerts, 4);
	CU_ASSERT_EQUAL(stats_of("a").waiting, 0);
	end();
}

/* An alert that fires again is never told of before its resolution. */
static void test_order_of_alert(void)
{
	begin();
	insert("a", 1, 1, ALERT_FIRING);
	insert("a", 2, 1, ALERT_FIRING);
	insert("a", 1, 2, ALERT_RESOLVED);
	insert("a", 1, 3, ALERT_FIRING);
	insert("a", 2, 2, ALERT_FIRING);
	expect("a", QUEUE_SENT, "0001-1,0002-1,0002-2");
	expect("a", QUEUE_SENT, "0001-2");
	expect("a", QUEUE_SENT, "0001-3");
	end();
}

/* The same with many alerts in random states and groups: each alert's news in their order. */
static void test_order_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	unsigned made[40] = {0}, seen[40] = {0}, total = 0;

	begin();
	for (unsigned i = 0; i < 1500; i++) {
		unsigned vm = g_rand_int_range(rand, 0, 40);
		struct news news;

		news_make(&news, vm, ++made[vm], g_rand_int_range(rand, 0, 3));
		news.group[0] = (char)('a' + g_rand_int_range(rand, 0, 3));
		CU_ASSERT_EQUAL(queue_insert(db, "a", &news.n), 0);
		total += i % 3 == 0;
	}
	for (total = 0;;) {
		g_autofree char *keys = take("a", QUEUE_SENT);
		g_auto(GStrv) list = g_strsplit(keys, ",", -1);

		CU_ASSERT(g_strv_length(list) <= QUEUE_BATCH_MAX);
		for (char **key = list; *key; key++, total++) {
			unsigned vm = (unsigned)strtoul(*key, NULL, 16);

			CU_ASSERT_EQUAL((unsigned)atoi(*key + 5), ++seen[vm]);
		}
		if (!*keys)
			break;
	}
	CU_ASSERT_EQUAL(total, 1500);
	end();
}

static void test_same_key(void)
{
	begin();
	insert("a", 1, 1, ALERT_FIRING);
	insert("a", 1, 1, ALERT_FIRING);
	insert("b", 1, 1, ALERT_FIRING);
	CU_ASSERT_EQUAL(stats_of("a").waiting, 1);
	expect("a", QUEUE_SENT, "0001-1");
	expect("a", QUEUE_SENT, "");
	expect("b", QUEUE_SENT, "0001-1");
	end();
}

static void test_full(void)
{
	static const struct queue_limits limits = {.max_waiting = 3, .max_age_ms = 86400000};

	begin();
	CU_ASSERT_EQUAL(queue_configure(db, "a", &limits), 0);
	insert("a", 1, 1, ALERT_FIRING);
	expect("a", -1, "0001-1");
	for (unsigned vm = 2; vm <= 6; vm++)
		insert("a", vm, 1, ALERT_FIRING);
	CU_ASSERT_EQUAL(stats_of("a").waiting, 3);
	CU_ASSERT_EQUAL(stats_of("a").dropped, 3);
	expect("a", QUEUE_SENT, "0001-1");
	expect("a", QUEUE_SENT, "0005-1,0006-1");
	end();
}

static void test_old(void)
{
	static const struct queue_limits limits = {.max_waiting = 100, .max_age_ms = 60000};
	struct queue_batch batch = {0};

	begin();
	CU_ASSERT_EQUAL(queue_configure(db, "a", &limits), 0);
	insert("a", 1, 1, ALERT_FIRING);
	insert("b", 1, 1, ALERT_FIRING);
	CU_ASSERT_EQUAL(store_db_exec(db, "UPDATE notify_queue SET queued_ms = queued_ms - 61000"),
			0);
	insert("a", 2, 1, ALERT_FIRING);
	CU_ASSERT_EQUAL(queue_take(db, "a", g_get_real_time() / 1000, 0, QUEUE_BATCH_MAX, &batch),
			0);
	CU_ASSERT_EQUAL_FATAL(batch.held->len, 1);
	CU_ASSERT_STRING_EQUAL(g_array_index(batch.held, struct held, 0).n.key,
			       "0000000000000002-1");
	queue_batch_clear(&batch);
	CU_ASSERT_EQUAL(stats_of("a").dropped, 1);
	CU_ASSERT_EQUAL(stats_of("b").waiting, 1);
	end();
}

static void test_group_wait(void)
{
	gint64 now = g_get_real_time() / 1000;
	struct queue_batch batch = {0};

	begin();
	insert("a", 1, 1, ALERT_FIRING);
	CU_ASSERT_EQUAL(queue_take(db, "a", now, 5000, QUEUE_BATCH_MAX, &batch), 0);
	CU_ASSERT_EQUAL(batch.id, 0);
	CU_ASSERT(batch.due_ms >= now + 5000 && batch.due_ms < now + 10000);
	queue_batch_clear(&batch);
	/* A clock that was set back by an hour keeps nothing waiting. */
	CU_ASSERT_EQUAL(queue_take(db, "a", now - 3600000, 5000, QUEUE_BATCH_MAX, &batch), 0);
	CU_ASSERT_NOT_EQUAL(batch.id, 0);
	queue_batch_clear(&batch);
	end();
}

static void test_refused(void)
{
	begin();
	insert("a", 1, 1, ALERT_FIRING);
	insert("a", 2, 1, ALERT_FIRING);
	expect("a", QUEUE_REFUSED, "0001-1,0002-1");
	CU_ASSERT_EQUAL(stats_of("a").refused, 2);
	CU_ASSERT_EQUAL(stats_of("a").messages, 0);
	end();
}

static char *firing(const char *channel)
{
	g_autoptr(GString) keys = g_string_new(NULL);
	g_autoptr(GArray) held = NULL;

	CU_ASSERT_EQUAL_FATAL(queue_firing(db, channel, "", 100, &held), 0);
	for (guint i = 0; i < held->len; i++)
		g_string_append_printf(keys, "%s ", g_array_index(held, struct held, i).n.key + 12);
	return g_strdup(keys->str);
}

static void test_firing(void)
{
	static const char *const others[] = {"b"};
	g_autofree char *two = NULL, *one = NULL, *none = NULL;

	begin();
	insert("a", 1, 1, ALERT_FIRING);
	insert("a", 2, 1, ALERT_FIRING);
	insert("a", 2, 2, ALERT_FIRING);
	expect("a", QUEUE_SENT_KEEP, "0001-1,0002-1,0002-2");
	two = firing("a");
	CU_ASSERT_STRING_EQUAL(two, "0001-1 0002-2 ");
	insert("a", 1, 2, ALERT_RESOLVED);
	insert("a", 2, 3, ALERT_NODATA);
	expect("a", QUEUE_SENT_KEEP, "0001-2");
	expect("a", QUEUE_SENT_KEEP, "0002-3");
	one = firing("a");
	CU_ASSERT_STRING_EQUAL(one, "0002-3 ");
	CU_ASSERT_EQUAL(queue_forget_others(db, others, 1, LATER_MS), 0);
	none = firing("a");
	CU_ASSERT_STRING_EQUAL(none, "");
	end();
}

/* The message that an alert is over is lost: it is told again no more all the same. */
static void test_firing_lost_end(void)
{
	static const struct queue_limits limits = {10, 60000};
	g_autofree char *dropped = NULL, *refused = NULL, *late = NULL;

	begin();
	CU_ASSERT_EQUAL(queue_configure(db, "a", &limits), 0);
	insert("a", 1, 1, ALERT_FIRING);
	insert("a", 2, 1, ALERT_FIRING);
	CU_ASSERT_EQUAL(store_db_exec(db, "UPDATE notify_queue SET queued_ms = queued_ms * 2"), 0);
	expect("a", QUEUE_SENT_KEEP, "0001-1,0002-1");
	insert("a", 1, 2, ALERT_RESOLVED);
	expect("a", QUEUE_SENT_KEEP, ""); /* an hour later: too old */
	CU_ASSERT_EQUAL(stats_of("a").dropped, 1);
	dropped = firing("a");
	CU_ASSERT_STRING_EQUAL(dropped, "0002-1 ");
	insert("a", 2, 2, ALERT_RESOLVED);
	CU_ASSERT_EQUAL(store_db_exec(db, "UPDATE notify_queue SET queued_ms = queued_ms * 2"), 0);
	expect("a", QUEUE_REFUSED, "0002-2");
	refused = firing("a");
	CU_ASSERT_STRING_EQUAL(refused, "");
	/* It was over already when it was told that it fires. */
	insert("a", 3, 1, ALERT_FIRING);
	insert("a", 3, 2, ALERT_RESOLVED);
	CU_ASSERT_EQUAL(store_db_exec(db, "UPDATE notify_queue SET queued_ms = queued_ms * 2"), 0);
	expect("a", QUEUE_SENT_KEEP, "0003-1");
	late = firing("a");
	CU_ASSERT_STRING_EQUAL(late, "");
	end();
}

/* A state change that is rolled back has no message. */
static void test_atomic(void)
{
	begin();
	CU_ASSERT_EQUAL(store_db_exec(db, "BEGIN IMMEDIATE"), 0);
	insert("a", 1, 1, ALERT_FIRING);
	CU_ASSERT_EQUAL(store_db_exec(db, "ROLLBACK"), 0);
	expect("a", QUEUE_SENT, "");
	end();
}

/* A row that cannot be read is no reason to stop; nor does it stay for ever. */
static void test_damaged_row(void)
{
	begin();
	insert("a", 1, 1, ALERT_FIRING);
	insert("a", 2, 1, ALERT_RESOLVED);
	CU_ASSERT_EQUAL(store_db_exec(db, "UPDATE notify_queue SET body = '{\"key\":1}'"
					  " WHERE status = 'firing'"),
			0);
	expect("a", QUEUE_REFUSED, "");
	expect("a", QUEUE_SENT, "0002-1");
	end();
}

static void test_key(void)
{
	struct news a, b;
	const struct notification *both[] = {&a.n, &b.n}, *swapped[] = {&b.n, &a.n};
	g_autofree char *one = NULL, *two = NULL, *again = NULL, *other = NULL;

	news_make(&a, 1, 1, ALERT_FIRING);
	news_make(&b, 2, 1, ALERT_FIRING);
	one = queue_key(both, 1);
	two = queue_key(both, 2);
	again = queue_key(both, 2);
	other = queue_key(swapped, 2);
	CU_ASSERT_STRING_EQUAL(one, a.key);
	CU_ASSERT_STRING_EQUAL(two, again);
	CU_ASSERT_STRING_NOT_EQUAL(two, other);
	CU_ASSERT_EQUAL(strlen(two), 38);
}

static void test_hostile_text(void)
{
	g_autofree char *line = notification_text("a\r\nb\xc2\x85\x7f\xff\t", 100, false);
	g_autofree char *lines = notification_text("a\r\nb", 100, true);
	g_autofree char *cut = notification_text("\xc3\xa4\xc3\xa4", 3, false);
	g_autofree char *time = notification_time(NEWS_AT_MS);

	CU_ASSERT_STRING_EQUAL(line, "a  b   \xef\xbf\xbd ");
	CU_ASSERT_STRING_EQUAL(lines, "a \nb");
	CU_ASSERT_STRING_EQUAL(cut, "\xc3\xa4");
	CU_ASSERT_STRING_EQUAL(time, "2023-11-14T22:13:20.123Z");
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"round trip", test_round_trip},
		{"a batch stays as it was made", test_batch_stays},
		{"order of an alert", test_order_of_alert},
		{"order of random news", test_order_random},
		{"the same key is the same news", test_same_key},
		{"a full queue", test_full},
		{"too old", test_old},
		{"group wait", test_group_wait},
		{"refused", test_refused},
		{"what fires", test_firing},
		{"the end of what fires is lost", test_firing_lost_end},
		{"atomic", test_atomic},
		{"a damaged row", test_damaged_row},
		{"key of a message", test_key},
		{"hostile text", test_hostile_text},
		CU_TEST_INFO_NULL,
	};
	int r;

	folder = g_dir_make_tmp("kvmlens-queue-XXXXXX", NULL);
	r = suite_run("alert queue", tests);
	g_rmdir(folder);
	g_free(folder);
	return r;
}
