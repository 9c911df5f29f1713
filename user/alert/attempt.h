/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt to send a message through a channel. */
#ifndef KVMLENS_ALERT_ATTEMPT_H
#define KVMLENS_ALERT_ATTEMPT_H

#include "alert/channel.h"
#include "alert/sender.h"

/*
 * *ret_why (g_free) is set where it was not sent, and holds no secret and nothing that the server
 * said. *ret_retry_ms: the least pause that the server asks for, 0: none.
 */
enum outcome attempt(const struct config_channel *channel, struct sender *sender,
		     const struct message *message, gint64 *ret_retry_ms, char **ret_why);

/* What an answer means; *ret_why as above. */
enum outcome attempt_judge(bool mail, const struct answer *answer, char **ret_why);

#endif
