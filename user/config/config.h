/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: defaults, then the YAML file, then flags. Which options there are, with
 * their checks and their help, is the table in option_table.c; each member below is a row there.
 */
#ifndef KVMLENS_CONFIG_CONFIG_H
#define KVMLENS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <glib.h>
#include <kvmlens.h>
#include "config/channel.h"
#include "config/rule.h"

#define CONFIG_DEFAULT_LISTEN "127.0.0.1:10177"
#define CONFIG_DEFAULT_STORE "/var/lib/kvmlens/history.db"
#define CONFIG_DEFAULT_CONTROL "/run/kvmlens/control.sock"
#define CONFIG_DEFAULT_PATH "/etc/kvmlens/kvmlens.yaml"

/* Forms of output; what each command can write is in its help. */
enum config_format {
	FORMAT_AUTO, /* the command's own choice */
	FORMAT_TABLE,
	FORMAT_PROMETHEUS,
	FORMAT_OPENMETRICS,
	FORMAT_JSON,
	FORMAT_MARKDOWN,
	FORMAT_PLOT,
	FORMAT_CSV,
	FORMAT_NONE,
};

enum config_switch { SWITCH_INHERIT, SWITCH_ON, SWITCH_OFF };

/* Of single VMs: match is a glob on the name, or the uuid; the first match wins. */
struct config_vm {
	char *match;
	char *owner; /* user name that the VM's process must have, NULL: any trusted one */
	enum kvmlens_level level;
	enum config_switch guest_memory, guest_agent;
};

struct config_http {
	unsigned max_connections;
	unsigned timeout_s;
	char *user; /* whom the process that serves runs as */
	char *web_config; /* path of the file of TLS and passwords; NULL: neither */
};

/* What each ordinary owner of VMM processes may have at most; vm/owner.h says who that is. */
struct config_owner_limits {
	unsigned vms, threads, nics;
	unsigned lookups; /* into guests, at once */
	unsigned series;
	unsigned log_lines; /* an hour */
};

/* How long, and how much, the store keeps. */
struct config_history {
	unsigned raw_s, rollups_s;
	uint64_t max_size;
};

struct config_alerts {
	bool enabled, default_rules;
	char *rules_dir;
	char *external_url; /* NULL: made of node_id and listen */
};

/* A maintenance window: a silence that recurs. */
struct config_silence {
	char *name;
	char *vm, *rule; /* globs; NULL: any */
	unsigned days; /* bits, Monday is the lowest; 0: every day */
	char *from; /* HH:MM */
	unsigned duration_s;
	char *time_zone; /* NULL: the host's */
	char *comment;
	unsigned line; /* no key of the file */
};

/* Minutes since midnight of a time that was checked. */
unsigned config_time_of_day(const char *text);

struct config {
	unsigned interval_ms;
	enum kvmlens_level level;
	unsigned groups; /* enum kvmlens_group */
	struct kvmlens_tag *tags; /* strings owned */
	size_t n_tags;
	char *node_id;
	char *provider; /* "auto", "libvirt", "proc" */
	char *uri; /* libvirt's, NULL: qemu:///system */
	char *listen; /* address:port or [address]:port; "none" switches it off */
	char *json_path; /* JSON lines; "-" is standard output, NULL none */
	char **owners; /* users whose VMM processes are trusted; none: OWNERS_DEFAULT */
	size_t n_owners;
	struct config_owner_limits owner_limits;
	struct config_vm *vms;
	size_t n_vms;
	enum config_switch guest_memory, guest_agent; /* on or off */
	unsigned dead_vms_ms; /* how long a VM that is gone remains, as being down; 0: not at all */
	enum config_switch
		off_vms; /* VMs that libvirt knows but does not run are shown, as being off */
	unsigned stall_ms; /* a VM that does not run for so long stalls; 0: nobody watches */
	unsigned max_threads; /* tracked threads: VMM threads of all kinds */
	struct config_http http;
	char *store; /* path; "none" switches it off */
	struct config_history history;
	struct config_channel *channels; /* where alerts go */
	size_t n_channels;
	char *control; /* path of the control socket; "none" switches it off */
	struct config_alerts alerts;
	struct config_silence *silences;
	size_t n_silences;
	struct config_rule *rules; /* of the file alone */
	size_t n_rules;
	struct rule_set *rule_set; /* all of them, once config_load_rules() was called, else NULL */
	char *path; /* the file it came from, NULL: none */
	bool channels_unsure; /* channels with mistakes in them were left out */
};

/* The defaults; node_id is the host's name. Never NULL. */
struct config *config_new(void);
void config_free(struct config *config);

/*
 * Read a YAML file over the configuration. On failure *ret_error has a line for each mistake with
 * file, line number, what is wrong and the nearest valid key, freed by the caller; the
 * configuration is then unchanged. -ENOENT: no such file; -EINVAL: it is not valid; else why it
 * could not be read.
 */
int config_load(struct config *config, const char *path, char **ret_error);

/* The same for text that is already in memory; path names it in messages and is remembered. */
int config_load_text(struct config *config, const char *path, const char *text, size_t len,
		     char **ret_error);

/*
 * Set one option by its name as in the file ("http.timeout" inside a section): the same check,
 * the same message without file and line. tags: "key=value", added to those there are.
 * -ENOENT: unknown name; -EINVAL: bad value.
 */
int config_set(struct config *config, const char *name, const char *value, char **ret_error);

/*
 * Does a pattern match the VM? Then *ret_level is the first one's level. owner: the user name of
 * its process, NULL or "": unknown, which matches no pattern that requires one.
 */
bool config_level_rule(const struct config *config, const char *vm, const char *uuid,
		       const char *owner, enum kvmlens_level *ret_level);

/* At most DOCUMENT_MAX_BYTES and one of a regular file; errors as config_load. */
int config_read_bounded(const char *path, GString *text, char **ret_error);

/* Once file and flags are in: load the rules, of all places. Errors as rule_set_load. */
int config_load_rules(struct config *config, char **ret_error);

/*
 * Check a file and the rules of all places in one go: a line for each mistake, in *ret_error as
 * above. Rules are checked against what is right of a file with mistakes. The configuration is for
 * nothing else afterwards, unless it is right (0).
 */
int config_check(struct config *config, const char *path, char **ret_error);

/* The level for a VM: its first matching pattern's, else the default. */
enum kvmlens_level config_level_for(const struct config *config, const char *vm, const char *uuid,
				    const char *owner);

/* May a VM's memory be read to see what runs in it? Its first match says so, else the default. */
bool config_guest_memory_for(const struct config *config, const char *vm, const char *uuid,
			     const char *owner);

/* Is there a VM that config_guest_memory_for() might allow? */
bool config_guest_memory_any(const struct config *config);

/* Is a VM's agent asked? As for its memory. */
bool config_guest_agent_for(const struct config *config, const char *vm, const char *uuid,
			    const char *owner);
bool config_guest_agent_any(const struct config *config);

/* The URL of the page of alerts for receivers, NULL: nothing is served. g_free. */
char *config_link(const struct config *config);

/* Is this provider named, or given a URI, so that its silence is worth a warning? */
bool config_wants_provider(const struct config *config, const char *name);

/* Append the names of the top-level keys in which two configurations differ, with commas. */
void config_diff(const struct config *a, const struct config *b, GString *names);

/* "basic" ... "diagnostic". */
const char *config_level_name(enum kvmlens_level level);

#endif
