// SPDX-License-Identifier: Apache-2.0
#include "vm/vmm_macs.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* The letters "mac" or "macaddr" as a key, with what separates it from its value. */
static const char *value_of(const char *at, const char *end)
{
	at += strlen("mac");
	if (end - at > 4 && !memcmp(at, "addr", 4))
		at += 4;
	if (at < end && *at == '=')
		return at + 1;
	if (at == end || *at++ != '"')
		return NULL;
	while (at < end && (*at == ' ' || *at == ':'))
		at++;
	return at < end && *at == '"' ? at + 1 : NULL;
}

static bool is_mac(const char *text, const char *end)
{
	if (end - text < VMM_MAC_LEN)
		return false;
	for (unsigned i = 0; i < VMM_MAC_LEN; i++)
		if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
			return false;
	return end - text == VMM_MAC_LEN || strchr(",\"", text[VMM_MAC_LEN]);
}

static bool is_known(char (*macs)[VMM_MAC_LEN + 1], unsigned n, const char *mac)
{
	for (unsigned i = 0; i < n; i++)
		if (!g_ascii_strncasecmp(macs[i], mac, VMM_MAC_LEN))
			return true;
	return false;
}

unsigned vmm_macs_parse(const char *cmdline, size_t len, char (*ret)[VMM_MAC_LEN + 1], unsigned cap)
{
	const char *end = cmdline + len, *at = cmdline, *value;
	unsigned n = 0;

	while (n < cap && (at = memmem(at, end - at, "mac", 3))) {
		bool begins = at == cmdline || strchr(",\"", at[-1]);

		value = begins ? value_of(at, end) : NULL;
		at += 3;
		if (!value || !is_mac(value, end) || is_known(ret, n, value))
			continue;
		memcpy(ret[n], value, VMM_MAC_LEN);
		ret[n++][VMM_MAC_LEN] = '\0';
	}
	return n;
}
