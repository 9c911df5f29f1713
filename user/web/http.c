// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "export/json.h"
#include "web/health.h"
#include "web/http.h"
#include "web/query.h"

/* Of one connection: its request line and all headers must fit into it. */
#define MEMORY_LIMIT (16 * 1024)

/* A page that is asked for is waited for this long. */
#define WAIT_MS 1000

/* An answer of the history, for which the other side has a deadline of its own. */
#define QUERY_MS 6000

/* While connections are open, deadlines are looked at this often. */
#define SWEEP_MS 200

/* Connections taken in one go, before answering goes on. */
#define ACCEPT_BATCH 32

/* Snapshots whose pages are held for clients that take them slowly. */
#define PAGES_HELD 8

/* The name of this status differs between versions of libmicrohttpd. */
#define STATUS_TOO_LARGE 413
#define STATUS_MISDIRECTED 421
#define STATUS_TOO_MANY 429

static uint64_t now_ms(void)
{
	return g_get_monotonic_time() / 1000;
}

static struct conn *conn_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static enum MHD_Result queue(struct http *http, struct MHD_Connection *connection, unsigned status,
			     struct MHD_Response *response, size_t size, uint64_t seq)
{
	struct conn *conn = conn_of(connection);

	if (conn)
		conns_answer(&http->conns, conn, size, seq, now_ms());
	return MHD_queue_response(connection, status, response);
}

/* A short text. What was wrong with the request may have left bytes behind: end the connection. */
static enum MHD_Result say(struct http *http, struct MHD_Connection *connection, unsigned status,
			   const char *text)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, "Retry-After", "1");
	if (status == STATUS_TOO_MANY)
		MHD_add_response_header(response, "Retry-After", "10");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"kvmlens\"");
	if (status >= 400 && status < 500) {
		MHD_add_response_header(response, "Connection", "close");
		http->refused++;
	}
	result = queue(http, connection, status, response, strlen(text), 0);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result say_health(struct http *http, struct MHD_Connection *connection)
{
	const struct wire_page *newest = &http->site->newest;
	uint64_t now = g_get_monotonic_time() * 1000ull;
	g_autofree char *text = NULL;

	if (!newest->seq)
		return say(http, connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no snapshot yet\n");
	if (health_text(newest->stuck)) {
		text = g_strdup_printf("%s\n", health_text(newest->stuck));
		return say(http, connection, MHD_HTTP_SERVICE_UNAVAILABLE, text);
	}
	text = g_strdup_printf("newest snapshot: %.1f s old, one is due every %.1f s\n",
			       now > newest->mono_ns ? (now - newest->mono_ns) / 1e9 : 0,
			       newest->interval_ms / 1e3);
	return say(http, connection,
		   site_is_fresh(newest, now) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

/* The request waits until its page or answer comes, or its deadline. */
static void wait_for(struct http *http, struct http_request *request, uint32_t document,
		     unsigned wait_ms)
{
	struct conn *conn = conn_of(request->connection);

	if (conn)
		conns_answer(&http->conns, conn, 0, 0, now_ms());
	request->document = document;
	request->deadline_ms = now_ms() + wait_ms;
	g_ptr_array_add(http->waiting, request);
	MHD_suspend_connection(request->connection);
}

/* Where a page is wanted that nobody renders, another form of it may be there. */
static const struct site_document *any_fresh(const struct site *site, uint32_t index)
{
	uint64_t now = g_get_monotonic_time() * 1000ull;

	for (uint32_t i = index, n = 0; n < site->n; i = (i + 1) % site->n, n++) {
		const struct site_document *document = &site->documents[i];

		if (!strcmp(document->is.path, site->documents[index].is.path) &&
		    document->response && site_is_fresh(&document->page, now))
			return document;
	}
	return NULL;
}

static enum MHD_Result say_page(struct http *http, struct http_request *request, uint32_t index)
{
	const struct site_document *document;

	http->calls->ask(http->calls_arg, index);
	if (!request->waited && !site_is_current(http->site, index)) {
		wait_for(http, request, index, WAIT_MS);
		return MHD_YES;
	}
	document = any_fresh(http->site, index);
	if (!document)
		return say(http, request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "no fresh snapshot\n");
	return queue(http, request->connection, MHD_HTTP_OK, document->response,
		     document->page.size, document->page.seq);
}

/* What a query's failure means for the client. */
static enum MHD_Result say_error(struct http *http, struct MHD_Connection *connection, int error)
{
	switch (error) {
	case -ENOENT:
		return say(http, connection, MHD_HTTP_NOT_FOUND,
			   "the history has no such VM or metric\n");
	case -E2BIG:
		return say(http, connection, STATUS_TOO_LARGE,
			   "that is too much for one answer: name a VM, or take a longer step\n");
	case -ETIMEDOUT:
		return say(http, connection, MHD_HTTP_GATEWAY_TIMEOUT,
			   "the history took too long to answer\n");
	case -EBUSY:
		return say(http, connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "too many ask the history: try again\n");
	default:
		return say(http, connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
			   "the history cannot be read; the agent's log says more\n");
	}
}

static const char *argument(void *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result ask_history(struct http *http, struct http_request *request)
{
	const char *complaint = NULL;
	struct wire_query query;
	int r = query_parse(argument, request->connection, g_get_real_time() / 1000, &query,
			    &complaint);

	if (r)
		return say(http, request->connection, MHD_HTTP_BAD_REQUEST, complaint);
	if (!++http->queries)
		http->queries = 1;
	request->query = http->queries;
	request->error = -ETIMEDOUT; /* unless an answer comes */
	r = http->calls->query(http->calls_arg, request->query, &query);
	if (r)
		return say_error(http, request->connection, -EBUSY);
	wait_for(http, request, SITE_NONE, QUERY_MS);
	return MHD_YES;
}

/* Asked once, and again when the answer is there or no longer waited for. */
static enum MHD_Result say_history(struct http *http, struct http_request *request)
{
	if (!request->query)
		return ask_history(http, request);
	if (!request->response)
		return say_error(http, request->connection, request->error);
	return queue(http, request->connection, MHD_HTTP_OK, request->response,
		     request->response_size, 0);
}

static bool has_body(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);

	return (length && strcmp(length, "0")) ||
	       MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
					   MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* The TLS session of a connection; NULL: there is none. */
static gnutls_session_t session_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info ? info->tls_session : NULL;
}

static bool is_verified(gnutls_session_t session)
{
	unsigned status = ~0u;

	return gnutls_certificate_verify_peers2(session, &status) == 0 && status == 0;
}

/* Has the client a certificate as the configuration wants it? */
static bool has_certificate(const struct http *http, struct MHD_Connection *connection)
{
	const struct access *access = http->gate.access;
	gnutls_session_t session;
	unsigned n = 0;
	bool given;

	if (!access || !access->tls || access->client <= ACCESS_CLIENT_REQUEST)
		return true;
	session = session_of(connection);
	given = session && gnutls_certificate_get_peers(session, &n) && n;
	switch (access->client) {
	case ACCESS_CLIENT_ANY:
		return given;
	case ACCESS_CLIENT_VERIFY_GIVEN:
		return !given || is_verified(session);
	default:
		return given && is_verified(session);
	}
}

static enum MHD_Result say_unauthorized(struct http *http, struct MHD_Connection *connection)
{
	return say(http, connection, MHD_HTTP_UNAUTHORIZED, "name and password, please\n");
}

/* May this client have an answer? MHD_YES without an answer: it may. */
static enum MHD_Result pass_gate(struct http *http, struct MHD_Connection *connection)
{
	static const uint8_t nowhere[CONN_ADDRESS_LEN];
	const struct conn *conn = conn_of(connection);

	if (!has_certificate(http, connection))
		return say(http, connection, MHD_HTTP_FORBIDDEN,
			   "a client certificate of this server's CA, please\n");
	switch (gate_judge(
		&http->gate,
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST),
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
					    MHD_HTTP_HEADER_AUTHORIZATION),
		conn ? conn->address : nowhere, now_ms())) {
	case GATE_MISDIRECTED:
		return say(http, connection, STATUS_MISDIRECTED,
			   "this server listens on the loopback address alone and is called by "
			   "that, or localhost\n");
	case GATE_TOO_MANY:
		return say(http, connection, STATUS_TOO_MANY, "too many wrong passwords\n");
	case GATE_UNAUTHORIZED:
		return say_unauthorized(http, connection);
	default:
		return MHD_YES;
	}
}

/* What can be said of a request once its headers are there; MHD_YES without an answer: go on. */
static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection,
			     const char *method, void **con_cls)
{
	struct http_request *request = g_new0(struct http_request, 1);

	request->connection = connection;
	*con_cls = request;
	http->requests++;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return say(http, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			   "only GET and HEAD are answered here\n");
	if (has_body(connection))
		return say(http, connection, STATUS_TOO_LARGE, "requests have no body here\n");
	return pass_gate(http, connection);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload_data,
			      size_t *upload_data_size, void **con_cls)
{
	struct http *http = cls;
	const char *accept;
	uint32_t index;

	if (!*con_cls)
		return begin(http, connection, method, con_cls);
	if (*upload_data_size)
		return MHD_NO;
	if (!strcmp(url, "/healthz"))
		return say_health(http, connection);
	if (!strcmp(url, QUERY_PATH) && http->has_history)
		return say_history(http, *con_cls);
	accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	index = site_find(http->site, url, accept);
	if (index == SITE_NONE)
		return say(http, connection, MHD_HTTP_NOT_FOUND, "no such page\n");
	return say_page(http, *con_cls, index);
}

static void completed(void *cls, struct MHD_Connection *connection, void **con_cls,
		      enum MHD_RequestTerminationCode code)
{
	struct http *http = cls;
	struct conn *conn = conn_of(connection);
	struct http_request *request = *con_cls;

	if (request) {
		g_ptr_array_remove_fast(http->waiting, request);
		if (request->response)
			MHD_destroy_response(request->response);
	}
	g_clear_pointer(con_cls, g_free);
	if (conn)
		conns_wait(&http->conns, conn, now_ms());
}

static void connection_changed(void *cls, struct MHD_Connection *connection, void **socket_context,
			       enum MHD_ConnectionNotificationCode code)
{
	struct http *http = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = g_steal_pointer(&http->adding);
		/* Without a CA MHD asks for no certificate by itself. */
		if (http->gate.access && http->gate.access->tls && !http->gate.access->ca &&
		    http->gate.access->client != ACCESS_CLIENT_NONE && session_of(connection))
			gnutls_certificate_server_set_request(session_of(connection),
							      GNUTLS_CERT_REQUEST);
	} else if (*socket_context) {
		conns_remove(*socket_context);
		*socket_context = NULL;
	}
}

/* Newer versions alone, and only what the library itself calls good. */
static const char *priorities_of(const struct access *access)
{
	return access->tls13 ? "NORMAL:-VERS-ALL:+VERS-TLS1.3"
			     : "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
}

static struct MHD_Daemon *start_daemon(struct http *http, const struct access *access)
{
	unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem tls[5] = {{MHD_OPTION_END, 0, NULL}};

	if (access && access->tls) {
		unsigned n = 0;

		flags |= MHD_USE_TLS;
		tls[n++] =
			(struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, access->certificate};
		tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, access->key};
		tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
						   (void *)priorities_of(access)};
		if (access->ca)
			tls[n++] =
				(struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, access->ca};
		tls[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	}
	return MHD_start_daemon(flags, 0, NULL, NULL, handle, http, MHD_OPTION_CONNECTION_LIMIT,
				http->conns.size, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				(size_t)MEMORY_LIMIT, MHD_OPTION_STRICT_FOR_CLIENT, 1,
				MHD_OPTION_NOTIFY_COMPLETED, completed, http,
				MHD_OPTION_NOTIFY_CONNECTION, connection_changed, http,
				MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

int http_start(struct http *http, struct site *site, const struct wire_hello *limits,
	       const struct access *access, const struct http_calls *calls, void *calls_arg)
{
	*http = (struct http){.site = site,
			      .calls = calls,
			      .calls_arg = calls_arg,
			      .has_history = limits->has_history};
	conns_init(&http->conns, limits->max_connections, limits->per_address,
		   limits->timeout_s * 1000);
	http->waiting = g_ptr_array_new();
	if (gate_init(&http->gate, access, limits->loopback) < 0)
		return -EIO;
	http->daemon = start_daemon(http, access);
	return http->daemon ? 0 : -EIO;
}

/* IPv4 as it is; of IPv6 the network, as a client has many addresses in its own. */
static void address_of(const struct sockaddr_storage *from, uint8_t ret_address[CONN_ADDRESS_LEN])
{
	memset(ret_address, 0, CONN_ADDRESS_LEN);
	if (from->ss_family == AF_INET) {
		memcpy(ret_address + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
	} else if (from->ss_family == AF_INET6) {
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *)from)->sin6_addr;

		memcpy(ret_address, in6, IN6_IS_ADDR_V4MAPPED(in6) ? 16 : 8);
	}
}

/* Owns fd. */
static void admit(struct http *http, int fd, const struct sockaddr_storage *from, socklen_t len)
{
	uint8_t address[CONN_ADDRESS_LEN];
	struct conn *victim = NULL;

	address_of(from, address);
	if (!conns_admit(&http->conns, address, now_ms(), &victim)) {
		http->refused++;
		close(fd);
		return;
	}
	if (victim) {
		http->evicted++;
		(void)shutdown(victim->fd, SHUT_RDWR);
	}
	http->adding = conns_add(&http->conns, fd, address, now_ms());
	if (!http->adding) {
		http->refused++;
		close(fd);
		return;
	}
	/* MHD closes the socket where it does not take it. */
	if (MHD_add_connection(http->daemon, fd, (const struct sockaddr *)from, len) != MHD_YES)
		http->refused++;
	if (http->adding)
		conns_remove(g_steal_pointer(&http->adding));
}

void http_accept(struct http *http, int listen)
{
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof(from);
		int fd = accept4(listen, (struct sockaddr *)&from, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		admit(http, fd, &from, len);
	}
}

static void resume_at(struct http *http, guint i)
{
	struct http_request *request = http->waiting->pdata[i];

	request->waited = true;
	g_ptr_array_remove_index_fast(http->waiting, i);
	MHD_resume_connection(request->connection);
}

/* Go on with those waiting requests that document and time tell; now 0: of this document. */
static void resume(struct http *http, uint32_t index, uint64_t now)
{
	for (guint i = http->waiting->len; i-- > 0;) {
		const struct http_request *request = http->waiting->pdata[i];

		if (now ? request->deadline_ms <= now : request->document == index)
			resume_at(http, i);
	}
}

static void send_away(struct http *http, struct conn *conn)
{
	http->evicted++;
	(void)shutdown(conn->fd, SHUT_RDWR);
}

void http_page_came(struct http *http, uint32_t index)
{
	uint64_t seq = http->site->documents[index].page.seq;
	struct conn *conn;

	while (seq > PAGES_HELD &&
	       (conn = conns_outdated(&http->conns, seq - PAGES_HELD, now_ms())))
		send_away(http, conn);
	resume(http, index, 0);
}

/* Still waiting: an answer that comes too late has nobody to go to. */
static struct http_request *who_asked(struct http *http, uint32_t id, guint *ret_index)
{
	struct http_request *request;

	for (guint i = 0; i < http->waiting->len; i++) {
		request = http->waiting->pdata[i];
		*ret_index = i;
		if (request->query && request->query == id)
			return request;
	}
	return NULL;
}

void http_answer_came(struct http *http, uint32_t id, const struct wire_answer *answer, int fd)
{
	guint i = 0;
	struct http_request *request = who_asked(http, id, &i);

	if (request && fd >= 0) {
		request->response = site_response(JSON_TYPE, answer->size, fd);
		request->response_size = answer->size;
		fd = request->response ? -1 : fd;
	}
	if (fd >= 0)
		close(fd);
	if (!request)
		return;
	request->error = answer->error ?: -EIO;
	resume_at(http, i);
}

void http_run(struct http *http)
{
	uint64_t now = now_ms();
	struct conn *conn;

	resume(http, SITE_NONE, now);
	while ((conn = conns_overdue(&http->conns, now)))
		send_away(http, conn);
	MHD_run(http->daemon);
}

int http_fd(const struct http *http)
{
	return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int http_timeout(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(http->daemon, &timeout) == MHD_YES && timeout < SWEEP_MS)
		return timeout;
	return conns_open(&http->conns) || http->waiting->len ? SWEEP_MS : -1;
}

void http_stop(struct http *http)
{
	if (http->waiting)
		resume(http, SITE_NONE, UINT64_MAX);
	if (http->daemon) {
		MHD_run(http->daemon);
		MHD_stop_daemon(http->daemon);
	}
	g_clear_pointer(&http->waiting, g_ptr_array_unref);
	conns_clear(&http->conns);
}
