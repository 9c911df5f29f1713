// SPDX-License-Identifier: Apache-2.0
/* The subcommands and the flags that are no keys of the file. */
#include "cli/command.h"

#include <stdarg.h>
#include <string.h>
#include "util/text.h"

#define F(format) (1u << FORMAT_##format)
#define EXPOSITIONS (F(TABLE) | F(PROMETHEUS) | F(OPENMETRICS) | F(JSON))
#define ALL_COMMANDS                                                                              \
	(FOR_RUN | FOR_TOP | FOR_VMS | FOR_METRICS | FOR_DOCTOR | FOR_UNLOAD | FOR_CHECK_CONFIG | \
	 FOR_VERSION | FOR_HELP | FOR_ANALYZE | FOR_HISTORY | FOR_INSIGHTS | FOR_DETAIL |         \
	 FOR_RELOAD | FOR_ALERTS | FOR_SILENCE | FOR_WHY | FOR_STORE)

static const cyaml_strval_t formats[] = {
	{"auto", FORMAT_AUTO},
	{"table", FORMAT_TABLE},
	{"prometheus", FORMAT_PROMETHEUS},
	{"openmetrics", FORMAT_OPENMETRICS},
	{"json", FORMAT_JSON},
	{"markdown", FORMAT_MARKDOWN},
	{"plot", FORMAT_PLOT},
	{"csv", FORMAT_CSV},
};

const struct config_option cli_options[] = {
	{.name = "config",
	 AS_STRING(struct cli_flags, config),
	 .min = 1,
	 .commands = FOR_RUN | FOR_TOP | FOR_VMS | FOR_METRICS | FOR_DOCTOR | FOR_CHECK_CONFIG |
		     FOR_HISTORY | FOR_ALERTS | FOR_SILENCE | FOR_WHY,
	 .value = "FILE",
	 .help = "the configuration; by default " CONFIG_DEFAULT_PATH ", if it exists",
	 .example = "config: /etc/kvmlens/kvmlens.yaml"},
	{.name = "format",
	 AS_ENUM(struct cli_flags, format, enum config_format, formats),
	 .def = "auto",
	 .commands = FOR_RUN | FOR_TOP | FOR_VMS | FOR_METRICS | FOR_DOCTOR | FOR_HELP |
		     FOR_HISTORY | FOR_ALERTS | FOR_WHY,
	 .value = "FORMAT",
	 .help = "how it is written",
	 .example = "format: json"},
	{.name = "once",
	 AS_BOOL(struct cli_flags, once),
	 .commands = FOR_TOP | FOR_METRICS | FOR_ALERTS,
	 .help = "print one interval's values and end",
	 .example = "once: true"},
	{.name = "catalog",
	 AS_BOOL(struct cli_flags, catalog),
	 .commands = FOR_METRICS,
	 .help = "list every metric there is, with its unit, level and meaning",
	 .example = "catalog: true"},
	{.name = "vm",
	 AS_STRING(struct cli_flags, vm),
	 .min = 1,
	 .max = 256,
	 .commands = FOR_TOP | FOR_VMS | FOR_METRICS | FOR_SILENCE,
	 .value = "NAME",
	 .help = "only these VMs: a name, where * and ? match anything, or a uuid",
	 .example = "vm: db-*"},
	{.name = "all",
	 AS_BOOL(struct cli_flags, all),
	 .commands = FOR_HISTORY,
	 .help = "of every VM, and of the host",
	 .example = "all: true"},
	{.name = "since",
	 AS_STRING(struct cli_flags, since),
	 .min = 1,
	 .max = 32,
	 .commands = FOR_HISTORY | FOR_ALERTS | FOR_WHY,
	 .value = "WHEN",
	 .help = "a time before now (90s, 1.5h, 3d) or a moment as outputs print it (12:30, seconds since "
		 "1970, RFC 3339); by default 1h, of alerts 1d, of why 1m",
	 .example = "since: 2h"},
	{.name = "until",
	 AS_STRING(struct cli_flags, until),
	 .min = 1,
	 .max = 32,
	 .commands = FOR_HISTORY | FOR_ALERTS | FOR_WHY,
	 .value = "WHEN",
	 .help = "likewise; by default now",
	 .example = "until: 30m"},
	{.name = "step",
	 AS_STRING(struct cli_flags, step),
	 .min = 1,
	 .max = 32,
	 .commands = FOR_HISTORY,
	 .value = "DURATION",
	 .help = "join values over this; by default a chart's width decides, else nothing is joined",
	 .example = "step: 5m"},
	{.name = "for",
	 AS_STRING(struct cli_flags, for_time),
	 .min = 1,
	 .max = 32,
	 .commands = FOR_DETAIL | FOR_SILENCE,
	 .value = "DURATION",
	 .help = "how long; of a level at most a day, by default 5m, and 0s ends it at once; of a "
		 "silence at most 90d, by default 1h",
	 .example = "for: 5m"},
	{.name = "replay",
	 AS_STRING(struct cli_flags, replay),
	 .min = 1,
	 .max = 4095,
	 .commands = FOR_ALERTS,
	 .value = "FILE",
	 .help = "of test: JSON lines that run --json wrote, - for standard input",
	 .example = "replay: /var/log/kvmlens.jsonl"},
	{.name = "prometheus",
	 AS_BOOL(struct cli_flags, prometheus),
	 .commands = FOR_ALERTS,
	 .help = "of export: as a rule file for Prometheus 2.42 or later",
	 .example = "prometheus: true"},
	{.name = "rule",
	 AS_STRING(struct cli_flags, rule),
	 .min = 1,
	 .max = 128,
	 .commands = FOR_SILENCE,
	 .value = "ID",
	 .help = "only alerts of these rules, where * and ? match anything",
	 .example = "rule: vm-cpu-*"},
	{.name = "comment",
	 AS_STRING(struct cli_flags, comment),
	 .min = 1,
	 .max = 256,
	 .commands = FOR_SILENCE,
	 .value = "TEXT",
	 .help = "why, for whoever wonders",
	 .example = "comment: moving db-1"},
	{.name = "season",
	 AS_STRING(struct cli_flags, season),
	 .min = 1,
	 .max = 64,
	 .commands = FOR_ANALYZE,
	 .value = "SAMPLES",
	 .help = "samples in a cycle, up to three of them: of hourly data a day and a week",
	 .example = "season: 24,168"},
	{.name = "horizon",
	 AS_UINT(struct cli_flags, horizon),
	 .min = 1,
	 .max = 1024,
	 .commands = FOR_ANALYZE,
	 .value = "SAMPLES",
	 .help = "samples to forecast, by default 48",
	 .example = "horizon: 48"},
	{.name = "help",
	 AS_BOOL(struct cli_flags, help),
	 .commands = ALL_COMMANDS,
	 .help = "explain the command and end",
	 .example = "help: true"},
	{.kind = OPTION_END},
};

const struct cli_command cli_commands[] = {
	{
		.name = "run",
		.bit = FOR_RUN,
		.formats = F(TABLE) | F(JSON),
		.summary = "collect and serve metrics until it is stopped",
		.help = "Loads what this kernel accepts, finds the VMs of this host, and serves their metrics. "
			"On a terminal it shows the live table as well; --format table forces the "
			"plain form of it, --format json prints each snapshot as a line of JSON. "
			"SIGTERM and SIGINT end it cleanly and remove what was loaded.",
		.examples =
			"kvmlens run\tthis host, no configuration\n"
			"kvmlens run --interval 2s --detail detailed\tmore, more often\n"
			"kvmlens run --listen 0.0.0.0:10177 --tag rack=r12\tfor a Prometheus elsewhere\n"
			"kvmlens run --listen none --json /var/log/kvmlens.jsonl\tto a file alone",
		.run = cmd_run,
	},
	{
		.name = "top",
		.bit = FOR_TOP,
		.args = "[VM]",
		.max_args = 1,
		.formats = F(TABLE),
		.summary = "the live table of VMs, sorted by ready time",
		.help = "Shows each VM's run, ready, steal, hypervisor and halted time. Keys: h for help, q "
			"to quit. It collects by itself and needs no running agent. --once prints one "
			"plain table. With a VM it shows that one alone, at detailed: what it is short of "
			"and why, who takes its CPU, stalls, and its processes where --guest-memory is on.",
		.examples = "kvmlens top\tall VMs\n"
			    "kvmlens top --vm 'db-*' --interval 1s\tsome of them, every second\n"
			    "kvmlens top web-1\tone VM, with what runs in it\n"
			    "kvmlens top --once\tone table for a script or a ticket",
		.run = cmd_top,
	},
	{
		.name = "vms",
		.bit = FOR_VMS,
		.formats = F(TABLE) | F(JSON),
		.summary = "list the VMs of this host",
		.help = "Lists name, uuid, process, vCPUs, accelerator, provider and state of every VM that is "
			"found through the kernel, libvirt and /proc.",
		.examples = "kvmlens vms\tall VMs\n"
			    "kvmlens vms --vm web1 --format json\tone, for a script",
		.run = cmd_vms,
	},
	{
		.name = "metrics",
		.bit = FOR_METRICS,
		.formats = EXPOSITIONS | F(MARKDOWN),
		.summary = "print metrics, or the catalogue of all of them",
		.help = "Prints every metric each interval (1s unless --interval says otherwise), from the "
			"second snapshot on, so that rates are known; --once ends it after that. --catalog "
			"needs no rights and lists every metric with its unit, level, source and meaning.",
		.examples = "kvmlens metrics --once\tin the Prometheus text format\n"
			    "kvmlens metrics --once --vm web1 --format table\tone VM, to read\n"
			    "kvmlens metrics --once --detail diagnostic --format json\teverything\n"
			    "kvmlens metrics --format json --interval 5s\ta stream of JSON lines\n"
			    "kvmlens metrics --catalog\twhat there is to measure",
		.run = cmd_metrics,
	},
	{
		.name = "doctor",
		.bit = FOR_DOCTOR,
		.formats = F(TABLE) | F(JSON),
		.summary = "say what works on this host, what does not, and what to do",
		.help = "Tries everything that run would use: rights, kernel, BTF, BPF programs, libvirt, the "
			"listen address. It changes nothing. The exit code is 0 when all is well, 1 when "
			"something is reduced, 5 when nothing useful can run.",
		.examples = "kvmlens doctor\tbefore the first run\n"
			    "kvmlens doctor --format json\tfor a fleet's inventory",
		.run = cmd_doctor,
	},
	{
		.name = "unload",
		.bit = FOR_UNLOAD,
		.summary = "remove what a crashed run left in the kernel",
		.help = "A run that was killed leaves its programs and counters pinned under "
			"/sys/fs/bpf/kvmlens, so that the next one goes on without a gap. This removes "
			"them. It refuses while an agent is running.",
		.examples = "kvmlens unload\tremove programs, maps and the directory",
		.run = cmd_unload,
	},
	{
		.name = "store",
		.bit = FOR_STORE,
		.args = "backup FILE",
		.max_args = 2,
		.summary = "copy the store to a file",
		.help = "Copies history, alerts and silences as they are at one moment to a new file, which "
			"is complete without a log, checked, and readable by its owner alone. A running "
			"agent goes on meanwhile. To restore it, stop the agent, remove the store's file "
			"with its -wal and -shm, and put the copy in its place.",
		.examples = "kvmlens store backup /backup/kvmlens.db\tbeside a running agent",
		.run = cmd_store,
	},
	{
		.name = "analyze",
		.bit = FOR_ANALYZE,
		.raw = true,
		.args = "anomaly|forecast FILE",
		.max_args = 2,
		.summary = "score or forecast a series from a file",
		.help = "Runs the analytics engine on lines of timestamp,value, - for standard input. "
			"anomaly adds a score from 0 to 1 to each line, from the lines before alone; 0.6 "
			"and more is worth a look. forecast prints the next values with the intervals "
			"that hold 80 and 95 % of them. Needs no rights.",
		.examples =
			"kvmlens analyze anomaly cpu.csv\tadds a column anomaly_score\n"
			"kvmlens analyze forecast cpu.csv --season 24,168 --horizon 48\thourly data",
		.run = cmd_analyze,
	},
	{
		.name = "history",
		.bit = FOR_HISTORY,
		.args = "VM METRIC",
		.max_args = 2,
		.formats = F(PLOT) | F(TABLE) | F(CSV) | F(JSON),
		.summary = "what the store remembers of a metric, as a chart, a table, CSV or JSON",
		.help = "Reads the store that run keeps. VM is a name, where * and ? match anything, a "
			"uuid, or host; with --all it is left out. Raw values are kept for two days, after "
			"that minimum, mean and maximum of five minutes and of hours.",
		.examples = "kvmlens history db-1 vm.cpu.ready_time --since 2h\ta chart\n"
			    "kvmlens history --all vm.cpu.usage --since 7d --step 1h --format csv\t"
			    "for a spreadsheet",
		.run = cmd_history,
	},
	{
		.name = "insights",
		.bit = FOR_INSIGHTS,
		.args = "[VM]",
		.max_args = 1,
		.summary =
			"what a VM's history says: unusual, full soon, who disturbs it, what size fits",
		.help = "Reads the store that run keeps. VM is a name, where * and ? match anything, or a "
			"uuid; without it every VM is told of. What is not beyond chance is left out, and "
			"what needs more history than there is: an hour of trends, two days of forecasts.",
		.examples = "kvmlens insights db-1\tat most ten lines",
		.run = cmd_insights,
	},
	{
		.name = "detail",
		.bit = FOR_DETAIL,
		.args = "VM LEVEL",
		.max_args = 2,
		.summary = "give VMs another detail level for a while",
		.help = "Asks the running agent to collect and show more, or less, of the VMs that match, "
			"and to go back to what the configuration says by itself. VM is a name, where * and "
			"? match anything, or a uuid.",
		.examples =
			"kvmlens detail db-1 diagnostic --for 5m\teverything, for five minutes\n"
			"kvmlens detail db-1 diagnostic --for 0s\tthat is enough",
		.run = cmd_detail,
	},
	{
		.name = "reload",
		.bit = FOR_RELOAD,
		.summary = "make the running agent read its configuration again",
		.help = "All or nothing: a mistake in the file is printed with its line, and the agent goes on "
			"with what it had. SIGHUP does the same and says it in the log.",
		.examples = "kvmlens reload\tafter a change of the file",
		.run = cmd_reload,
	},
	{
		.name = "alerts",
		.bit = FOR_ALERTS,
		.args = "[list|history|test RULE|check|export|rules|send-test CHANNEL]",
		.max_args = 2,
		.formats = F(TABLE) | F(JSON),
		.summary = "what fires, what fired, and what the rules would do",
		.help = "list shows the alerts that the running agent keeps in its store, history what "
			"happened. test looks at one rule, now and until it is interrupted, or at a "
			"recording, and says when it would have fired. check reads every rule, export "
			"writes them for Prometheus, rules prints the default ones. send-test sends a "
			"message through a channel at once.",
		.examples =
			"kvmlens alerts\twhat fires now\n"
			"kvmlens alerts history --since 2d\twhat happened\n"
			"kvmlens alerts test vm-cpu-ready --replay run.jsonl\twhen it would have fired\n"
			"kvmlens alerts export --prometheus >kvmlens.rules.yaml\tfor Prometheus\n"
			"kvmlens alerts send-test email\tdoes it arrive?",
		.run = cmd_alerts,
	},
	{
		.name = "silence",
		.bit = FOR_SILENCE,
		.args = "[list|end ID]",
		.max_args = 2,
		.summary = "tell nobody of some alerts for a while",
		.help = "Begins a silence of the alerts of the rules and VMs that match, which always "
			"ends. They go on to be looked at and kept, and what still fires at the end is "
			"told then. The end of what was told before is told all the same. list shows "
			"those that are in force, end takes one back.",
		.examples = "kvmlens silence --vm db-1 --for 2h --comment 'moving it'\tone VM\n"
			    "kvmlens silence --rule 'vm-disk-*' --for 1d\tsome rules\n"
			    "kvmlens silence list\twhat is silenced\n"
			    "kvmlens silence end 3\tno more",
		.run = cmd_silence,
	},
	{
		.name = "why",
		.bit = FOR_WHY,
		.args = "VM",
		.max_args = 1,
		.formats = F(TABLE) | F(JSON),
		.summary = "what a VM is short of, who or what causes it, and what to do",
		.help = "Judges the last minute by rules that it names: CPU, stalls, memory, disks, network, "
			"the guest itself. VM is a name, where * and ? match anything, or a uuid. It reads "
			"the history that a running agent keeps; where there is none it watches for some "
			"seconds itself. --since and --until judge another time. What no source tells is "
			"not judged.",
		.examples = "kvmlens why web-1\tat most ten lines\n"
			    "kvmlens why web-1 --since 2h --until 1h\tan hour of the past\n"
			    "kvmlens why 'db-*' --format json\tall findings, for a script",
		.run = cmd_why,
	},
	{
		.name = "check-config",
		.bit = FOR_CHECK_CONFIG,
		.raw = true,
		.args = "[FILE]",
		.max_args = 1,
		.summary = "check a configuration file",
		.help = "Reads the file and says what is wrong, with its line. Needs no rights.",
		.examples =
			"kvmlens check-config\tthe default file\n"
			"kvmlens check-config new.yaml && systemctl reload kvmlens\tbefore a reload",
		.run = cmd_check_config,
	},
	{
		.name = "version",
		.bit = FOR_VERSION,
		.raw = true,
		.summary = "print the version",
		.help = "Prints the version of kvmlens, of its library interface and of its records in "
			"the kernel.",
		.examples = "kvmlens version\tfor a bug report",
		.run = cmd_version,
	},
	{
		.name = "help",
		.bit = FOR_HELP,
		.raw = true,
		.args = "[COMMAND|config|words|man|man-config|man-metrics]",
		.max_args = 1,
		.formats = F(TABLE) | F(MARKDOWN),
		.summary = "explain a command or the configuration file",
		.help = "Without an argument, lists the commands. config prints a commented configuration "
			"file with every key; words translates steal, ready and wait between guest, "
			"kvmlens, esxtop, libvirt and Hyper-V; man, man-config and man-metrics print the "
			"manual pages "
			"kvmlens(8), kvmlens.yaml(5) and kvmlens-metrics(7).",
		.examples = "kvmlens help metrics\tone command\n"
			    "kvmlens help config >kvmlens.yaml\ta file to start from\n"
			    "kvmlens help words\twhat others call ready and steal time\n"
			    "kvmlens help man-metrics | man -l -\tthe manual page of all metrics",
		.run = cmd_help,
	},
};

const size_t n_cli_commands = G_N_ELEMENTS(cli_commands);

const struct cli_command *cli_command_find(const char *name)
{
	for (size_t i = 0; i < n_cli_commands; i++)
		if (strcmp(cli_commands[i].name, name) == 0)
			return &cli_commands[i];
	return NULL;
}

const char *cli_command_nearest(const char *name)
{
	const char *names[G_N_ELEMENTS(cli_commands)];

	for (size_t i = 0; i < n_cli_commands; i++)
		names[i] = cli_commands[i].name;
	return text_nearest(name, names, n_cli_commands);
}

void cli_errors(const struct cli *cli, const char *lines)
{
	g_auto(GStrv) list = g_strsplit(lines, "\n", -1);

	for (char **line = list; *line; line++)
		if (**line)
			cli_error(cli, "%s", *line);
}

void cli_error(const struct cli *cli, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	fprintf(cli->err, "kvmlens: %s\n", text);
}
