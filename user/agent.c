// SPDX-License-Identifier: Apache-2.0
#include "agent.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "alert/keeper.h"
#include "config/endpoint.h"
#include "core/collector.h"
#include "delivery.h"
#include "export/json.h"
#include "memory.h"
#include "probe/probe.h"
#include "util/descriptors.h"
#include "util/line_writer.h"
#include "util/notify.h"
#include "util/privilege.h"
#include "util/text.h"
#include "util/textbuf.h"
#include "vm/refusal.h"
#include "web/face_child.h"
#include "web/fill.h"
#include "web/web.h"

#define PROVIDERS_MAX 4
#define UNREAD_MAX 4096

/* Maps and programs of BPF, sockets, pages: about 70 with no VM at all, and then some. */
#define DESCRIPTORS_MIN 128

enum provider_state { PROVIDER_UNKNOWN, PROVIDER_UP, PROVIDER_DOWN };

struct agent {
	struct agent_options options;
	struct kvmlens_collector *collector;
	int stop_fd; /* readable once it stops: waits for slow readers end then */
	struct web *web; /* NULL: nothing listens */
	bool hidden; /* /proc does not show all of the host */
	uint64_t web_restarts, web_rereads; /* as last logged, of the health sink's thread */
	struct memory *memory;
	GHashTable *log_shares; /* ordinary owner to GUINT_TO_POINTER(lines in this hour) */
	gint64 log_hour;
	GHashTable *unread; /* "source\nuuid" to why it was last said not to answer */
	struct delivery *delivery;
	struct control *control; /* NULL: nobody can command it */
	struct remote remote;
	struct line_writer *json;
	struct textbuf json_text; /* of the JSON sink's thread */
	char *last_duplicate; /* as last logged */
	int json_err; /* what it last ran into; 0: nothing */
	enum provider_state
		providers[PROVIDERS_MAX]; /* as last logged, of the health sink's thread */
};

struct kvmlens_collector *agent_collector(struct agent *agent)
{
	return agent->collector;
}

/* Say it once when lines begin to be lost, and once when that is over. */
static void json_report(struct agent *agent, int err)
{
	const char *path = agent->options.config->json_path;

	if (err == agent->json_err || err == -ECANCELED)
		return;
	agent->json_err = err;
	if (err)
		log_line(agent->options.log, LOG_LEVEL_WARNING, "json", "%s: %s; lines are lost",
			 path, g_strerror(-err));
	else
		log_line(agent->options.log, LOG_LEVEL_INFO, "json",
			 "%s: written again; %" G_GUINT64_FORMAT " bytes were lost so far", path,
			 line_writer_dropped(agent->json));
}

static void json_sink(void *arg, const struct kvmlens_snapshot *snapshot)
{
	struct agent *agent = arg;

	agent->json_text.len = 0;
	json_render_lines(snapshot, &agent->json_text);
	json_report(agent,
		    line_writer_write(agent->json, agent->json_text.data, agent->json_text.len));
}

static void log_provider(const struct agent *agent, const char *name, const char *error, bool lost)
{
	bool loud = lost || config_wants_provider(agent->options.config, name);

	log_line(agent->options.log, loud ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "provider",
		 "%s does not answer%s: %s; %s", name, lost ? " any more" : "", error,
		 loud ? "it is asked again, and the kernel's numbers go on; start it, or correct "
			"--uri"
		      : "VMs are found without it");
}

/* The face that died or hung, once for each. */
static void web_report(struct agent *agent)
{
	struct web_state state;

	if (!agent->web)
		return;
	web_get_state(agent->web, &state);
	if (state.rereads != agent->web_rereads) {
		agent->web_rereads = state.rereads;
		if (state.access_error[0])
			log_line(agent->options.log, LOG_LEVEL_WARNING, "web",
				 "%s; the former one stays in use", state.access_error);
		else
			log_line(agent->options.log, LOG_LEVEL_INFO, "web",
				 "http.web_config was reread");
	}
	if (state.restarts == agent->web_restarts)
		return;
	agent->web_restarts = state.restarts;
	log_line(
		agent->options.log, LOG_LEVEL_WARNING, "web",
		"the process that serves /metrics died or hung; it was started anew, %" G_GUINT64_FORMAT
		" times so far",
		state.restarts);
}

/* May one more line be written about a VM of an ordinary owner? */
static bool log_share_take(struct agent *agent, const struct vm_ident *ident)
{
	struct refusals *refusals = collector_refusals(agent->collector);
	gint64 hour = g_get_monotonic_time() / (G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC);
	const struct vm_owner *owner = &ident->owner;
	guint lines;

	if (!owner->ordinary)
		return true;
	if (hour != agent->log_hour)
		g_hash_table_remove_all(agent->log_shares);
	agent->log_hour = hour;
	lines = GPOINTER_TO_UINT(g_hash_table_lookup(agent->log_shares, owner->name));
	if (lines >= refusals_limit(refusals, REFUSAL_LOG)) {
		refusals_add(refusals, owner, ident->pid, REFUSAL_LOG, 1);
		return false;
	}
	g_hash_table_insert(agent->log_shares, g_strdup(owner->name), GUINT_TO_POINTER(lines + 1));
	return true;
}

/* Who was refused something, once for each owner and reason. */
static void refusal_report(struct agent *agent)
{
	struct refusals *refusals = collector_refusals(agent->collector);
	struct refusal refusal;

	while (refusals_next_unnamed(refusals, &refusal)) {
		g_autofree char *text = refusal_text(refusals, &refusal);

		log_line(agent->options.log, LOG_LEVEL_WARNING, "owner", "%s", text);
	}
}

/* A host of which only a part is seen, once for each change. */
static void hidden_report(struct agent *agent, const struct kvmlens_snapshot *snapshot)
{
	const struct snap_self *self = snapshot->self.n ? snapshot->self.v : NULL;
	bool hidden = self && self->hidden_threads && self->hidden_threads != ABSENT;

	if (hidden == agent->hidden)
		return;
	agent->hidden = hidden;
	if (hidden)
		log_line(agent->options.log, LOG_LEVEL_WARNING, "discovery",
			 "reduced: /proc hides %" G_GUINT64_FORMAT
			 " threads of this host, and every "
			 "VM among them; kvmlens doctor says which and why",
			 self->hidden_threads);
	else
		log_line(agent->options.log, LOG_LEVEL_INFO, "discovery",
			 "/proc shows all of this host's threads");
}

/* A guest whose inside cannot be seen, for a reason that stays: once for each reason. */
static void guest_report(struct agent *agent, const struct snap_vm *vm)
{
	for (size_t i = 0; i < vm->sources.n; i++) {
		const struct snap_source *source = entities_at(&vm->sources, i);
		const char *name = labels_get(source->labels, "source");
		g_autofree char *key = NULL;

		if (!g_str_has_prefix(source->why, "unsupported"))
			continue;
		key = g_strdup_printf("%s\n%s", name, vm->ident->uuid);
		if (g_strcmp0(g_hash_table_lookup(agent->unread, key), source->why) == 0)
			continue;
		if (!log_share_take(agent, vm->ident))
			return;
		log_line(agent->options.log, LOG_LEVEL_INFO, "guest", "%s: no %s: %s",
			 vm->ident->name, name, source->why);
		if (g_hash_table_size(agent->unread) >= UNREAD_MAX)
			g_hash_table_remove_all(agent->unread); /* said again, rather than kept */
		g_hash_table_replace(agent->unread, g_steal_pointer(&key), g_strdup(source->why));
	}
}

/* Series that were left out because others have their name and labels, once for each snapshot. */
static void losses_report(struct agent *agent, const struct kvmlens_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->losses.n; i++) {
		const struct snap_loss *loss = entities_at(&snapshot->losses, i);

		if (!loss->last[0] || g_strcmp0(loss->last, agent->last_duplicate) == 0)
			continue;
		g_free(agent->last_duplicate);
		agent->last_duplicate = g_strdup(loss->last);
		log_line(agent->options.log, LOG_LEVEL_WARNING, "snapshot",
			 "two entities have the labels %s; the later one is left out", loss->last);
	}
}

/* What the providers' workers say, once for each change. */
static void health_sink(void *arg, const struct kvmlens_snapshot *snapshot)
{
	struct agent *agent = arg;
	struct worker_health health;
	const char *name;

	for (size_t i = 0; collector_provider(agent->collector, i, &name, &health); i++) {
		enum provider_state *state = &agent->providers[MIN(i, PROVIDERS_MAX - 1)];
		enum provider_state now = health.up	    ? PROVIDER_UP
					  : health.error[0] ? PROVIDER_DOWN
							    : *state;

		if (now == PROVIDER_UP && *state != now)
			log_line(agent->options.log, LOG_LEVEL_INFO, "provider", "%s answers",
				 name);
		if (now == PROVIDER_DOWN && *state != now)
			log_provider(agent, name, health.error, *state == PROVIDER_UP);
		*state = now;
	}
	web_report(agent);
	losses_report(agent, snapshot);
	refusal_report(agent);
	hidden_report(agent, snapshot);
	for (size_t i = 0; i < snapshot->vms.n; i++)
		guest_report(agent, entities_at(&snapshot->vms, i));
}

/* A degraded start is said loudly: each thing that the kernel refused, and what can be done. */
static void log_features(const struct agent *agent)
{
	const struct features *features = collector_features(agent->collector);

	for (int id = 0; id < FEATURE_MAX; id++)
		if (features->f[id].state == FEATURE_NO)
			log_line(agent->options.log, LOG_LEVEL_WARNING, "probe",
				 "reduced: no %s (%s): %s; %s", feature_name(id),
				 feature_purpose(id), features->f[id].why, feature_remedy(id));
}

static int check_useful(const struct agent *agent, char **ret_error)
{
	if (collector_features(agent->collector)->f[FEATURE_SCHED].state != FEATURE_NO ||
	    access("/proc/self/schedstat", R_OK) == 0)
		return 0;
	*ret_error =
		g_strdup("this kernel tells neither through BPF nor through /proc how long a "
			 "thread waited; use one with CONFIG_SCHED_INFO, and see kvmlens doctor");
	return -ENOTSUP;
}

static int open_json(struct agent *agent, char **ret_error)
{
	const char *path = agent->options.config->json_path;
	g_autofree char *shown = path ? text_path(path) : NULL;
	int err;

	if (!path)
		return 0;
	err = line_writer_open(path, agent->stop_fd, &agent->json);
	if (err == -ENXIO)
		*ret_error = g_strdup_printf("--json: %s: is a pipe that nobody reads; start the "
					     "reader first",
					     shown);
	else if (err)
		*ret_error = g_strdup_printf("--json: %s: %s; choose another file", shown,
					     g_strerror(-err));
	else
		err = kvmlens_collector_add_sink(agent->collector, json_sink, agent);
	return err;
}

/* Bind and start the face while the rights that confining it takes are still there. */
static int open_web(struct agent *agent, char **ret_error)
{
	const struct config *config = agent->options.config;
	const struct web_document alerts = {"/api/v1/alerts", "application/json", keeper_render,
					    memory_keeper(agent->memory)};
	struct web_options options = {
		.listen = config->listen,
		.user = config->http.user,
		.access = config->http.web_config,
		.max_connections = config->http.max_connections,
		.timeout_s = config->http.timeout_s,
		.interval_ms = config->interval_ms,
		.documents = &alerts,
		.n_documents = alerts.arg ? 1 : 0,
		.answer = memory_answer,
		.answer_arg = agent->memory,
	};
	int err;

	if (strcmp(config->listen, "none") == 0)
		return 0;
	err = web_new(&options, &agent->web, ret_error);
	err = err ?: collector_add_filler(agent->collector, web_fill, agent->web);
	return err ?: kvmlens_collector_add_sink(agent->collector, web_publish, agent->web);
}

static int start_web(struct agent *agent)
{
	const char *listen = agent->options.config->listen;
	struct log *log = agent->options.log;
	struct endpoint endpoint;

	int err = agent->web ? web_start(agent->web) : 0;

	struct web_state state;

	if (err || !agent->web)
		return err;
	web_get_state(agent->web, &state);
	if (child_missing(&face_child, state.confined))
		log_line(log, LOG_LEVEL_INFO, "web",
			 "the process that serves /metrics has not %s: the kernel refuses it",
			 child_missing(&face_child, state.confined));
	log_line(log, LOG_LEVEL_INFO, "web", "/metrics on %s (port %u)", listen,
		 web_port(agent->web));
	if (!agent->options.config->http.web_config && endpoint_parse(listen, &endpoint) == 0 &&
	    !endpoint_is_loopback(&endpoint))
		log_line(log, LOG_LEVEL_WARNING, "web",
			 "%s is open to the network: whoever reaches it reads every VM's name and "
			 "numbers; allow only your Prometheus, or listen on 127.0.0.1",
			 listen);
	return 0;
}

static char *start_error(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return g_strdup("the kernel permits no BPF here; run it as root, and see kvmlens "
				"doctor");
	case -EBUSY:
		return g_strdup("another kvmlens is running and owns " PROBE_PIN_DIR
				"; stop it first, or watch with kvmlens top");
	case -EMFILE:
	case -ENFILE:
		return g_strdup("there are too few file descriptors to start; raise ulimit -n or "
				"LimitNOFILE of the unit");
	case -EAGAIN:
		return g_strdup("a thread or process cannot be made; raise TasksMax of the unit, "
				"or ulimit -u");
	default:
		return g_strdup_printf("cannot start: %s; see kvmlens doctor", g_strerror(-err));
	}
}

/* Without it the agent does all its work: no error. */
static void open_control(struct agent *agent)
{
	const char *path = agent->options.config->control;
	g_autofree char *shown = text_path(path);
	int err;

	if (!strcmp(path, "none"))
		return;
	err = control_open(path, &agent->control);
	if (err) {
		log_line(agent->options.log, LOG_LEVEL_WARNING, "control",
			 "%s: %s; this agent takes no commands, choose another with --control",
			 shown, g_strerror(-err));
		return;
	}
	agent->remote =
		(struct remote){agent->collector, agent->options.reload, agent->options.reload_arg};
	remote_add(agent->control, &agent->remote);
}

static void start_control(struct agent *agent)
{
	if (agent->control && control_start(agent->control))
		log_line(agent->options.log, LOG_LEVEL_WARNING, "control",
			 "no thread could be made; this agent takes no commands");
}

static int open_sinks(struct agent *agent, char **ret_error)
{
	int err = kvmlens_collector_add_sink(agent->collector, health_sink, agent);

	if (!err)
		err = memory_open(agent->options.config, agent->options.log, agent->collector,
				  &agent->memory);
	if (!err)
		err = delivery_open(agent->options.config, agent->options.log, agent->collector,
				    &agent->delivery);
	if (!err)
		err = open_json(agent, ret_error);
	if (!err)
		err = open_web(agent, ret_error);
	return err;
}

static int start(struct agent *agent, char **ret_error)
{
	int err = open_sinks(agent, ret_error);

	if (err)
		return err;
	err = kvmlens_collector_start(agent->collector);
	if (err)
		return err;
	log_features(agent);
	err = start_web(agent);
	if (err)
		return err;
	open_control(agent);
	start_control(agent);
	return check_useful(agent, ret_error);
}

/* The rights first: the store's thread is to have no more than the others. */
static int loaded(void *arg)
{
	struct agent *agent = arg;
	int err = privilege_drop();

	err = err ?: privilege_filter();
	err = err ?: memory_start(agent->memory);
	err = err ?: delivery_start(agent->delivery, memory_store(agent->memory));
	if (!err)
		memory_set_deliver(agent->memory, delivery_deliver(agent->delivery));
	return err;
}

static void keep_watchdog(void)
{
	notify_manager("WATCHDOG=1"); /* a manager that cannot be reached restarts us */
}

/* Below that many, parts would be missing from the beginning; said before any is started. */
static int check_descriptors(char **ret_error)
{
	descriptors_raise();
	if (descriptors_limit() >= DESCRIPTORS_MIN)
		return 0;
	*ret_error = g_strdup_printf("%" G_GUINT64_FORMAT
				     " file descriptors are too few to run with; raise ulimit -n "
				     "or LimitNOFILE of the unit to %u or more",
				     descriptors_limit(), DESCRIPTORS_MIN);
	return -EMFILE;
}

int agent_start(const struct agent_options *options, struct agent **ret_agent, char **ret_error)
{
	struct collector_options collector = {
		.config = options->config,
		.pin_dir = PROBE_PIN_DIR,
		.loaded = loaded,
		.alive_ms = notify_watchdog_ms(),
	};
	struct agent *agent = g_new0(struct agent, 1);
	char *error = NULL;
	int err;

	agent->options = *options;
	agent->log_shares = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	agent->unread = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	agent->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	collector.loaded_arg = agent;
	if (collector.alive_ms)
		collector.alive = keep_watchdog;
	err = agent->stop_fd < 0 ? -errno : check_descriptors(&error);
	err = err ?: collector_new(&collector, &agent->collector);
	if (!err)
		err = start(agent, &error);
	if (err) {
		*ret_error = error ? error : start_error(err);
		agent_stop(agent);
		return err;
	}
	*ret_agent = agent;
	return 0;
}

void agent_reload(struct agent *agent, const struct config *config)
{
	g_autoptr(GString) differ = g_string_new(NULL);
	struct log *log = agent->options.log;

	config_diff(agent->options.config, config, differ);
	collector_set_interval(agent->collector, config->interval_ms);
	collector_set_level(agent->collector, config->level);
	collector_set_rules(agent->collector, config->rule_set);
	if (agent->web)
		web_set_interval(agent->web, config->interval_ms);
	if (agent->json)
		line_writer_reopen(agent->json);
	memory_reload(agent->memory, config);
	delivery_reload(agent->delivery, config);
	log_line(log, LOG_LEVEL_INFO, "agent", "reloaded: every %u ms, detail %s",
		 config->interval_ms, config_level_name(config->level));
	if (differ->len)
		log_line(
			log, LOG_LEVEL_INFO, "agent",
			"changed since the start: %s; all but interval, detail, alert rules, channels "
			"and silences need a restart",
			differ->str);
}

void agent_stop(struct agent *agent)
{
	if (!agent)
		return;
	if (agent->stop_fd >= 0)
		eventfd_write(agent->stop_fd, 1);
	control_close(agent->control);
	kvmlens_collector_free(agent->collector); /* ends the sinks, of which web is one */
	web_stop(agent->web);
	memory_set_deliver(agent->memory, NULL);
	delivery_close(agent->delivery); /* which writes to the store */
	memory_close(agent->memory); /* which the web asks */
	line_writer_close(agent->json);
	textbuf_clear(&agent->json_text);
	g_hash_table_unref(agent->log_shares);
	g_hash_table_unref(agent->unread);
	g_free(agent->last_duplicate);
	if (agent->stop_fd >= 0)
		close(agent->stop_fd);
	g_free(agent);
}
