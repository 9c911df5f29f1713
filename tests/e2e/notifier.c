/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery as the agent has it, driven from outside: notifier CONFIG STORE|none. Lines of standard
 * input are commands, each answered by one line:
 *	firing|resolved|nodata VM SERIAL	queue one piece of news for every channel
 *	burst N		the same, firing, for N VMs
 *	spread N	the same, each of a group of its own
 *	state		what the channels say of themselves, as JSON
 *	rss		resident memory in KiB
 */
#include <glib.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "alert/deliver.h"
#include "alert/sender.h"
#include "config/config.h"
#include "unit/news.h"

struct notifier {
	struct config *config;
	struct store *store; /* NULL: none */
	struct deliver *deliver;
};

/* News for every channel, in one transaction. */
struct post {
	const struct config *config;
	unsigned first, n, serial;
	enum alert_status status;
	bool spread; /* no two have one group */
};

static void make(struct news *news, const struct post *post, unsigned vm)
{
	news_make(news, vm, post->serial, post->status);
	if (post->spread)
		g_snprintf(news->group, sizeof(news->group), "vm-ready-%u", vm);
}

static int post_job(sqlite3 *db, void *arg)
{
	const struct post *post = arg;
	int r = 0;

	for (unsigned vm = post->first; vm < post->first + post->n; vm++)
		for (size_t i = 0; i < post->config->n_channels && !r; i++) {
			struct news news;

			make(&news, post, vm);
			r = queue_insert(db, post->config->channels[i].name, &news.n);
		}
	return r;
}

static int post_in_memory(struct notifier *notifier, const struct post *post)
{
	int r = 0;

	for (unsigned vm = post->first; vm < post->first + post->n; vm++)
		for (size_t i = 0; i < post->config->n_channels && !r; i++) {
			struct news news;

			make(&news, post, vm);
			r = deliver_offer(notifier->deliver, post->config->channels[i].name,
					  &news.n);
		}
	return r;
}

static int done_result;

static void post_done(void *arg, int result)
{
	done_result = result;
}

static void run_post(struct notifier *notifier, struct post *post)
{
	int r;

	if (notifier->store) {
		r = store_submit(notifier->store, post_job, post_done, post);
		store_flush(notifier->store);
		r = r ? r : done_result;
		deliver_poke(notifier->deliver);
	} else {
		r = post_in_memory(notifier, post);
	}
	printf("%d\n", r);
}

static void print_state(struct notifier *notifier)
{
	json_auto_t *json = json_object();
	struct deliver_state s;
	char *text;

	for (size_t i = 0; deliver_get_state(notifier->deliver, i, &s); i++)
		json_object_set_new(json, s.channel,
				    json_pack("{s:b,s:b,s:b,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "known",
					      s.known, "tried", s.tried, "up", s.up, "error",
					      s.error, "failures", (json_int_t)s.failures,
					      "waiting", (json_int_t)s.queue.waiting, "messages",
					      (json_int_t)s.queue.messages, "alerts",
					      (json_int_t)s.queue.alerts, "dropped",
					      (json_int_t)s.queue.dropped, "refused",
					      (json_int_t)s.queue.refused));
	text = json_dumps(json, JSON_COMPACT);
	puts(text);
	free(text);
}

static void print_rss(void)
{
	g_autofree char *text = NULL;
	char *line;

	g_file_get_contents("/proc/self/status", &text, NULL, NULL);
	line = strstr(text, "VmRSS:");
	printf("%ld\n", strtol(line + strlen("VmRSS:"), NULL, 10));
}

static void obey(struct notifier *notifier, const char *line)
{
	struct post post = {.config = notifier->config, .n = 1, .serial = 1};

	if (strcmp(line, "state") == 0) {
		print_state(notifier);
	} else if (strcmp(line, "rss") == 0) {
		print_rss();
	} else if (sscanf(line, "burst %u", &post.n) == 1 ||
		   (post.spread = sscanf(line, "spread %u", &post.n) == 1)) {
		run_post(notifier, &post);
	} else {
		for (int s = ALERT_FIRING; s <= ALERT_NODATA; s++)
			if (g_str_has_prefix(line, alert_status_name(s)))
				post.status = s;
		if (sscanf(strchr(line, ' '), "%u %u", &post.first, &post.serial) == 2)
			run_post(notifier, &post);
	}
	fflush(stdout);
}

static int start(struct notifier *notifier, const char *store)
{
	static const struct store_component *const components[] = {&queue_component};
	const struct store_config store_config = {
		.path = store, .components = components, .n_components = 1};
	struct deliver_options options = {
		.channels = notifier->config->channels,
		.n = notifier->config->n_channels,
		.node = notifier->config->node_id,
		.retry_first_ms = 100,
	};
	int r = strcmp(store, "none") ? store_new(&store_config, &notifier->store) : 0;

	options.store = notifier->store;
	return r ? r : deliver_new(&options, &notifier->deliver);
}

int main(int argc, char **argv)
{
	struct notifier notifier = {.config = config_new()};
	g_autofree char *error = NULL;
	char line[256];

	if (argc == 2 && strcmp(argv[1], SENDER_ARGUMENT) == 0)
		return sender_main();
	if (argc != 3 || config_load(notifier.config, argv[1], &error) ||
	    start(&notifier, argv[2])) {
		fprintf(stderr, "%s\n", error ? error : "usage: notifier CONFIG STORE|none");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		obey(&notifier, g_strchomp(line));
	deliver_free(notifier.deliver);
	store_free(notifier.store);
	config_free(notifier.config);
	return 0;
}
