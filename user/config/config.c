// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/check.h"
#include "config/document.h"
#include "config/load.h"
#include "config/mark.h"
#include "util/text.h"

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_document_t, yaml_document_delete)

static void free_loaded(void *loaded)
{
	load_free(config_options, sizeof(struct config), loaded);
}

struct config *config_new(void)
{
	json_auto_t *defaults = check_defaults(config_options);
	const char *why = "out of memory";
	void *config;

	json_object_set_new(defaults, "node_id", json_string(g_get_host_name()));
	/* Only a wrong row of the table can make this fail, which its test finds. */
	if (load_struct(config_options, sizeof(struct config), defaults, &config, &why))
		g_error("defaults of the configuration: %s", why);
	return config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	g_clear_pointer(&config->path, g_free);
	rule_set_free(config->rule_set);
	free_loaded(config);
}

static void mark_lines(struct config *config, yaml_document_t *document)
{
	for (size_t i = 0; i < config->n_rules; i++)
		config->rules[i].line = mark_line(document, "rules", "id", config->rules[i].id);
	for (size_t i = 0; i < config->n_silences; i++)
		config->silences[i].line =
			mark_line(document, "silences", "name", config->silences[i].name);
	for (size_t i = 0; i < config->n_channels; i++)
		config->channels[i].line =
			mark_line(document, "channels", "name", config->channels[i].name);
}

/* partial: load what is right of a file with mistakes. */
static int load_text(struct config *config, const char *path, const char *text, size_t len,
		     bool partial, char **ret_error)
{
	g_autofree char *shown = text_path(path);
	g_autoptr(GString) why = g_string_new(NULL);
	g_auto(yaml_document_t) document = {};
	json_auto_t *json = NULL;
	int err;

	g_string_append_printf(why, "%s:", shown);
	err = document_parse(text, len, &document, why);
	if (!err)
		err = check_document(config_options, &document, &json, why);
	if (!err || (partial && json)) {
		int merged = load_merge(config_options, sizeof(*config), config, json, why);

		if (merged)
			err = merged;
	}
	if (err)
		*ret_error = g_strdup(why->str);
	if (err && !(partial && json))
		return err;
	g_free(config->path);
	config->path = g_strdup(path);
	config->channels_unsure = config->n_channels < mark_count(&document, "channels");
	mark_lines(config, &document);
	return err;
}

int config_load_text(struct config *config, const char *path, const char *text, size_t len,
		     char **ret_error)
{
	return load_text(config, path, text, len, false, ret_error);
}

/* At most one byte more than is allowed, so that a device or a growing file ends. */
static int read_bounded(const char *path, GString *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = 1;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	while (!err && n > 0 && text->len <= DOCUMENT_MAX_BYTES) {
		char block[16384];

		n = read(fd, block, sizeof(block));
		if (n > 0)
			g_string_append_len(text, block, n);
		else if (n < 0 && errno != EINTR)
			err = -errno;
		else if (n < 0)
			n = 1;
	}
	close(fd);
	return err;
}

int config_read_bounded(const char *path, GString *text, char **ret_error)
{
	g_autofree char *shown = text_path(path);
	int err = read_bounded(path, text);

	if (err == -EINVAL)
		*ret_error = g_strdup_printf("%s: is not a regular file", shown);
	else if (err)
		*ret_error = g_strdup_printf("%s: %s", shown, g_strerror(-err));
	return err;
}

int config_load(struct config *config, const char *path, char **ret_error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	int err = config_read_bounded(path, text, ret_error);

	return err ? err : config_load_text(config, path, text->str, text->len, ret_error);
}

int config_load_rules(struct config *config, char **ret_error)
{
	struct rule_set *set;
	int err;

	if (!config->alerts.enabled)
		return 0;
	err = rule_set_load(config, &set, ret_error);
	if (err)
		return err;
	rule_set_free(config->rule_set);
	config->rule_set = set;
	return 0;
}

int config_check(struct config *config, const char *path, char **ret_error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *of_file = NULL, *of_rules = NULL;
	int err = config_read_bounded(path, text, ret_error), more;

	if (err)
		return err;
	err = load_text(config, path, text->str, text->len, true, &of_file);
	more = config_load_rules(config, &of_rules);
	if (err || more)
		*ret_error = g_strjoin(of_file && of_rules ? "\n" : "", of_file ? of_file : "",
				       of_rules ? of_rules : "", NULL);
	return err ? err : more;
}

static int unknown_option(const char *name, char **ret_error)
{
	g_autofree char *shown = text_quote(name);
	const char *near = option_nearest(config_options, name);

	*ret_error = near ? g_strdup_printf("unknown option %s; did you mean \"%s\"?", shown, near)
			  : g_strdup_printf("unknown option %s", shown);
	return -ENOENT;
}

int config_set(struct config *config, const char *name, const char *value, char **ret_error)
{
	const char *dot = strchr(name, '.');
	g_autofree char *top = dot ? g_strndup(name, dot - name) : g_strdup(name);
	const struct config_option *option = option_find(config_options, top), *section = NULL;
	g_autoptr(GString) why = g_string_new(NULL);
	int err;

	if (dot && option) {
		section = option;
		option = section->fields ? option_find(section->fields, dot + 1) : NULL;
	}
	if (!option || (section && section->kind != OPTION_SECTION))
		return unknown_option(name, ret_error);
	err = load_option(config_options, sizeof(*config), config, section, option, value, why);
	if (err)
		*ret_error = g_strdup(why->str);
	return err;
}

static const struct config_vm *rule_for(const struct config *config, const char *vm,
					const char *uuid, const char *owner)
{
	for (size_t i = 0; i < config->n_vms; i++) {
		const struct config_vm *rule = &config->vms[i];

		if (rule->owner && g_strcmp0(rule->owner, owner))
			continue;
		if (text_glob(rule->match, vm) || (uuid && strcmp(rule->match, uuid) == 0))
			return rule;
	}
	return NULL;
}

bool config_level_rule(const struct config *config, const char *vm, const char *uuid,
		       const char *owner, enum kvmlens_level *ret_level)
{
	const struct config_vm *rule = rule_for(config, vm, uuid, owner);

	if (rule)
		*ret_level = rule->level;
	return rule;
}

enum kvmlens_level config_level_for(const struct config *config, const char *vm, const char *uuid,
				    const char *owner)
{
	enum kvmlens_level level = config->level;

	config_level_rule(config, vm, uuid, owner, &level);
	return level;
}

bool config_guest_memory_for(const struct config *config, const char *vm, const char *uuid,
			     const char *owner)
{
	const struct config_vm *rule = rule_for(config, vm, uuid, owner);

	if (rule && rule->guest_memory != SWITCH_INHERIT)
		return rule->guest_memory == SWITCH_ON;
	return config->guest_memory == SWITCH_ON;
}

bool config_guest_memory_any(const struct config *config)
{
	bool any = config->guest_memory == SWITCH_ON;

	for (size_t i = 0; i < config->n_vms; i++)
		any |= config->vms[i].guest_memory == SWITCH_ON;
	return any;
}

bool config_guest_agent_for(const struct config *config, const char *vm, const char *uuid,
			    const char *owner)
{
	const struct config_vm *rule = rule_for(config, vm, uuid, owner);

	if (rule && rule->guest_agent != SWITCH_INHERIT)
		return rule->guest_agent == SWITCH_ON;
	return config->guest_agent == SWITCH_ON;
}

bool config_guest_agent_any(const struct config *config)
{
	bool any = config->guest_agent == SWITCH_ON;

	for (size_t i = 0; i < config->n_vms; i++)
		any |= config->vms[i].guest_agent == SWITCH_ON;
	return any;
}

bool config_wants_provider(const struct config *config, const char *name)
{
	return strcmp(config->provider, name) == 0 || (config->uri && strcmp(name, "libvirt") == 0);
}

char *config_link(const struct config *config)
{
	const char *port = strrchr(config->listen, ':');
	const char *base = config->alerts.external_url;
	g_autofree char *own = NULL;
	size_t len;

	if (!base && !port)
		return NULL;
	if (!base)
		base = own = g_strdup_printf("http://%s%s", config->node_id, port);
	len = strlen(base);
	while (len && base[len - 1] == '/')
		len--;
	return g_strdup_printf("%.*s/api/v1/alerts", (int)len, base);
}
