/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates of what is sent: ${name} stands for a value of the message and its first alert,
 * ${name:N} for its first N characters, $$ for a dollar. config/channel_template.h has the names.
 */
#ifndef KVMLENS_ALERT_FILL_H
#define KVMLENS_ALERT_FILL_H

#include "alert/channel.h"

/* How a value is escaped where it stands. */
enum fill_form {
	FILL_JSON, /* inside quotes; ${alerts}, ${labels}, ${details} and ${links} are JSON */
	FILL_URL, /* percent-encoded */
	FILL_LINE, /* one line */
	FILL_TEXT,
};

/* Never NULL; freed by the caller, who wipes it where it holds a secret. */
char *message_fill(const char *template, enum fill_form form, const struct message *message,
		   const struct secrets *secrets);

#endif
