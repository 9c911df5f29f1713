// SPDX-License-Identifier: Apache-2.0
#include "vm/vmm_cmdline.h"

#include <glib.h>
#include <string.h>

static const char *base_name(const char *path)
{
	const char *base = strrchr(path, '/');

	return base ? base + 1 : path;
}

/* "qemu-kvm", and what an upgrade or a wrapper makes of it: "qemu-kvm.old", ".qemu-kvm-wrapped". */
static bool is_variant(const char *base, const char *name, const char *separators)
{
	size_t n = strlen(name);

	return !strncmp(base, name, n) && (!base[n] || strchr(separators, base[n]));
}

bool vmm_is_qemu(const char *path)
{
	const char *base = base_name(path);

	base += *base == '.';
	return g_str_has_prefix(base, "qemu-system-") || is_variant(base, "qemu-kvm", " .;~-_") ||
	       is_variant(base, "kvm", " .;~") || !strcmp(base, "kvm-wrapped");
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

bool vmm_option_next(const char *option, const char **at, const char *implied, char **ret_key,
		     char **ret_value)
{
	const char *s = *at;
	size_t n = strcspn(s, "=,");

	if (!*s)
		return false;
	*ret_key = s[n] == '='		    ? g_strndup(s, n)
		   : s == option && implied ? g_strdup(implied)
					    : NULL;
	*ret_value = option_value(s[n] == '=' ? s + n + 1 : s, at);
	return true;
}

char *vmm_option_get(const char *option, const char *implied, const char *key)
{
	char *found = NULL, *k, *value;
	const char *at = option;

	while (vmm_option_next(option, &at, implied, &k, &value)) {
		/* As in QEMU the last one counts. */
		if (k && !strcmp(k, key)) {
			g_free(found);
			found = g_steal_pointer(&value);
		}
		g_free(k);
		g_free(value);
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

static void set_text(char **text, char *value)
{
	if (!value || !*value) {
		g_free(value);
		return;
	}
	g_free(*text);
	*text = value;
}

static void set_uuid(struct vmm_cmdline *cmdline, const char *text, enum vmm_uuid_source source)
{
	static const char nil[] = "00000000-0000-0000-0000-000000000000";
	char uuid[VMM_UUID_LEN + 1];

	/* QEMU does not start with one that is none. */
	if (!vmm_uuid_canonical(text, uuid))
		return;
	if (!strcmp(uuid, nil))
		uuid[0] = '\0';
	memcpy(cmdline->uuid, uuid, sizeof(uuid));
	cmdline->uuid_source = uuid[0] ? source : VMM_UUID_NONE;
}

/* QEMU lets -uuid and -smbios type=1,uuid= write one variable: the last one counts. */
static void take_smbios(struct vmm_cmdline *cmdline, const char *value)
{
	g_autofree char *type = vmm_option_get(value, NULL, "type");
	g_autofree char *uuid = vmm_option_get(value, NULL, "uuid");

	if (!type || strcmp(type, "1"))
		return;
	if (uuid)
		set_uuid(cmdline, uuid, VMM_UUID_SMBIOS);
	set_text(&cmdline->product, vmm_option_get(value, NULL, "product"));
	set_text(&cmdline->manufacturer, vmm_option_get(value, NULL, "manufacturer"));
}

/* A group of a -readconfig file, which QEMU itself does not act on: for want of another uuid. */
static void take_config_smbios(struct vmm_cmdline *cmdline, const char *value, char *ret_uuid)
{
	struct vmm_cmdline config = {0};

	take_smbios(&config, value);
	if (config.uuid[0])
		memcpy(ret_uuid, config.uuid, sizeof(config.uuid));
	vmm_cmdline_clear(&config);
}

static void take_machine(struct vmm_cmdline *cmdline, const char *value)
{
	g_autofree char *type = vmm_option_get(value, "type", "type");
	g_autofree char *accel = vmm_option_get(value, "type", "accel");

	set_accel(cmdline, accel);
	cmdline->no_machine |= type && !strcmp(type, "none");
}

static void take_qemu(struct vmm_cmdline *cmdline, const char *option, const char *value)
{
	if (!strcmp(option, "name")) {
		set_text(&cmdline->name, vmm_option_get(value, "guest", "guest"));
	} else if (!strcmp(option, "uuid")) {
		set_uuid(cmdline, value, VMM_UUID_OPTION);
	} else if (!strcmp(option, "smbios")) {
		take_smbios(cmdline, value);
	} else if (!strcmp(option, "accel")) {
		g_autofree char *accel = vmm_option_get(value, "accel", "accel");

		set_accel(cmdline, accel);
	} else if (!strcmp(option, "enable-kvm")) {
		set_accel(cmdline, "kvm");
	} else if (!strcmp(option, "no-kvm")) {
		set_accel(cmdline, "tcg");
	} else if (!strcmp(option, "machine") || !strcmp(option, "M")) {
		take_machine(cmdline, value);
	} else if (!strcmp(option, "id")) {
		set_text(&cmdline->id, g_strndup(value, VMM_NAME_MAX));
	}
}

/* What a network card has as its address, in any of the options that make one. */
static char *card_address(const struct qemu_arg *arg)
{
	static const char *const options[] = {"device", "nic", "net", NULL};

	if (!g_strv_contains(options, arg->option))
		return NULL;
	return vmm_option_get(arg->value, NULL, "mac")
		       ?: vmm_option_get(arg->value, NULL, "macaddr");
}

static char *drive_file(const struct qemu_arg *arg)
{
	static const char *const images[] = {"", "hda", "cdrom", "fda", "kernel", NULL};

	if (!strcmp(arg->option, "drive"))
		return vmm_option_get(arg->value, NULL, "file");
	return g_strv_contains(images, arg->option) ? g_strdup(arg->value) : NULL;
}

static char *pid_file(const struct qemu_arg *arg)
{
	return !strcmp(arg->option, "pidfile") ? g_strdup(arg->value) : NULL;
}

/* What a VM without a name and an id is started with each time. */
static char *habit(const GArray *args)
{
	static char *(*const takes[])(const struct qemu_arg *) = {pid_file, card_address,
								  drive_file};

	for (size_t t = 0; t < G_N_ELEMENTS(takes); t++)
		for (unsigned i = 0; i < args->len; i++) {
			char *text = takes[t](&g_array_index(args, struct qemu_arg, i));

			if (text && *text)
				return text;
			g_free(text);
		}
	return NULL;
}

void vmm_cmdline_parse_qemu(const GArray *args, struct vmm_cmdline *ret_cmdline)
{
	char config_uuid[VMM_UUID_LEN + 1] = "";

	*ret_cmdline = (struct vmm_cmdline){.vmm = VMM_QEMU};
	for (unsigned i = 0; i < args->len; i++) {
		const struct qemu_arg *arg = &g_array_index(args, struct qemu_arg, i);

		if (!strcmp(arg->option, QEMU_CONFIG_SMBIOS))
			take_config_smbios(ret_cmdline, arg->value, config_uuid);
		else
			take_qemu(ret_cmdline, arg->option, arg->value);
	}
	if (!ret_cmdline->uuid[0] && config_uuid[0])
		set_uuid(ret_cmdline, config_uuid, VMM_UUID_SMBIOS);
	if (!ret_cmdline->name && !ret_cmdline->id)
		ret_cmdline->habit = habit(args);
}

/* --- others --------------------------------------------------------------------------------- */

static enum vmm_kind other_kind(const char *program)
{
	const char *base = base_name(program);

	if (g_str_has_prefix(base, "cloud-hyperviso"))
		return VMM_CLOUD_HYPERVISOR;
	return g_str_has_prefix(base, "firecracker") ? VMM_FIRECRACKER : VMM_OTHER;
}

static char *without_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text) - (g_str_has_suffix(text, suffix) ? strlen(suffix) : 0);

	return g_strndup(text, MIN(n, VMM_NAME_MAX));
}

char *vmm_socket_id(const char *path)
{
	static const char *const common[] = {
		"api",	  "ch-api",	 "clh-api", "ch",     "clh", "cloud-hypervisor",
		"socket", "firecracker", "fc-api",  "crosvm", "vmm", "control",
		"root",	  "run",	 "tmp",	    "var",    "",    NULL};
	g_auto(GStrv) parts = g_strsplit(path, "/", 64);

	/* The last part that is not what everybody calls it. */
	for (unsigned n = g_strv_length(parts); n--;) {
		g_autofree char *sock = without_suffix(parts[n], ".sock");
		g_autofree char *part = without_suffix(sock, ".socket");

		if (!g_strv_contains(common, part))
			return g_steal_pointer(&part);
	}
	return NULL;
}

static void take_platform(struct vmm_cmdline *cmdline, const char *value)
{
	g_autofree char *uuid = vmm_option_get(value, NULL, "uuid");

	if (uuid)
		set_uuid(cmdline, uuid, VMM_UUID_OPTION);
}

/* "--api-socket /run/x.sock", "--api-socket path=/run/x.sock"; a descriptor names nothing. */
static void take_socket(struct vmm_cmdline *cmdline, const char *value)
{
	g_autofree char *path = vmm_option_get(value, "path", "path");

	if (path && *path)
		set_text(&cmdline->id, vmm_socket_id(path));
}

/* Firecracker's --id, crosvm's and others' --name; "--id x" and "--id=x". */
static void parse_other(char **argv, struct vmm_cmdline *cmdline)
{
	static const char *const sockets[] = {"api-socket", "api-sock", "socket", NULL};

	cmdline->accel = VMM_ACCEL_KVM;
	for (char **arg = argv; *arg; arg++) {
		const char *option = qemu_option_name(*arg);
		size_t n = option ? strcspn(option, "=") : 0;
		g_autofree char *key = option ? g_strndup(option, n) : NULL;
		const char *value = !n ? NULL : option[n] == '=' ? option + n + 1 : arg[1];

		if (!n || !value)
			continue;
		if (!strcmp(key, "id") || !strcmp(key, "name"))
			set_text(&cmdline->name, g_strndup(value, VMM_NAME_MAX));
		else if (g_strv_contains(sockets, key))
			take_socket(cmdline, value);
		else if (!strcmp(key, "platform"))
			take_platform(cmdline, value);
	}
	if (!cmdline->id && cmdline->name)
		cmdline->id = g_strdup(cmdline->name);
	if (!cmdline->name && cmdline->id)
		cmdline->name = g_strdup(cmdline->id);
}

/* A wrapper's dot and suffix off, so that it does not change with the way it is packed. */
static char *program_name(const char *path)
{
	const char *base = base_name(path);

	return without_suffix(base + (*base == '.'), "-wrapped");
}

void vmm_cmdline_read(const char *buf, size_t len, bool qemu, qemu_read_fn read, void *ctx,
		      struct vmm_cmdline *ret_cmdline)
{
	g_autoptr(GPtrArray) words = vmm_argv(buf, len);
	char **argv = (char **)words->pdata;
	struct vmm_cmdline cmdline = {.accel = qemu ? VMM_ACCEL_UNKNOWN : VMM_ACCEL_KVM};

	if (argv[0]) {
		argv += vmm_argv_program(argv);
		if (qemu) {
			g_autoptr(GArray) args = qemu_args_parse(argv + 1, read, ctx);

			vmm_cmdline_parse_qemu(args, &cmdline);
		} else {
			parse_other(argv + 1, &cmdline);
			cmdline.vmm = other_kind(argv[0]);
		}
		cmdline.program = program_name(argv[0]);
	}
	*ret_cmdline = cmdline;
}

char *vmm_program(const char *buf, size_t len)
{
	g_autoptr(GPtrArray) words = vmm_argv(buf, len);
	char **argv = (char **)words->pdata;

	return argv[0] ? program_name(argv[vmm_argv_program(argv)]) : NULL;
}

bool vmm_cmdline_is_qemu(const char *exe, const char *buf, size_t len)
{
	g_autofree char *program = vmm_program(buf, len);
	g_autoptr(GArray) args = NULL;

	if (vmm_is_qemu(exe) || (program && vmm_is_qemu(program)))
		return true;
	args = qemu_args_parse_cmdline(buf, len, NULL, NULL);
	return qemu_args_plausible(args);
}

void vmm_cmdline_parse(const char *buf, size_t len, bool qemu, struct vmm_cmdline *ret_cmdline)
{
	vmm_cmdline_read(buf, len, qemu, NULL, NULL, ret_cmdline);
}

void vmm_cmdline_clear(struct vmm_cmdline *cmdline)
{
	g_clear_pointer(&cmdline->name, g_free);
	g_clear_pointer(&cmdline->id, g_free);
	g_clear_pointer(&cmdline->habit, g_free);
	g_clear_pointer(&cmdline->product, g_free);
	g_clear_pointer(&cmdline->manufacturer, g_free);
	g_clear_pointer(&cmdline->program, g_free);
}
