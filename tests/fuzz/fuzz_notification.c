// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a row of the queue: no notification, or one that every channel can render. */
#include <glib.h>
#include <stdint.h>
#include "alert/channel.h"
#include "alert/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render_all(const struct notification *n)
{
	static char *to[] = {(char *)"a@example.org", NULL};
	const struct message message = {n->key, "node", &n, 1, 1700000000000};

	for (int type = 0; type < CHANNEL_JOURNAL; type++) {
		const struct config_channel channel = {.type = type,
						       .url = (char *)"http://127.0.0.1/",
						       .from = (char *)"a@example.org",
						       .to = to,
						       .n_to = 1};
		const struct secrets secrets = {.secret = (char *)"x"};
		struct request request = {0};

		channel_ops_of(type)->render(&channel, &secrets, &message, &request);
		g_assert(g_utf8_validate(request.body->str, (gssize)request.body->len, NULL));
		request_clear(&request);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_auto_t *json = json_loadb((const char *)data, size, 0, NULL);
	struct held held;

	if (json && notification_decode(json, &held) == 0) {
		json_auto_t *again = notification_encode(&held.n);

		g_assert(again);
		render_all(&held.n);
		held_clear(&held);
	}
	return 0;
}
