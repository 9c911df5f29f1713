// SPDX-License-Identifier: Apache-2.0
/* Every option of struct config. The order is the order in help and documentation. */
#include <string.h>
#include "config/channel_options.h"
#include "config/config.h"
#include "config/endpoint.h"
#include "config/option.h"
#include "config/rule_options.h"

#define COLLECTING (FOR_RUN | FOR_TOP | FOR_VMS | FOR_METRICS | FOR_DOCTOR | FOR_ALERTS | FOR_WHY)

static const cyaml_strval_t levels[] = {
	{"basic", KVMLENS_BASIC},
	{"standard", KVMLENS_STANDARD},
	{"detailed", KVMLENS_DETAILED},
	{"diagnostic", KVMLENS_DIAGNOSTIC},
};

static const cyaml_strval_t groups[] = {
	{"cpu", KVMLENS_CPU},	      {"memory", KVMLENS_MEMORY}, {"disk", KVMLENS_DISK},
	{"network", KVMLENS_NETWORK}, {"iops", KVMLENS_IOPS},	  {"process", KVMLENS_PROCESS},
	{"all", KVMLENS_ALL_GROUPS},
};

static const cyaml_strval_t switches[] = {{"on", SWITCH_ON}, {"off", SWITCH_OFF}};

static const cyaml_strval_t providers[] = {{"auto", 0}, {"libvirt", 1}, {"proc", 2}};

static void check_listen(const char *value, GString *why)
{
	struct endpoint endpoint;

	if (strcmp(value, "none") && endpoint_parse(value, &endpoint))
		g_string_append_printf(why,
				       "is no address and port; use one like %s or [::1]:10177, "
				       "or none",
				       CONFIG_DEFAULT_LISTEN);
}

static const struct config_option vm_options[] = {
	{.name = "match",
	 AS_STRING(struct config_vm, match),
	 .min = 1,
	 .max = 256,
	 .required = true,
	 .value = "GLOB",
	 .help = "a VM's name, where * and ? match anything, or its uuid",
	 .example = "match: \"db-*\""},
	{.name = "owner",
	 AS_STRING(struct config_vm, owner),
	 .min = 1,
	 .max = 39,
	 .value = "USER",
	 .help = "only VMs whose process belongs to this user; a VM of an ordinary user is called "
		 "USER/NAME",
	 .example = "owner: libvirt-qemu"},
	{.name = "detail",
	 AS_ENUM(struct config_vm, level, enum kvmlens_level, levels),
	 .required = true,
	 .value = "LEVEL",
	 .help = "the detail level of these VMs",
	 .example = "detail: diagnostic"},
	{.name = "guest_memory",
	 AS_ENUM(struct config_vm, guest_memory, enum config_switch, switches),
	 .value = "on|off",
	 .help = "read what runs in these VMs from their memory; by default as for all VMs",
	 .example = "guest_memory: \"on\""},
	{.name = "guest_agent",
	 AS_ENUM(struct config_vm, guest_agent, enum config_switch, switches),
	 .value = "on|off",
	 .help = "ask the agent inside these VMs; by default as for all VMs",
	 .example = "guest_agent: \"off\""},
	{.kind = OPTION_END},
};

static const struct config_option http_options[] = {
	{.name = "max_connections",
	 AS_UINT(struct config_http, max_connections),
	 .min = 1,
	 .max = 4096,
	 .def = "64",
	 .value = "N",
	 .help = "connections served at once; more are turned away",
	 .example = "max_connections: 64"},
	{.name = "timeout",
	 AS_SECONDS(struct config_http, timeout_s),
	 .min = 1,
	 .max = 300,
	 .def = "10s",
	 .value = "DURATION",
	 .help = "how long a silent client is kept",
	 .example = "timeout: 10s"},
	{.name = "user",
	 AS_STRING(struct config_http, user),
	 .min = 1,
	 .max = 32,
	 .def = "auto",
	 .value = "USER",
	 .help = "the unprivileged user that the serving process becomes; auto: a user id of its own",
	 .example = "user: auto"},
	{.name = "web_config",
	 AS_STRING(struct config_http, web_config),
	 .min = 1,
	 .max = 4095,
	 .value = "FILE",
	 .help = "TLS and passwords, in the format of Prometheus' exporters (--web.config.file); "
		 "reread when it changes",
	 .example = "web_config: /etc/kvmlens/web.yml"},
	{.kind = OPTION_END},
};

#define SHARE(member, most, default_value, what)                                        \
	{                                                                               \
		.name = #member, AS_UINT(struct config_owner_limits, member), .min = 1, \
		.max = most, .def = default_value, .value = "N", .help = what,          \
		.example = #member ": " default_value                                   \
	}

static const struct config_option owner_limit_options[] = {
	SHARE(vms, 4096, "32", "VMs"),
	SHARE(threads, 65000, "512",
	      "tracked threads; all ordinary owners together have a quarter of max_threads at most"),
	SHARE(nics, 4096, "64", "network interfaces"),
	SHARE(lookups, 64, "1", "look-ups into guests at once"),
	SHARE(series, 1000000, "5000", "series of all the owner's VMs"),
	SHARE(log_lines, 10000, "20", "lines in the log an hour about the owner's VMs"),
	{.kind = OPTION_END},
};

static const struct config_option history_options[] = {
	{.name = "raw",
	 AS_SECONDS(struct config_history, raw_s),
	 .min = 600,
	 .max = 31536000,
	 .def = "48h",
	 .value = "DURATION",
	 .help = "how long every value is kept",
	 .example = "raw: 48h"},
	{.name = "rollups",
	 AS_SECONDS(struct config_history, rollups_s),
	 .min = 3600,
	 .max = 315360000,
	 .def = "90d",
	 .value = "DURATION",
	 .help = "how long minimum, mean and maximum of five minutes and of hours are kept",
	 .example = "rollups: 90d"},
	{.name = "max_size",
	 AS_SIZE(struct config_history, max_size),
	 .min = 8388608,
	 .max = 1099511627776,
	 .def = "1GiB",
	 .value = "SIZE",
	 .help = "size of the store; the oldest leaves first",
	 .example = "max_size: 1GiB"},
	{.kind = OPTION_END},
};

/* Bits as struct config_silence has them. */
static const cyaml_strval_t week[] = {
	{"mon", 1 << 0}, {"tue", 1 << 1}, {"wed", 1 << 2}, {"thu", 1 << 3},
	{"fri", 1 << 4}, {"sat", 1 << 5}, {"sun", 1 << 6},
};

unsigned config_time_of_day(const char *text)
{
	return (unsigned)(text[0] - '0') * 600 + (unsigned)(text[1] - '0') * 60 +
	       (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');
}

static void check_time_of_day(const char *value, GString *why)
{
	bool ok = strlen(value) == 5 && value[2] == ':';

	for (int i = 0; ok && i < 5; i++)
		ok = i == 2 || g_ascii_isdigit(value[i]);
	if (!ok || config_time_of_day(value) >= 24 * 60 || value[3] > '5')
		g_string_append(why, "is no time of day; write one like \"22:30\"");
}

static void check_time_zone(const char *value, GString *why)
{
	GTimeZone *zone = g_time_zone_new_identifier(value);

	if (!zone)
		g_string_append(why, "is no time zone that this host knows; write one like "
				     "Europe/Berlin or UTC");
	else
		g_time_zone_unref(zone);
}

static void verify_silence(const void *item, GString *why)
{
	const struct config_silence *silence = item;

	if (!silence->vm && !silence->rule)
		g_string_append(why,
				"has neither \"vm\" nor \"rule\"; name what is silent, \"*\" is "
				"everything");
}

static const struct config_option silence_options[] = {
	{.name = "name",
	 AS_STRING(struct config_silence, name),
	 .min = 1,
	 .max = 64,
	 .required = true,
	 .unique = true,
	 .value = "NAME",
	 .help = "what it is called",
	 .example = "name: backup"},
	{.name = "vm",
	 AS_STRING(struct config_silence, vm),
	 .min = 1,
	 .max = 256,
	 .value = "GLOB",
	 .help = "of VMs with this name or uuid, where * and ? match anything; by default of all "
		 "alerts",
	 .example = "vm: \"db-*\""},
	{.name = "rule",
	 AS_STRING(struct config_silence, rule),
	 .min = 1,
	 .max = 256,
	 .value = "GLOB",
	 .help = "of rules with this id; by default of all",
	 .example = "rule: \"vm-disk-*\""},
	{.name = "days",
	 AS_FLAGS(struct config_silence, days, week),
	 .value = "DAY,...",
	 .help = "on which days it begins; by default on every one",
	 .example = "days: [sat, sun]"},
	{.name = "from",
	 AS_STRING(struct config_silence, from),
	 .min = 1,
	 .max = 16,
	 .check = check_time_of_day,
	 .required = true,
	 .value = "HH:MM",
	 .help = "when it begins, by the clocks of its time zone",
	 .example = "from: \"22:00\""},
	{.name = "duration",
	 AS_SECONDS(struct config_silence, duration_s),
	 .min = 60,
	 .max = 7 * 86400,
	 .required = true,
	 .value = "DURATION",
	 .help = "how long it lasts",
	 .example = "duration: 4h"},
	{.name = "time_zone",
	 AS_STRING(struct config_silence, time_zone),
	 .min = 1,
	 .max = 64,
	 .check = check_time_zone,
	 .value = "ZONE",
	 .help = "by default the host's",
	 .example = "time_zone: Europe/Berlin"},
	{.name = "comment",
	 AS_STRING(struct config_silence, comment),
	 .max = 256,
	 .value = "TEXT",
	 .help = "why",
	 .example = "comment: nightly backup"},
	{.kind = OPTION_END},
};

static void check_web_url(const char *value, GString *why)
{
	if (!g_str_has_prefix(value, "https://") && !g_str_has_prefix(value, "http://"))
		g_string_append(why, "must begin with https:// or http://");
}

static const struct config_option alerts_options[] = {
	{.name = "enabled",
	 AS_BOOL(struct config_alerts, enabled),
	 .def = "true",
	 .value = "true|false",
	 .help = "evaluate rules",
	 .example = "enabled: true"},
	{.name = "default_rules",
	 AS_BOOL(struct config_alerts, default_rules),
	 .def = "true",
	 .value = "true|false",
	 .help = "the rules that kvmlens ships; one of your own with the same id replaces one",
	 .example = "default_rules: true"},
	{.name = "external_url",
	 AS_STRING(struct config_alerts, external_url),
	 .min = 8,
	 .max = 1024,
	 .check = check_web_url,
	 .value = "URL",
	 .help = "where receivers of alerts reach this agent; by default http://NODE_ID and listen's "
		 "port",
	 .example = "external_url: https://host-1.example.org"},
	{.name = "rules_dir",
	 AS_STRING(struct config_alerts, rules_dir),
	 .min = 1,
	 .max = 4000,
	 .def = RULES_DEFAULT_DIR,
	 .value = "DIRECTORY",
	 .help = "more rules: every *.yaml in it, by name, each with a list \"rules\"",
	 .example = "rules_dir: " RULES_DEFAULT_DIR},
	{.kind = OPTION_END},
};

const struct config_option config_options[] = {
	{.name = "interval",
	 AS_MS(struct config, interval_ms),
	 .min = 100,
	 .max = 3600000,
	 .def = "10s",
	 .commands = FOR_RUN | FOR_TOP | FOR_VMS | FOR_METRICS | FOR_ALERTS | FOR_WHY,
	 .value = "DURATION",
	 .help = "time from one collection to the next",
	 .example = "interval: 10s"},
	{.name = "detail",
	 AS_ENUM(struct config, level, enum kvmlens_level, levels),
	 .def = "standard",
	 .commands = FOR_RUN | FOR_TOP | FOR_VMS | FOR_METRICS | FOR_ALERTS,
	 .value = "LEVEL",
	 .help = "how much is collected and shown of each VM",
	 .example = "detail: standard"},
	{.name = "metrics",
	 AS_FLAGS(struct config, groups, groups),
	 .def = "all",
	 .commands = FOR_RUN | FOR_TOP | FOR_METRICS,
	 .value = "GROUP,...",
	 .help = "groups of metrics; a group that is off loads nothing into the kernel",
	 .example = "metrics: [cpu, memory, disk]"},
	{.name = "tags",
	 .flag = "tag",
	 AS_TAGS(struct config, tags, n_tags),
	 .max = 32,
	 .commands = FOR_RUN | FOR_METRICS,
	 .value = "KEY=VALUE",
	 .help = "a label for vm_info of every VM",
	 .example = "tags: {rack: r12, stage: production}"},
	{.name = "node_id",
	 AS_STRING(struct config, node_id),
	 .min = 1,
	 .max = 253,
	 .commands = FOR_RUN | FOR_METRICS,
	 .value = "NAME",
	 .help = "this host's name in the metrics; by default the host name",
	 .example = "node_id: hypervisor-1"},
	{.name = "provider",
	 AS_STRING(struct config, provider),
	 .choices = providers,
	 .n_choices = G_N_ELEMENTS(providers),
	 .def = "auto",
	 .commands = COLLECTING,
	 .value = "NAME",
	 .help = "who names the VMs; auto asks libvirt and /proc",
	 .example = "provider: auto"},
	{.name = "uri",
	 AS_STRING(struct config, uri),
	 .min = 1,
	 .max = 1024,
	 .commands = COLLECTING,
	 .value = "URI",
	 .help = "libvirt's connection; by default qemu:///system",
	 .example = "uri: qemu:///system"},
	{.name = "listen",
	 AS_STRING(struct config, listen),
	 .min = 1,
	 .max = 256,
	 .check = check_listen,
	 .def = CONFIG_DEFAULT_LISTEN,
	 .commands = FOR_RUN | FOR_DOCTOR,
	 .value = "ADDRESS:PORT",
	 .help = "where /metrics is served; none switches it off",
	 .example = "listen: 127.0.0.1:10177"},
	{.name = "json",
	 AS_STRING(struct config, json_path),
	 .min = 1,
	 .max = 4095,
	 .commands = FOR_RUN,
	 .value = "FILE",
	 .help = "append every snapshot as a line of JSON; - is standard output",
	 .example = "json: /var/log/kvmlens.jsonl"},
	{.name = "owners",
	 AS_STRINGS(struct config, owners, n_owners),
	 .max = 64,
	 .value = "USER,...",
	 .help = "users whose VMM processes are believed when they say who they are; by default root, "
		 "qemu, libvirt-qemu, kvm, nova, oneadmin, vdsm and uid 107 (KubeVirt). A VM of any "
		 "other user is called USER/NAME, unless libvirt runs it, and has limits",
	 .example = "owners: [root, libvirt-qemu]"},
	{.name = "owner_limits",
	 AS_SECTION(struct config, owner_limits, struct config_owner_limits, owner_limit_options),
	 .help = "what each user that is not among owners may have at most",
	 .example = "owner_limits: {vms: 32, threads: 512}"},
	{.name = "vms",
	 AS_LIST(struct config, vms, n_vms, struct config_vm, vm_options),
	 .max = 1024,
	 .help = "detail levels and more of single VMs; the first match wins",
	 .example = "vms: [{match: \"db-*\", detail: diagnostic}]"},
	{.name = "guest_memory",
	 AS_ENUM(struct config, guest_memory, enum config_switch, switches),
	 .def = "off",
	 .commands = FOR_RUN | FOR_TOP | FOR_METRICS | FOR_WHY,
	 .value = "on|off",
	 .help = "read from each VM's memory what runs in it, with nothing installed there: processes, "
		 "memory, CPU split of a Linux guest. This shows a tenant's process names to the host",
	 .example = "guest_memory: \"off\""},
	{.name = "guest_agent",
	 AS_ENUM(struct config, guest_agent, enum config_switch, switches),
	 .def = "off",
	 .commands = FOR_RUN | FOR_TOP | FOR_METRICS | FOR_WHY,
	 .value = "on|off",
	 .help = "ask the QEMU guest agent inside each VM: file systems, memory, CPU split, "
		 "processes. libvirt marks a domain as tainted when its agent is sent a command",
	 .example = "guest_agent: \"off\""},
	{.name = "stall",
	 AS_MS(struct config, stall_ms),
	 .min = 20,
	 .max = 60000,
	 .def = "200ms",
	 .commands = FOR_RUN | FOR_TOP | FOR_METRICS | FOR_WHY,
	 .value = "DURATION",
	 .help = "a VM stalls when no vCPU has run for so long although one wanted to",
	 .example = "stall: 200ms"},
	{.name = "dead_vms",
	 AS_MS(struct config, dead_vms_ms),
	 .min = 0,
	 .max = 604800000,
	 .def = "1h",
	 .commands = FOR_RUN | FOR_TOP | FOR_METRICS,
	 .value = "DURATION",
	 .help = "how long a VM that is gone remains, with vm_up 0, vm_state and why it ended; at most "
		 "256 of them, 0s: not at all",
	 .example = "dead_vms: 1h"},
	{.name = "off_vms",
	 AS_ENUM(struct config, off_vms, enum config_switch, switches),
	 .def = "on",
	 .commands = FOR_RUN | FOR_TOP | FOR_METRICS,
	 .value = "on|off",
	 .help = "show domains that libvirt knows but does not run, as being off; at most 512 of them",
	 .example = "off_vms: \"off\""},
	{.name = "max_threads",
	 AS_UINT(struct config, max_threads),
	 .min = 64,
	 .max = 65000,
	 .def = "8192",
	 .commands = FOR_RUN,
	 .value = "N",
	 .help = "threads of VMs tracked at once; each costs about 1 KiB of kernel memory",
	 .example = "max_threads: 8192"},
	{.name = "store",
	 AS_STRING(struct config, store),
	 .min = 1,
	 .max = 4000,
	 .def = CONFIG_DEFAULT_STORE,
	 .commands = FOR_RUN | FOR_HISTORY | FOR_INSIGHTS | FOR_ALERTS | FOR_SILENCE | FOR_WHY |
		     FOR_STORE,
	 .value = "FILE",
	 .help = "where the history is kept; none switches it off",
	 .example = "store: /var/lib/kvmlens/history.db"},
	{.name = "history",
	 AS_SECTION(struct config, history, struct config_history, history_options),
	 .help = "how long, and how much, the store keeps",
	 .example = "history: {raw: 48h, rollups: 90d}"},
	{.name = "channels",
	 AS_LIST(struct config, channels, n_channels, struct config_channel, channel_options),
	 .max = CHANNELS_MAX,
	 .verify = channel_verify,
	 .help = "where alerts are delivered to",
	 .example = "channels: [{name: hook, type: webhook, url: \"https://example.org/hook\"}]"},
	{.name = "alerts",
	 AS_SECTION(struct config, alerts, struct config_alerts, alerts_options),
	 .help = "where alert rules come from",
	 .example = "alerts: {default_rules: true}"},
	{.name = "silences",
	 AS_LIST(struct config, silences, n_silences, struct config_silence, silence_options),
	 .verify = verify_silence,
	 .max = 64,
	 .help = "maintenance windows, which recur: alerts fire, and no notification is sent",
	 .example = "silences: [{name: backup, vm: \"db-*\", days: [sat, sun], from: \"22:00\", "
		    "duration: 4h, time_zone: Europe/Berlin}]"},
	{.name = "rules",
	 AS_LIST(struct config, rules, n_rules, struct config_rule, rule_options),
	 .verify = rule_verify,
	 .max = RULES_MAX,
	 .help = "alert rules, read anew by SIGHUP",
	 .example = "rules: [{id: busy, condition: {metric: vm.cpu.usage, operator: gt, threshold: "
		    "90}}]"},
	{.name = "http",
	 AS_SECTION(struct config, http, struct config_http, http_options),
	 .help = "limits of the process that serves /metrics",
	 .example = "http: {timeout: 10s}"},
	{.name = "control",
	 AS_STRING(struct config, control),
	 .min = 1,
	 .max = 107,
	 .def = CONFIG_DEFAULT_CONTROL,
	 .commands = FOR_RUN | FOR_DETAIL | FOR_RELOAD,
	 .value = "SOCKET",
	 .help = "where the running agent takes commands, from root alone; none switches it off",
	 .example = "control: /run/kvmlens/control.sock"},
	{.kind = OPTION_END},
};

const char *config_level_name(enum kvmlens_level level)
{
	return (unsigned)level < G_N_ELEMENTS(levels) ? levels[level].str : "unknown";
}
