// SPDX-License-Identifier: Apache-2.0
/* The sender's own side: reads requests, talks to servers, answers with numbers. */
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "alert/sender.h"
#include "alert/sender_child.h"

#define ANSWER_MAX (64 * 1024) /* bytes of body, and of headers, that are read of an answer */

/* One transfer. */
struct transfer {
	const struct request *request;
	size_t read, answered, headed; /* bytes */
};

/* What it says is of no interest; that it says too much ends it. */
static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	t->answered += size * n;
	return t->answered > ANSWER_MAX ? 0 : size * n;
}

static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	t->headed += size * n;
	return t->headed > ANSWER_MAX ? 0 : size * n;
}

static size_t give_body(char *to, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = MIN(size * n, t->request->body->len - t->read);

	memcpy(to, t->request->body->str + t->read, len);
	t->read += len;
	return len;
}

/* Nothing of the environment, no redirection, no protocol but the one, TLS verified. */
static void set_limits(CURL *curl, const struct request *request)
{
	bool mail = request->from;
	const char *protocols = mail ? "smtp,smtps" : "http,https";
	struct curl_blob ca = {.data = request->ca, .len = request->ca ? strlen(request->ca) : 0};

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_USE_SSL,
			 (long)(mail && request->starttls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
	if (ca.len) {
		ca.flags = CURL_BLOB_COPY;
		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &ca);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)request->timeout_ms);
}

static struct curl_slist *to_slist(const GPtrArray *strings)
{
	struct curl_slist *list = NULL;

	for (guint i = 0; i < strings->len; i++)
		list = curl_slist_append(list, g_ptr_array_index(strings, i));
	return list;
}

static void set_content(CURL *curl, struct transfer *t, struct curl_slist *list)
{
	const struct request *request = t->request;

	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_USERNAME, request->username);
	curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
	if (request->from) {
		curl_easy_setopt(curl, CURLOPT_MAIL_FROM, request->from);
		curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, list);
		curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
		curl_easy_setopt(curl, CURLOPT_READDATA, t);
		return;
	}
	curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "kvmlens/" KVMLENS_VERSION);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body->len);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body->str);
}

static void read_answer(CURL *curl, const struct transfer *t, struct answer *answer)
{
	curl_off_t retry_after = 0;
	long status = 0, os_error = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
	curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
	answer->status = (int32_t)status;
	answer->os_error = (int32_t)os_error;
	answer->retry_after_s = (int32_t)CLAMP(retry_after, 0, 3600);
	answer->sent = t->read;
}

static void carry_out(CURL *curl, const struct request *request, struct answer *answer)
{
	struct transfer t = {.request = request};
	struct curl_slist *list = to_slist(request->from ? request->to : request->headers);

	*answer = (struct answer){0};
	curl_easy_reset(curl);
	set_limits(curl, request);
	set_content(curl, &t, list);
	answer->curl = (int32_t)curl_easy_perform(curl);
	read_answer(curl, &t, answer);
	curl_slist_free_all(list);
}

static int read_request(struct request *ret_request)
{
	g_autofree char *text = NULL;
	json_auto_t *json = NULL;
	uint32_t len;
	int r = child_read(SENDER_FD, &len, sizeof(len), 0);

	if (r || len > sender_child.message_max)
		return r ? r : -EBADMSG;
	text = g_malloc(len + 1);
	r = child_read(SENDER_FD, text, len, 0);
	if (!r)
		json = json_loadb(text, len, 0, NULL);
	explicit_bzero(text, len);
	if (r)
		return r;
	return json ? request_decode(json, ret_request) : -EBADMSG;
}

int sender_main(void)
{
	struct request request;
	struct answer answer;
	const char *step;
	unsigned done;
	CURL *curl;

	if (child_confine(&sender_child, 0, 0, 0, &done, &step) < 0 ||
	    curl_global_init(CURL_GLOBAL_DEFAULT))
		return 1;
	curl = curl_easy_init();
	while (curl && read_request(&request) == 0) {
		carry_out(curl, &request, &answer);
		request_clear(&request);
		if (child_write(SENDER_FD, &answer, sizeof(answer), 0))
			break;
	}
	curl_easy_cleanup(curl);
	return 0;
}
