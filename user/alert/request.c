// SPDX-License-Identifier: Apache-2.0
#include "alert/request.h"

#include <errno.h>
#include <string.h>

/* Memory that held a secret is not left to whoever gets it next. */
static void forget(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	g_clear_pointer(text, g_free);
}

void request_clear(struct request *request)
{
	forget(&request->url);
	forget(&request->password);
	g_clear_pointer(&request->headers, g_ptr_array_unref);
	g_clear_pointer(&request->to, g_ptr_array_unref);
	g_clear_pointer(&request->username, g_free);
	g_clear_pointer(&request->from, g_free);
	g_clear_pointer(&request->ca, g_free);
	/* A body may hold a key, a header a token. */
	if (request->body)
		explicit_bzero(request->body->str, request->body->len);
	if (request->body)
		g_string_free(g_steal_pointer(&request->body), TRUE);
}

void request_add_header(struct request *request, const char *name, const char *value)
{
	if (!request->headers)
		request->headers = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(request->headers, g_strdup_printf("%s: %s", name, value));
}

static json_t *strings_json(const GPtrArray *strings)
{
	json_t *array = json_array();

	for (guint i = 0; strings && i < strings->len; i++)
		json_array_append_new(array, json_string(g_ptr_array_index(strings, i)));
	return array;
}

json_t *request_encode(const struct request *request)
{
	return json_pack("{s:s,s:o,s:s%,s:s*,s:o,s:s*,s:s*,s:b,s:s*,s:i}", "url", request->url,
			 "headers", strings_json(request->headers), "body", request->body->str,
			 request->body->len, "from", request->from, "to", strings_json(request->to),
			 "username", request->username, "password", request->password, "starttls",
			 request->starttls, "ca", request->ca, "timeout_ms",
			 (int)request->timeout_ms);
}

static int strings_of(const json_t *array, GPtrArray **ret_strings)
{
	g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
	json_t *value;
	size_t i;

	json_array_foreach(array, i, value)
	{
		if (!json_is_string(value))
			return -EBADMSG;
		g_ptr_array_add(strings, g_strdup(json_string_value(value)));
	}
	*ret_strings = g_steal_pointer(&strings);
	return 0;
}

int request_decode(const json_t *json, struct request *ret_request)
{
	const char *url, *body, *from = NULL, *username = NULL, *password = NULL, *ca = NULL;
	struct request request = {0};
	json_t *headers, *to;
	size_t body_len;
	int starttls, timeout_ms, r;

	r = json_unpack((json_t *)json, "{s:s,s:o,s:s%,s?s,s:o,s?s,s?s,s:b,s?s,s:i}", "url", &url,
			"headers", &headers, "body", &body, &body_len, "from", &from, "to", &to,
			"username", &username, "password", &password, "starttls", &starttls, "ca",
			&ca, "timeout_ms", &timeout_ms);
	if (r)
		return -EBADMSG;
	r = strings_of(headers, &request.headers);
	r = r ?: strings_of(to, &request.to);
	request.url = g_strdup(url);
	request.body = g_string_new_len(body, (gssize)body_len);
	request.from = g_strdup(from);
	request.username = g_strdup(username);
	request.password = g_strdup(password);
	request.starttls = starttls;
	request.ca = g_strdup(ca);
	request.timeout_ms = (unsigned)timeout_ms;
	if (r)
		request_clear(&request);
	else
		*ret_request = request;
	return r;
}
