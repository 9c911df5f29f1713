/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: defaults, then the YAML file, then flags. */
#ifndef KVMLENS_CONFIG_CONFIG_H
#define KVMLENS_CONFIG_CONFIG_H

#include <glib.h>
#include <stdbool.h>
#include <kvmlens.h>

#define CONFIG_DEFAULT_LISTEN "127.0.0.1:10177"
#define CONFIG_DEFAULT_PATH "/etc/kvmlens/kvmlens.yaml"

enum config_format {
	FORMAT_AUTO, /* table on a terminal, nothing else */
	FORMAT_TABLE,
	FORMAT_PROMETHEUS,
	FORMAT_OPENMETRICS,
	FORMAT_JSON,
	FORMAT_NONE,
};

/* A VM's own detail level: pattern is a glob on its name, or its uuid; the first match wins. */
struct config_vm {
	char *pattern;
	enum kvmlens_level level;
};

struct config {
	unsigned interval_ms;
	enum kvmlens_level level;
	unsigned groups; /* enum kvmlens_group */
	GArray *tags; /* struct kvmlens_tag, strings owned */
	char *node_id;
	char *provider; /* "auto", "libvirt", "proc" */
	char *uri; /* libvirt's, NULL: qemu:///system */
	char *listen; /* address:port or [address]:port; "none" switches it off */
	char *json_path; /* JSON lines; "-" is standard output, NULL none */
	enum config_format format;
	GArray *vms; /* struct config_vm */
	unsigned max_threads; /* tracked threads: VMM threads of all kinds */
	unsigned http_max_connections;
	unsigned http_timeout_s;
	char *path; /* the file it came from, NULL: none */
};

struct config *config_new(void);
void config_free(struct config *config);

/*
 * Read a YAML file over the configuration. On failure *ret_error is one line with file, line
 * number, what is wrong and the nearest valid key; the configuration is then unchanged.
 * -ENOENT: no such file; -EINVAL: it is not valid.
 */
int config_load(struct config *config, const char *path, char **ret_error);

/*
 * Set one option by its name as in the file and in --name=value: the same check, the same
 * message. -ENOENT: unknown name; -EINVAL: bad value.
 */
int config_set(struct config *config, const char *name, const char *value, char **ret_error);

/* The level for a VM: its first matching pattern's, else the default. */
enum kvmlens_level config_level_for(const struct config *config, const char *vm, const char *uuid);

#endif
