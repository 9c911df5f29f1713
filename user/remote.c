// SPDX-License-Identifier: Apache-2.0
#include "remote.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "config/config.h"
#include "util/text.h"

#define FOR_MAX_S (24 * 3600)

/* How many VMs of the newest snapshot a pattern means. */
static size_t count_matches(struct kvmlens_collector *collector, const char *match)
{
	const struct kvmlens_snapshot *s = kvmlens_collector_snapshot(collector);
	size_t n = 0;

	for (size_t i = 0; s && i < s->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&s->vms, i);

		n += text_glob(match, vm->ident->name) || !g_strcmp0(match, vm->ident->uuid);
	}
	kvmlens_snapshot_unref(s);
	return n;
}

static bool level_of_name(const char *name, enum kvmlens_level *ret_level)
{
	for (enum kvmlens_level level = KVMLENS_BASIC; level <= KVMLENS_DIAGNOSTIC; level++)
		if (!g_strcmp0(name, config_level_name(level))) {
			*ret_level = level;
			return true;
		}
	return false;
}

/* {"vm": glob or uuid, "level": name, "seconds": number}; 0 seconds: back to the configuration. */
static json_t *run_detail(void *arg, const json_t *request)
{
	struct remote *remote = arg;
	const char *match = json_string_value(json_object_get(request, "vm"));
	const json_t *seconds = json_object_get(request, "seconds");
	json_int_t s = json_integer_value(seconds);
	enum kvmlens_level level = KVMLENS_BASIC;
	size_t n;
	int err;

	if (!match || strlen(match) > 256 || !json_is_integer(seconds) || s < 0 || s > FOR_MAX_S ||
	    (s && !level_of_name(json_string_value(json_object_get(request, "level")), &level)))
		return control_error(-EINVAL, "detail: needs vm, level, and at most a day");
	n = count_matches(remote->collector, match);
	if (!n)
		return control_error(-ENOENT, "no VM matches");
	err = collector_override_level(remote->collector, match, level, s * 1000);
	if (err == -ENOSPC)
		return control_error(err, "too many VMs have a level of their own for a while; end "
					  "one with --for 0");
	if (err) /* which is no VM that is missing */
		return control_error(-ENODATA, "no level of its own is in force");
	return json_pack("{s:I}", "vms", (json_int_t)n);
}

static json_t *run_reload(void *arg, const json_t *request)
{
	struct remote *remote = arg;
	g_autofree char *error = NULL;
	int err = remote->reload ? remote->reload(remote->reload_arg, &error) : -ENOSYS;

	if (err)
		return control_error(err, "%s", error ? error : "this agent cannot reload");
	return json_object();
}

static json_t *run_status(void *arg, const json_t *request)
{
	struct remote *remote = arg;
	const struct kvmlens_snapshot *s = kvmlens_collector_snapshot(remote->collector);
	json_t *reply = json_pack("{s:s, s:i, s:I, s:I, s:s}", "version", KVMLENS_VERSION, "pid",
				  (int)getpid(), "snapshots", (json_int_t)(s ? s->seq : 0), "vms",
				  (json_int_t)(s ? s->vms.n : 0), "level",
				  config_level_name(s ? s->level : KVMLENS_STANDARD));

	kvmlens_snapshot_unref(s);
	return reply;
}

static const struct control_command commands[] = {
	{"detail", run_detail},
	{"reload", run_reload},
	{"status", run_status},
	{NULL, NULL},
};

void remote_add(struct control *control, struct remote *remote)
{
	control_add(control, commands, remote);
}
