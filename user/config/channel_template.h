/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of what a channel sends: their words, and whether they are right. */
#ifndef KVMLENS_CONFIG_CHANNEL_TEMPLATE_H
#define KVMLENS_CONFIG_CHANNEL_TEMPLATE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* Plain text and the placeholder behind it. */
struct template_word {
	const char *plain, *name;
	size_t plain_len, name_len; /* name_len 0: there is none */
	size_t max; /* characters of the value */
};

/* The next piece of *text, which is moved behind it. False: that was all. */
bool template_next(const char **text, struct template_word *ret_word);

/* Append to why what is wrong; json: whatever its words stand for, it must be JSON. */
void template_check(const char *text, bool json, GString *why);

#endif
