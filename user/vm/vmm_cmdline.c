// SPDX-License-Identifier: Apache-2.0
#include "vm/vmm_cmdline.h"

#include <glib.h>
#include <string.h>

/* QEMU's options without an argument: the word after one of them is an option of its own. */
static const char *const qemu_flags[] = {
	"S",
	"daemonize",
	"enable-kvm",
	"full-screen",
	"mem-prealloc",
	"no-acpi",
	"no-fd-bootchk",
	"no-hpet",
	"no-reboot",
	"no-shutdown",
	"no-user-config",
	"nodefaults",
	"nographic",
	"only-migratable",
	"portrait",
	"preconfig",
	"semihosting",
	"singlestep",
	"snapshot",
	"usb",
	"win2k-hack",
	"enable-sync-profile",
	"xen-attach",
	"xen-domid-restrict",
	"h",
	"help",
	"version",
	"no-quit",
	"alt-grab",
	"ctrl-grab",
	"sdl",
	"curses",
	"async-teardown",
};

bool vmm_is_qemu(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return g_str_has_prefix(base, "qemu-system-") || g_str_equal(base, "qemu-kvm") ||
	       g_str_has_prefix(base, "qemu-kvm ") || g_str_equal(base, "kvm");
}

bool vmm_uuid_canonical(const char *text, char *ret)
{
	char uuid[VMM_UUID_LEN + 1] = "";

	for (unsigned i = 0; i < VMM_UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
			return false;
		uuid[i] = g_ascii_tolower(text[i]);
	}
	if (text[VMM_UUID_LEN])
		return false;
	memcpy(ret, uuid, sizeof(uuid));
	return true;
}

/* Copy one value up to a single comma, undoubling the others; *ret_next is what follows it. */
static char *option_value(const char *s, const char **ret_next)
{
	GString *value = g_string_new(NULL);

	for (; *s; s++) {
		if (*s == ',' && *++s != ',')
			break;
		if (value->len < VMM_NAME_MAX)
			g_string_append_c(value, *s);
	}
	*ret_next = s;
	return g_string_free(value, FALSE);
}

char *vmm_option_get(const char *option, const char *implied, const char *key)
{
	char *found = NULL;

	for (const char *s = option, *next; *s; s = next) {
		size_t n = strcspn(s, "=,");
		bool has_key = s[n] == '=';
		g_autofree char *value = option_value(has_key ? s + n + 1 : s, &next);
		bool match = has_key ? strlen(key) == n && !strncmp(s, key, n)
				     : s == option && implied && g_str_equal(implied, key);

		/* As in QEMU the last one counts. */
		if (match) {
			g_free(found);
			found = g_steal_pointer(&value);
		}
	}
	return found;
}

static void set_accel(struct vmm_cmdline *cmdline, const char *accel)
{
	if (!accel)
		return;
	/* "kvm:tcg" tries one after the other: the threads will tell. */
	if (g_str_equal(accel, "kvm"))
		cmdline->accel = VMM_ACCEL_KVM;
	else if (g_str_equal(accel, "tcg"))
		cmdline->accel = VMM_ACCEL_TCG;
	else
		cmdline->accel = VMM_ACCEL_UNKNOWN;
}

static void set_name(struct vmm_cmdline *cmdline, char *name)
{
	if (!name || !*name) {
		g_free(name);
		return;
	}
	g_free(cmdline->name);
	cmdline->name = name;
}

/* qemu -name guest=…, -uuid, -accel and -machine; value is "" where an argument is missing. */
static void qemu_option(struct vmm_cmdline *cmdline, const char *option, const char *value)
{
	g_autofree char *text = NULL;

	if (g_str_equal(option, "name")) {
		set_name(cmdline, vmm_option_get(value, "guest", "guest"));
	} else if (g_str_equal(option, "uuid")) {
		if (!vmm_uuid_canonical(value, cmdline->uuid))
			cmdline->uuid[0] = '\0';
	} else if (g_str_equal(option, "accel")) {
		text = vmm_option_get(value, "accel", "accel");
		set_accel(cmdline, text);
	} else if (g_str_equal(option, "enable-kvm")) {
		set_accel(cmdline, "kvm");
	} else if (g_str_equal(option, "machine") || g_str_equal(option, "M")) {
		g_autofree char *type = vmm_option_get(value, "type", "type");

		text = vmm_option_get(value, "type", "accel");
		set_accel(cmdline, text);
		cmdline->no_machine |= type && g_str_equal(type, "none");
	}
}

static bool qemu_takes_argument(const char *option)
{
	for (size_t i = 0; i < G_N_ELEMENTS(qemu_flags); i++)
		if (g_str_equal(option, qemu_flags[i]))
			return false;
	return true;
}

/* Option strings begin with one or two dashes; NULL: this is none. */
static const char *option_name(const char *arg)
{
	if (arg[0] != '-' || !arg[1])
		return NULL;
	return arg + (arg[1] == '-' ? 2 : 1);
}

static void parse_qemu(char **argv, struct vmm_cmdline *cmdline)
{
	for (char **arg = argv; *arg; arg++) {
		const char *option = option_name(*arg);

		if (!option)
			continue;
		if (!qemu_takes_argument(option))
			qemu_option(cmdline, option, "");
		else if (arg[1])
			qemu_option(cmdline, option, *++arg);
	}
}

/* Firecracker's --id, crosvm's and others' --name; "--id x" and "--id=x". */
static void parse_other(char **argv, struct vmm_cmdline *cmdline)
{
	cmdline->accel = VMM_ACCEL_KVM;
	for (char **arg = argv; *arg; arg++) {
		const char *option = option_name(*arg);
		size_t n = option ? strcspn(option, "=") : 0;

		if (!n || !((n == 2 && !strncmp(option, "id", n)) ||
			    (n == 4 && !strncmp(option, "name", n))))
			continue;
		if (option[n] == '=')
			set_name(cmdline, g_strndup(option + n + 1, VMM_NAME_MAX));
		else if (arg[1])
			set_name(cmdline, g_strndup(arg[1], VMM_NAME_MAX));
	}
}

void vmm_cmdline_parse(const char *buf, size_t len, bool qemu, struct vmm_cmdline *ret_cmdline)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	struct vmm_cmdline cmdline = {0};

	for (size_t i = 0; i < len;) {
		size_t n = strnlen(buf + i, len - i);

		g_ptr_array_add(argv, g_strndup(buf + i, n));
		i += n + 1;
	}
	g_ptr_array_add(argv, NULL);
	if (argv->len > 2) {
		char **options = (char **)argv->pdata + 1;

		if (qemu)
			parse_qemu(options, &cmdline);
		else
			parse_other(options, &cmdline);
	}
	*ret_cmdline = cmdline;
}

void vmm_cmdline_clear(struct vmm_cmdline *cmdline)
{
	g_clear_pointer(&cmdline->name, g_free);
}
