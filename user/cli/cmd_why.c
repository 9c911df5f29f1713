// SPDX-License-Identifier: Apache-2.0
/* What a VM is short of and why: from the running agent's history, else from a look of its own. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/insights.h"
#include "cli/live.h"
#include "cli/select.h"
#include "cli/why_look.h"
#include "util/timespan.h"
#include "store/query.h"
#include "util/text.h"
#include "why/json.h"

#define DEFAULT_SPAN_MS 60000
#define FRESH_MS 45000 /* a history whose last value is older is not the running agent's */
#define LIVE_TICKS 11
#define LIVE_INTERVAL_MS 1000

struct why {
	struct cli *cli;
	const char *vm; /* a name, a glob or a uuid */
	int64_t since_ms, until_ms;
	bool asked; /* for that time, so that nothing else will do */
};

/* What moved with it over the last hour: neighbours, resources, and what runs out. */
static GPtrArray *last_hour(struct insights *in, const char *uuid)
{
	for (guint i = 0; in && i < insights_vms(in); i++)
		if (!strcmp(insights_uuid(in, i), uuid))
			return insights_of(in, i, INSIGHT_WHY);
	return NULL;
}

static json_t *last_hour_json(const GPtrArray *said)
{
	json_t *list = json_array();

	for (guint i = 0; i < said->len; i++) {
		const struct insight *insight = g_ptr_array_index(said, i);

		json_array_append_new(list, json_pack("{s:s, s:s}", "topic", insight->topic, "text",
						      insight->text));
	}
	return list;
}

static void tell_json(const struct why *why, const struct evidence *e, const GArray *findings,
		      const char *source, const GPtrArray *said)
{
	json_t *json = why_json(e, findings, source);

	if (said)
		json_object_set_new(json, "last_hour", last_hour_json(said));
	json_dumpf(json, why->cli->out, JSON_COMPACT);
	fputc('\n', why->cli->out);
	json_decref(json);
}

/* in may be NULL: what is said is of another time, or there is no history. */
static void tell(const struct why *why, struct evidence *e, const char *source, struct insights *in)
{
	g_autoptr(GPtrArray) said = last_hour(in, evidence_uuid(e)), lines = NULL;
	g_autoptr(GArray) findings = NULL;

	/* What runs now says nothing of another time. */
	if (!why->asked)
		why_look(&(struct why_look_roots){"/proc", "/run/libvirt/qemu"}, e);
	findings = why_judge(e);
	if (why->cli->flags->format == FORMAT_JSON) {
		tell_json(why, e, findings, source, said);
		return;
	}
	lines = why_lines(e, findings, source);
	for (guint i = 0; i < lines->len; i++)
		fprintf(why->cli->out, "%s\n", (char *)lines->pdata[i]);
	for (guint i = 0; said && i < said->len; i++) {
		const struct insight *insight = g_ptr_array_index(said, i);

		if (strcmp(insight->topic, "usual"))
			fprintf(why->cli->out, "in the last hour: %s\n", insight->text);
	}
}

/* Scopes that no rule asks for, and that have the most series. */
static bool is_needed(const struct metric *metric)
{
	return metric && metric->type != TYPE_HIST && metric->scope != SCOPE_VCPU &&
	       metric->scope != SCOPE_EXIT && metric->scope != SCOPE_PROCESS;
}

static int load_series(const struct why *why, struct store_reader *reader,
		       const struct store_series *s, struct evidence *e)
{
	const struct metric *metric = metric_find(s->metric);
	g_autoptr(GArray) points = NULL;
	int r;

	if (!is_needed(metric))
		return 0;
	r = store_query(reader, s, why->since_ms, why->until_ms, 0, &points);
	for (guint i = 0; !r && i < points->len; i++) {
		const struct store_point *p = &g_array_index(points, struct store_point, i);

		evidence_add(e, metric, s->labels, p->time_ms, p->mean);
	}
	return r;
}

static struct evidence *evidence_of(GPtrArray *all, const struct store_series *s)
{
	struct evidence *e;

	for (guint i = 0; i < all->len; i++)
		if (!strcmp(evidence_uuid(all->pdata[i]), s->uuid))
			return all->pdata[i];
	e = evidence_new(s->vm, s->uuid);
	g_ptr_array_add(all, e);
	return e;
}

/* Every VM's series, to each its own. */
static int load_vms(const struct why *why, struct store_reader *reader, const char *vm,
		    GPtrArray *all)
{
	g_autoptr(GPtrArray) series = NULL;
	int r = store_list(reader, vm, &series);

	for (guint i = 0; !r && i < series->len; i++)
		r = load_series(why, reader, series->pdata[i], evidence_of(all, series->pdata[i]));
	return r;
}

/* The host's, which bear on every VM. */
static int load_host(const struct why *why, struct store_reader *reader, struct evidence *e)
{
	g_autoptr(GPtrArray) series = NULL;
	int r = store_list(reader, "", &series);

	for (guint i = 0; !r && i < series->len; i++)
		r = load_series(why, reader, series->pdata[i], e);
	return r;
}

static void free_evidence(gpointer e)
{
	evidence_free(e);
}

static bool is_fresh(const struct evidence *e, int64_t now_ms)
{
	return evidence_seconds(e) > 0 && evidence_end_ms(e) > now_ms - FRESH_MS;
}

/* NULL: what is said is of another time. */
static struct insights *insights_for(const struct why *why)
{
	struct insights *in = NULL;

	if (!why->asked)
		insights_open(why->cli->config->store, &in); /* without it less is said */
	return in;
}

/* How many VMs the history told of; a negative errno. */
static int from_store(const struct why *why, struct store_reader *reader)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(free_evidence);
	int r = load_vms(why, reader, why->vm, all), told = 0;
	struct insights *in = insights_for(why);

	for (guint i = 0; !r && i < all->len; i++) {
		struct evidence *e = all->pdata[i];

		/* A VM that is gone has nothing of late. */
		if (evidence_seconds(e) <= 0 || (!why->asked && !is_fresh(e, why->until_ms)))
			continue;
		r = load_host(why, reader, e);
		if (r)
			break;
		tell(why, e, "from the history", in);
		told++;
	}
	insights_close(in);
	return r ? r : told;
}

/* From the history, where there is one: EXIT_DONE it was told. */
static enum exit_code try_store(const struct why *why, bool *ret_done)
{
	const struct cli *cli = why->cli;
	struct store_reader *reader;
	int r = strcmp(cli->config->store, "none") ? store_reader_open(cli->config->store, &reader)
						   : -ENOENT;

	*ret_done = why->asked;
	if (r) {
		if (why->asked)
			cli_error(cli, "why: %s: %s", cli->config->store,
				  r == -ENOENT ? "there is no history; kvmlens run keeps one"
					       : g_strerror(-r));
		return exit_code_of(r);
	}
	r = from_store(why, reader);
	store_reader_close(reader);
	if (r > 0 || (r < 0 && why->asked)) {
		*ret_done = true;
		return exit_code_of(MIN(r, 0));
	}
	if (r == 0 && why->asked) {
		g_autofree char *shown = text_quote(why->vm);

		cli_error(cli, "why: the history of that time knows no VM %s", shown);
		return EXIT_NO_SUCH_VM;
	}
	return EXIT_DONE;
}

static const struct snap_vm *next_match(const struct kvmlens_snapshot *snapshot,
					const char *pattern, size_t *i)
{
	for (; *i < snapshot->vms.n; (*i)++)
		if (select_matches(entities_at(&snapshot->vms, *i), pattern))
			return entities_at(&snapshot->vms, (*i)++);
	return NULL;
}

/* A moment's values of each VM that is meant. */
static void add_moment(const struct why *why, const struct kvmlens_snapshot *snapshot,
		       GPtrArray *all)
{
	const struct snap_vm *vm;
	size_t at = 0;

	while ((vm = next_match(snapshot, why->vm, &at))) {
		const char *name = labels_get(vm->labels, "vm");
		struct store_series key = {.vm = (char *)(name ? name : ""),
					   .uuid = vm->ident->uuid};

		evidence_add_snapshot(evidence_of(all, &key), snapshot, vm);
	}
}

/* False: it was interrupted. */
static bool watch(const struct why *why, struct kvmlens_collector *collector, int stop_fd,
		  GPtrArray *all)
{
	unsigned patience_ms = 10000 + 2 * why->cli->config->interval_ms;
	struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
	uint64_t seq = 0;

	for (int i = 0; i < LIVE_TICKS; i++) {
		const struct kvmlens_snapshot *s = collector_wait(collector, seq, patience_ms);

		if (!s)
			return true;
		seq = s->seq;
		/* The first has no rates; there is nothing to compare with. */
		if (s->interval_ns)
			add_moment(why, s, all);
		kvmlens_snapshot_unref(s);
		if (poll(&stop, 1, 0) > 0)
			return false;
	}
	return true;
}

static enum exit_code live(const struct why *why, struct kvmlens_collector *collector, int stop_fd)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(free_evidence);
	const struct kvmlens_snapshot *first = live_snapshot(why->cli, collector, 1);
	size_t n;

	if (!first)
		return EXIT_FAILED;
	n = select_count(first, why->vm);
	kvmlens_snapshot_unref(first);
	if (!n) {
		g_autofree char *shown = text_quote(why->vm);

		cli_error(why->cli, "why: there is no VM %s on this host; kvmlens vms lists them",
			  shown);
		return EXIT_NO_SUCH_VM;
	}
	if (isatty(STDERR_FILENO))
		cli_error(why->cli, "no running agent has a history; watching for %u s",
			  LIVE_TICKS * why->cli->config->interval_ms / 1000);
	if (!watch(why, collector, stop_fd, all))
		return EXIT_FAILED;
	for (guint i = 0; i < all->len; i++)
		tell(why, all->pdata[i], "seen just now", NULL);
	return EXIT_DONE;
}

static enum exit_code from_live(const struct why *why)
{
	struct cli *cli = why->cli;
	struct kvmlens_collector *collector;
	int stop_fd = live_signals();
	enum exit_code code;

	if (cli->interval < INTERVAL_BY_FLAG)
		cli->config->interval_ms = LIVE_INTERVAL_MS;
	cli->config->level = MAX(cli->config->level, KVMLENS_DETAILED);
	code = live_start(cli, &collector);
	if (code)
		return code;
	code = live(why, collector, stop_fd);
	kvmlens_collector_free(collector);
	if (stop_fd >= 0)
		close(stop_fd);
	return code;
}

static int parse_time(const struct why *why, const char *flag, const char *text, int64_t *ret_ms)
{
	if (!text || moment_parse(text, g_get_real_time() / 1000, ret_ms) == 0)
		return 0;
	cli_error(why->cli,
		  "--%s: write a time before now (90s, 30m, 2h, 3d), or a moment:"
		  " \"2026-01-31 12:00\"",
		  flag);
	return -EINVAL;
}

static int parse_request(struct why *why)
{
	struct cli *cli = why->cli;

	if (cli->n_args != 1) {
		cli_error(cli, "why: say of which VM: kvmlens why VM");
		return -EINVAL;
	}
	why->vm = cli->args[0];
	why->asked = cli->flags->since || cli->flags->until;
	why->until_ms = (int64_t)g_get_real_time() / 1000;
	if (parse_time(why, "until", cli->flags->until, &why->until_ms))
		return -EINVAL;
	why->since_ms = why->until_ms - DEFAULT_SPAN_MS;
	if (parse_time(why, "since", cli->flags->since, &why->since_ms))
		return -EINVAL;
	if (why->since_ms < why->until_ms)
		return 0;
	cli_error(cli, "--since must be before --until");
	return -EINVAL;
}

enum exit_code cmd_why(struct cli *cli)
{
	struct why why = {.cli = cli};
	enum exit_code code;
	bool done;

	if (parse_request(&why))
		return EXIT_USAGE;
	code = try_store(&why, &done);
	return done ? code : from_live(&why);
}
