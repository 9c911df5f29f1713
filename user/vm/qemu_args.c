// SPDX-License-Identifier: Apache-2.0
#include "vm/qemu_args.h"

#include <string.h>

/* qemu-options.hx of QEMU 0.12 to 10.1 and of its ports: options without an argument, ... */
static const char *const flags[] = {
	"S",
	"alt-grab",
	"async-teardown",
	"audio-help",
	"ctrl-grab",
	"curses",
	"daemonize",
	"enable-fips",
	"enable-kvm",
	"enable-nesting",
	"enable-sync-profile",
	"full-screen",
	"h",
	"help",
	"jitdump",
	"localtime",
	"mem-prealloc",
	"no-acpi",
	"no-fd-bootchk",
	"no-frame",
	"no-hpet",
	"no-kqemu",
	"no-kvm",
	"no-kvm-irqchip",
	"no-kvm-pit",
	"no-kvm-pit-reinjection",
	"no-quit",
	"no-reboot",
	"no-shutdown",
	"no-user-config",
	"nodefaults",
	"nodefconfig",
	"nographic",
	"nouserconfig",
	"old-param",
	"one-insn-per-tb",
	"only-migratable",
	"perfmap",
	"portrait",
	"preconfig",
	"rtc-td-hack",
	"s",
	"sdl",
	"semihosting",
	"show-cursor",
	"singlestep",
	"snapshot",
	"std-vga",
	"tdf",
	"usb",
	"version",
	"virtfs_synth",
	"win2k-hack",
	"xen-attach",
	"xen-create",
	"xen-domid-restrict",
};

/* ... and with one. "id" is Proxmox's. */
static const char *const takers[] = {
	"D",	       "L",	    "M",
	"accel",       "acpitable", "action",
	"add-fd",      "append",    "audio",
	"audiodev",    "balloon",   "bios",
	"blockdev",    "boot",	    "bootp",
	"bt",	       "cdrom",	    "chardev",
	"chroot",      "clock",	    "compat",
	"cpu",	       "d",	    "debugcon",
	"device",      "dfilter",   "display",
	"drive",       "dtb",	    "dump-vmstate",
	"echr",	       "fda",	    "fdb",
	"fsdev",       "fw_cfg",    "g",
	"gdb",	       "global",    "hda",
	"hdachs",      "hdb",	    "hdc",
	"hdd",	       "icount",    "id",
	"incoming",    "initrd",    "iscsi",
	"k",	       "kernel",    "kvm-shadow-memory",
	"loadvm",      "m",	    "machine",
	"mem-path",    "mon",	    "monitor",
	"msg",	       "mtdblock",  "name",
	"net",	       "netdev",    "nic",
	"numa",	       "object",    "option-rom",
	"overcommit",  "parallel",  "pcidevice",
	"pflash",      "pidfile",   "plugin",
	"prom-env",    "qmp",	    "qmp-pretty",
	"qtest",       "qtest-log", "readconfig",
	"redir",       "rotate",    "rtc",
	"run-with",    "runas",	    "sandbox",
	"sd",	       "seed",	    "semihosting-config",
	"serial",      "set",	    "shim",
	"smb",	       "smbios",    "smp",
	"soundhw",     "spice",	    "startdate",
	"tb-size",     "tftp",	    "tpmdev",
	"trace",       "usbdevice", "uuid",
	"vga",	       "virtfs",    "virtioconsole",
	"vnc",	       "watchdog",  "watchdog-action",
	"writeconfig", "xen-domid",
};

/* Options that no other program's command line is likely to share. */
static const char *const machine_options[] = {"accel",	    "blockdev",	  "cpu",     "device",
					      "drive",	    "enable-kvm", "machine", "netdev",
					      "nodefaults", "M",	  "smp",     "mon"};

static bool is_in(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

static bool is_flag(const char *name)
{
	return is_in(name, flags, G_N_ELEMENTS(flags));
}

static bool is_taker(const char *name)
{
	return is_in(name, takers, G_N_ELEMENTS(takers));
}

bool qemu_option_known(const char *name)
{
	return is_flag(name) || is_taker(name);
}

const char *qemu_option_name(const char *word)
{
	if (word[0] != '-' || !word[1])
		return NULL;
	return word + (word[1] == '-' ? 2 : 1);
}

/* A word that QEMU would take for an option where one may stand. "-5" is a number. */
static bool looks_like_option(const char *word)
{
	const char *name = qemu_option_name(word);

	return name && (qemu_option_known(name) || g_ascii_isalpha(name[0]));
}

static void arg_clear(gpointer data)
{
	struct qemu_arg *arg = data;

	g_free(arg->option);
	g_free(arg->value);
}

static void add_arg(GArray *args, const char *option, const char *value)
{
	struct qemu_arg arg = {g_strdup(option), g_strdup(value), qemu_option_known(option)};

	if (args->len < QEMU_ARGS_MAX)
		g_array_append_val(args, arg);
	else
		arg_clear(&arg);
}

static GArray *args_new(void)
{
	GArray *args = g_array_new(FALSE, FALSE, sizeof(struct qemu_arg));

	g_array_set_clear_func(args, arg_clear);
	return args;
}

GPtrArray *vmm_argv(const char *buf, size_t len)
{
	GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < len && argv->len < QEMU_ARGS_MAX;) {
		size_t n = strnlen(buf + i, len - i);

		g_ptr_array_add(argv, g_strndup(buf + i, n));
		i += n + 1;
	}
	g_ptr_array_add(argv, NULL);
	return argv;
}

static bool is_loader(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return g_str_has_prefix(base, "ld-linux") || g_str_has_prefix(base, "ld-musl-") ||
	       g_str_has_prefix(base, "ld.so") || g_str_has_prefix(base, "ld64.so") ||
	       (g_str_has_prefix(base, "ld-2.") && g_str_has_suffix(base, ".so"));
}

unsigned vmm_argv_program(char *const *argv)
{
	/* ld.so(8): these take an argument, the others none. */
	static const char *const valued[] = {
		"--library-path",	  "--inhibit-rpath",	"--audit", "--preload", "--argv0",
		"--glibc-hwcaps-prepend", "--glibc-hwcaps-mask"};
	unsigned i = 1;

	if (!argv[0] || !is_loader(argv[0]))
		return 0;
	while (argv[i] && argv[i][0] == '-') {
		bool takes = is_in(argv[i], valued, G_N_ELEMENTS(valued));

		i += takes && argv[i + 1] ? 2 : 1;
	}
	return argv[i] ? i : 0;
}

/* --- -readconfig ---------------------------------------------------------------------------- */

/* A value within an option string: commas are doubled. */
static void append_pair(GString *value, const char *key, const char *text)
{
	if (value->len)
		g_string_append_c(value, ',');
	g_string_append(value, key);
	g_string_append_c(value, '=');
	for (; *text; text++) {
		if (*text == ',')
			g_string_append_c(value, ',');
		g_string_append_c(value, *text);
	}
}

/* What stands between the first and the last quote; false: there are no two. */
static bool unquote(char *text, char **ret)
{
	char *from = strchr(text, '"'), *to = from ? strrchr(from + 1, '"') : NULL;

	if (!to)
		return false;
	*to = '\0';
	*ret = from + 1;
	return true;
}

static void close_group(GArray *args, char **group, GString *value)
{
	if (*group)
		add_arg(args, *group, value->str);
	g_clear_pointer(group, g_free);
	g_string_set_size(value, 0);
}

/* "[drive "id"]" or "[machine]" */
static char *open_group(char *line, GString *value)
{
	size_t n = strcspn(line + 1, " \t]\"");
	const char *prefix = !strncmp(line + 1, "smbios", MAX(n, 6)) ? "config:" : "";
	char *group = n ? g_strdup_printf("%s%.*s", prefix, (int)n, line + 1) : NULL;
	char *id;

	if (group && unquote(line, &id))
		append_pair(value, "id", id);
	return group;
}

void qemu_args_parse_config(const char *text, size_t len, GArray *args)
{
	g_autofree char *copy = g_strndup(text, MIN(len, QEMU_CONFIG_MAX));
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	g_autoptr(GString) value = g_string_new(NULL);
	char *group = NULL;

	for (char **l = lines; *l; l++) {
		char *line = g_strstrip(*l), *equals, *quoted;

		if (line[0] == '[') {
			close_group(args, &group, value);
			group = open_group(line, value);
			continue;
		}
		equals = strchr(line, '=');
		if (!group || line[0] == '#' || !equals || !unquote(equals, &quoted))
			continue;
		*equals = '\0';
		append_pair(value, g_strstrip(line), quoted);
	}
	close_group(args, &group, value);
}

static void read_config(GArray *args, const char *path, qemu_read_fn read, void *ctx)
{
	size_t len = 0;
	g_autofree char *text = read(ctx, path, &len);

	if (text)
		qemu_args_parse_config(text, len, args);
}

/* --- the command line ----------------------------------------------------------------------- */

GArray *qemu_args_parse(char *const *argv, qemu_read_fn read, void *ctx)
{
	GArray *args = args_new();
	unsigned configs = 0;

	for (char *const *word = argv; *word; word++) {
		const char *option = qemu_option_name(*word), *next = word[1];
		bool takes;

		if (!option) {
			add_arg(args, "", *word);
			continue;
		}
		takes = next &&
			(is_taker(option) || (!is_flag(option) && !looks_like_option(next)));
		if (takes)
			word++;
		if (takes && read && !strcmp(option, "readconfig") && configs++ < QEMU_CONFIGS_MAX)
			read_config(args, next, read, ctx);
		else
			add_arg(args, option, takes ? next : "");
	}
	return args;
}

GArray *qemu_args_parse_cmdline(const char *buf, size_t len, qemu_read_fn read, void *ctx)
{
	g_autoptr(GPtrArray) words = vmm_argv(buf, len);
	char **argv = (char **)words->pdata;

	if (!argv[0])
		return args_new();
	return qemu_args_parse(argv + vmm_argv_program(argv) + 1, read, ctx);
}

bool qemu_args_plausible(const GArray *args)
{
	unsigned known = 0, machine = 0;

	for (unsigned i = 0; i < args->len; i++) {
		const struct qemu_arg *arg = &g_array_index(args, struct qemu_arg, i);

		if (!arg->known && (!i || *arg->option))
			return false;
		known += arg->known;
		machine += is_in(arg->option, machine_options, G_N_ELEMENTS(machine_options));
	}
	return known >= 3 && machine;
}
