// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_find.h"

#include <glib.h>
#include <jansson.h>
#include <string.h>

#include "vm/vmm_cmdline.h"

#define PORT "org.qemu.guest_agent.0"
#define OPTION_MAX 16384

/* A member of an option, which is "implied,key=value" or, as newer ones are written, JSON. */
static char *option_get(const char *option, const char *implied, const char *key)
{
	json_auto_t *object = NULL;

	if (option[0] != '{')
		return vmm_option_get(option, implied, key);
	if (strlen(option) > OPTION_MAX)
		return NULL;
	object = json_loads(option, 0, NULL);
	return g_strdup(json_string_value(json_object_get(object, key)));
}

/* A serial port has no name of its own: the chardev's is all that says what it is for. */
static bool is_agents(const char *chardev)
{
	return g_str_has_prefix(chardev, "qga") || strstr(chardev, "guest_agent") ||
	       strstr(chardev, "guest-agent");
}

/* The chardev behind a port of the agent's name, NULL: this device is something else. */
static char *device_chardev(const char *device)
{
	g_autofree char *driver = option_get(device, "driver", "driver");
	g_autofree char *name = option_get(device, "driver", "name");
	g_autofree char *chardev = option_get(device, "driver", "chardev");

	if (!driver || !chardev)
		return NULL;
	if (!strcmp(driver, "virtserialport"))
		return name && !strcmp(name, PORT) ? g_steal_pointer(&chardev) : NULL;
	/* isa-serial, pci-serial, usb-serial; Proxmox's "agent: type=isa". */
	return g_str_has_suffix(driver, "-serial") && is_agents(chardev) ? g_steal_pointer(&chardev)
									 : NULL;
}

/* -serial chardev:qga0 */
static char *serial_chardev(const char *value)
{
	static const char prefix[] = "chardev:";

	if (!g_str_has_prefix(value, prefix) || !is_agents(value + strlen(prefix)))
		return NULL;
	return g_strdup(value + strlen(prefix));
}

static bool is_on(const char *value)
{
	return value && (!strcmp(value, "on") || !strcmp(value, "yes") || !*value);
}

/* "server" alone is how older QEMUs are started. */
static bool listens(const char *chardev)
{
	g_autofree char *server = vmm_option_get(chardev, "backend", "server");
	g_auto(GStrv) words = NULL;

	if (server)
		return is_on(server);
	words = g_strsplit(chardev, ",", -1);
	return g_strv_contains((const char *const *)words, "server");
}

static const json_t *member(const json_t *object, const char *key)
{
	const json_t *inner = json_object_get(object, key), *data = json_object_get(inner, "data");

	/* A union of QAPI's older kind has its members in "data". */
	return data ?: inner;
}

/* {"id":"q","backend":{"type":"socket","data":{"addr":{"type":"unix","data":{"path":…}},…}}} */
static char *json_path(const char *chardev, const char *id)
{
	json_auto_t *root = strlen(chardev) > OPTION_MAX ? NULL : json_loads(chardev, 0, NULL);
	const char *own = json_string_value(json_object_get(root, "id"));
	const json_t *backend = json_object_get(root, "backend"), *socket, *server;
	const char *type = json_string_value(json_object_get(backend, "type"));

	if (!own || strcmp(own, id) || !type || strcmp(type, "socket"))
		return NULL;
	socket = member(root, "backend");
	server = json_object_get(socket, "server");
	/* Listening is what it does by default. */
	if (server && !json_is_true(server))
		return NULL;
	return g_strdup(json_string_value(json_object_get(member(socket, "addr"), "path")));
}

static char *chardev_path(const char *chardev, const char *id)
{
	g_autofree char *backend = NULL, *own = NULL;

	if (chardev[0] == '{')
		return json_path(chardev, id);
	backend = vmm_option_get(chardev, "backend", "backend");
	own = vmm_option_get(chardev, "backend", "id");
	if (!backend || strcmp(backend, "socket") || !own || strcmp(own, id) || !listens(chardev))
		return NULL;
	return vmm_option_get(chardev, "backend", "path");
}

/* A port of the agent's name is certain, a serial line only likely. */
static char *find_chardev(const GArray *args)
{
	char *likely = NULL;

	for (unsigned i = 0; i < args->len; i++) {
		const struct qemu_arg *arg = &g_array_index(args, struct qemu_arg, i);
		char *found = NULL;

		if (!strcmp(arg->option, "device"))
			found = device_chardev(arg->value);
		else if (!strcmp(arg->option, "serial"))
			found = serial_chardev(arg->value);
		if (found && strstr(arg->value, PORT)) {
			g_free(likely);
			return found;
		}
		if (likely)
			g_free(found);
		else
			likely = found;
	}
	return likely;
}

char *ga_find_socket(const char *cmdline, size_t len)
{
	g_autoptr(GArray) args = qemu_args_parse_cmdline(cmdline, len, NULL, NULL);
	g_autofree char *id = find_chardev(args);
	char *path = NULL;

	for (unsigned i = 0; id && !path && i < args->len; i++) {
		const struct qemu_arg *arg = &g_array_index(args, struct qemu_arg, i);

		if (!strcmp(arg->option, "chardev"))
			path = chardev_path(arg->value, id);
	}
	if (path && !*path)
		g_clear_pointer(&path, g_free);
	return path;
}
