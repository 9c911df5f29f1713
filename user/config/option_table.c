// SPDX-License-Identifier: Apache-2.0
/* Every option of struct config. The order is the order in help and documentation. */
#include <string.h>
#include "config/config.h"
#include "config/endpoint.h"
#include "config/option.h"

#define COLLECTING (FOR_RUN | FOR_TOP | FOR_VMS | FOR_METRICS | FOR_DOCTOR)

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
	 .def = "nobody",
	 .value = "USER",
	 .help = "the unprivileged user that the serving process becomes",
	 .example = "user: nobody"},
	{.kind = OPTION_END},
};

const struct config_option config_options[] = {
	{.name = "interval",
	 AS_MS(struct config, interval_ms),
	 .min = 100,
	 .max = 3600000,
	 .def = "10s",
	 .commands = FOR_RUN | FOR_TOP | FOR_VMS | FOR_METRICS,
	 .value = "DURATION",
	 .help = "time from one collection to the next",
	 .example = "interval: 10s"},
	{.name = "detail",
	 AS_ENUM(struct config, level, enum kvmlens_level, levels),
	 .def = "standard",
	 .commands = FOR_RUN | FOR_TOP | FOR_VMS | FOR_METRICS,
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
	{.name = "vms",
	 AS_LIST(struct config, vms, n_vms, struct config_vm, vm_options),
	 .max = 1024,
	 .help = "detail levels and more of single VMs; the first match wins",
	 .example = "vms: [{match: \"db-*\", detail: diagnostic}]"},
	{.name = "guest_memory",
	 AS_ENUM(struct config, guest_memory, enum config_switch, switches),
	 .def = "off",
	 .commands = FOR_RUN | FOR_TOP | FOR_METRICS,
	 .value = "on|off",
	 .help = "read from each VM's memory what runs in it, with nothing installed there: processes, "
		 "memory, CPU split of a Linux guest. This shows a tenant's process names to the host",
	 .example = "guest_memory: \"off\""},
	{.name = "max_threads",
	 AS_UINT(struct config, max_threads),
	 .min = 64,
	 .max = 65000,
	 .def = "16384",
	 .commands = FOR_RUN,
	 .value = "N",
	 .help = "threads of VMs tracked at once; each costs 512 bytes of kernel memory",
	 .example = "max_threads: 16384"},
	{.name = "http",
	 AS_SECTION(struct config, http, struct config_http, http_options),
	 .help = "limits of the process that serves /metrics",
	 .example = "http: {timeout: 10s}"},
	{.kind = OPTION_END},
};

const char *config_level_name(enum kvmlens_level level)
{
	return (unsigned)level < G_N_ELEMENTS(levels) ? levels[level].str : "unknown";
}
