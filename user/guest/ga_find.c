// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_find.h"

#include <glib.h>
#include <jansson.h>
#include <string.h>

#include "vm/vmm_cmdline.h"

#define PORT "org.qemu.guest_agent.0"
#define DEVICE_MAX 16384

/* A member of -device, which is "driver,key=value" or, as newer libvirts write it, JSON. */
static char *device_get(const char *device, const char *implied, const char *key)
{
	json_auto_t *object = NULL;

	if (device[0] != '{')
		return vmm_option_get(device, implied, key);
	if (strlen(device) > DEVICE_MAX)
		return NULL;
	object = json_loads(device, 0, NULL);
	return g_strdup(json_string_value(json_object_get(object, key)));
}

/* The chardev behind a port of the agent's name, NULL: this device is something else. */
static char *agent_chardev(const char *device)
{
	g_autofree char *driver = device_get(device, "driver", "driver");
	g_autofree char *name = NULL;

	if (!driver || strcmp(driver, "virtserialport"))
		return NULL;
	name = device_get(device, "driver", "name");
	return name && !strcmp(name, PORT) ? device_get(device, "driver", "chardev") : NULL;
}

static bool is_on(const char *value)
{
	return value && (!strcmp(value, "on") || !strcmp(value, "yes") || !*value);
}

/* "server" alone is what older QEMUs are told. */
static bool listens(const char *chardev)
{
	g_autofree char *server = vmm_option_get(chardev, "backend", "server");
	g_auto(GStrv) words = NULL;

	if (server)
		return is_on(server);
	words = g_strsplit(chardev, ",", -1);
	return g_strv_contains((const char *const *)words, "server");
}

static char *chardev_path(const char *chardev, const char *id)
{
	g_autofree char *backend = vmm_option_get(chardev, "backend", "backend");
	g_autofree char *own = vmm_option_get(chardev, "backend", "id");

	if (!backend || strcmp(backend, "socket") || !own || strcmp(own, id) || !listens(chardev))
		return NULL;
	return vmm_option_get(chardev, "backend", "path");
}

typedef char *(*take_fn)(const char *value, const char *id);

static char *take_device(const char *value, const char *id)
{
	return agent_chardev(value);
}

/* What take makes of the first option of this name of which it makes anything. */
static char *first(const char *cmdline, size_t len, const char *option, take_fn take,
		   const char *id)
{
	const char *end = cmdline + len, *arg = cmdline, *next;
	char *found = NULL;

	for (; arg < end && !found; arg = next) {
		next = arg + strnlen(arg, end - arg) + 1;
		if (next >= end || *arg != '-' || strcmp(arg + 1 + (arg[1] == '-'), option))
			continue;
		found = take(next, id);
		next += strnlen(next, end - next) + 1;
	}
	return found;
}

char *ga_find_socket(const char *cmdline, size_t len)
{
	/* The last argument need not have an end. */
	g_autofree char *copy = g_malloc0(len + 1);
	g_autofree char *id = NULL;
	char *path;

	memcpy(copy, cmdline, len);
	id = first(copy, len, "device", take_device, NULL);
	path = id ? first(copy, len, "chardev", chardev_path, id) : NULL;
	if (path && !*path)
		g_clear_pointer(&path, g_free);
	return path;
}
