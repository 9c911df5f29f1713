// SPDX-License-Identifier: Apache-2.0
#include "alert/attempt.h"

#include <curl/curl.h>
#include <errno.h>

/*
 * Only a message that is wrong in itself is given up: whoever corrects an address, a password or
 * a server wants what has waited meanwhile.
 */
static bool refuses_http(int status)
{
	return status == 400 || status == 413 || status == 422;
}

static bool refuses_mail(const struct answer *answer)
{
	/* After the last byte: until then it is the sender or a recipient that is refused. */
	return answer->status >= 500 && answer->status < 600 && answer->sent &&
	       answer->curl == CURLE_WEIRD_SERVER_REPLY;
}

static char *explain(bool mail, const struct answer *answer)
{
	const char *text = curl_easy_strerror((CURLcode)answer->curl);

	if (!mail && answer->status)
		return g_strdup_printf("the server answers with HTTP status %d", answer->status);
	if (answer->status >= 400)
		return g_strdup_printf("%s (SMTP %d)", text, answer->status);
	if (answer->os_error)
		return g_strdup_printf("%s: %s", text, g_strerror(answer->os_error));
	return g_strdup(text);
}

enum outcome attempt_judge(bool mail, const struct answer *answer, char **ret_why)
{
	/* An answer that was cut for its length has its status all the same. */
	bool whole = answer->curl == CURLE_OK || (!mail && answer->curl == CURLE_WRITE_ERROR);
	bool good = mail ? answer->curl == CURLE_OK
			 : whole && answer->status >= 200 && answer->status < 300;

	if (good)
		return OUTCOME_SENT;
	*ret_why = explain(mail, answer);
	if (mail ? refuses_mail(answer) : whole && refuses_http(answer->status))
		return OUTCOME_REFUSED;
	return OUTCOME_RETRY;
}

static char *explain_sender(int err)
{
	return err == -ETIMEDOUT ? g_strdup("no end in time")
	       : err == -EPIPE	 ? g_strdup("the sending process ended unexpectedly")
	       : err == -EMSGSIZE
		       ? g_strdup("the message is too large")
		       : g_strdup_printf("cannot start the sending process: %s", g_strerror(-err));
}

static enum outcome send_request(const struct config_channel *channel, struct sender *sender,
				 const struct request *request, gint64 *ret_retry_ms,
				 char **ret_why)
{
	struct answer answer;
	int err = sender_run(sender, request, &answer);

	if (err) {
		*ret_why = explain_sender(err);
		return err == -EMSGSIZE ? OUTCOME_REFUSED : OUTCOME_RETRY;
	}
	*ret_retry_ms = (gint64)CLAMP(answer.retry_after_s, 0, 3600) * 1000;
	return attempt_judge(channel->type == CHANNEL_EMAIL, &answer, ret_why);
}

enum outcome attempt(const struct config_channel *channel, struct sender *sender,
		     const struct message *message, gint64 *ret_retry_ms, char **ret_why)
{
	const struct channel_ops *ops = channel_ops_of(channel->type);
	struct secrets secrets = {0};
	struct request request = {0};
	enum outcome outcome;

	*ret_retry_ms = 0;
	if (ops->send)
		return ops->send(channel, message, ret_why);
	if (secrets_read(channel, &secrets, ret_why))
		return OUTCOME_RETRY;
	ops->render(channel, &secrets, message, &request);
	secrets_clear(&secrets);
	outcome = send_request(channel, sender, &request, ret_retry_ms, ret_why);
	request_clear(&request);
	return outcome;
}
