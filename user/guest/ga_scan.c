// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_scan.h"

#include <errno.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int in_string(struct ga_scan *scan, char c)
{
	if ((unsigned char)c < 0x20)
		return -EPROTO;
	if (scan->escaped)
		scan->escaped = false;
	else if (c == '\\')
		scan->escaped = true;
	else if (c == '"')
		scan->in_string = false;
	return 0;
}

static int opens(struct ga_scan *scan, char c)
{
	/* A reply is an object, and nothing else stands at the top. */
	if (!scan->depth && c != '{')
		return -EPROTO;
	return ++scan->depth > GA_DEPTH_MAX || ++scan->values > GA_VALUES_MAX ? -EMSGSIZE : 0;
}

static int one(struct ga_scan *scan, char c)
{
	if (scan->in_string)
		return in_string(scan, c);
	if (c == '{' || c == '[')
		return opens(scan, c);
	if (!scan->depth)
		return is_space(c) ? 0 : -EPROTO;
	if (c == '}' || c == ']') {
		scan->done = --scan->depth == 0;
		return 0;
	}
	if (c == ',')
		return ++scan->values > GA_VALUES_MAX ? -EMSGSIZE : 0;
	if (c == '"')
		scan->in_string = true;
	return c == '"' || is_space(c) || (c && strchr(":+-.0123456789Eaeflnrstu", c)) ? 0
										       : -EPROTO;
}

int ga_scan_feed(struct ga_scan *scan, const char *data, size_t len, size_t *ret_used)
{
	for (size_t i = 0; i < len; i++) {
		int r = scan->bytes++ < GA_REPLY_MAX ? one(scan, data[i]) : -EMSGSIZE;

		if (r)
			return r;
		if (scan->done) {
			*ret_used = i + 1;
			return 1;
		}
	}
	*ret_used = len;
	return 0;
}
