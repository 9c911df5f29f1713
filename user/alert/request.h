/* SPDX-License-Identifier: Apache-2.0 */
/* What one transfer sends: by HTTP a POST, by SMTP a mail. */
#ifndef KVMLENS_ALERT_REQUEST_H
#define KVMLENS_ALERT_REQUEST_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* Zero-initialised it is empty. Owns everything. */
struct request {
	char *url;
	GPtrArray *headers; /* of HTTP, "Name: value" */
	GString *body;
	char *from; /* NULL: HTTP */
	GPtrArray *to;
	char *username, *password;
	bool starttls; /* smtp:// must turn to TLS */
	char *ca; /* PEM, NULL: the system's */
	unsigned timeout_ms;
};

void request_clear(struct request *request);
void request_add_header(struct request *request, const char *name, const char *value);

/* As JSON, for the way to the sender. */
json_t *request_encode(const struct request *request);
int request_decode(const json_t *json, struct request *ret_request); /* -EBADMSG */

#endif
