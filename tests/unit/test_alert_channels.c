/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of channel sends, whatever a VM is called, and what an answer means. */
#include <curl/curl.h>
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "alert/attempt.h"
#include "alert/channel.h"
#include "alert/encode.h"
#include "config/channel_options.h"
#include "config/config.h"
#include "suite.h"
#include "unit/news.h"

static char *folder;

/* A channel as the loader makes it, a message of n alerts and what was rendered of it. */
struct fixture {
	struct config *config;
	struct config_channel channel; /* the configuration's only one */
	struct secrets secrets;
	struct news news[25];
	const struct notification *alerts[25];
	struct message message;
	struct request request;
};

static const char *const channel_texts[CHANNEL_TYPES] = {
	[CHANNEL_EMAIL] = "url: \"smtps://example.org/hook\", from: kvmlens@example.org, to: "
			  "[a@example.org, b@example.org]",
	[CHANNEL_SLACK] = "url: \"https://example.org/hook\"",
	[CHANNEL_WEBHOOK] = "url: \"https://example.org/hook\"",
	[CHANNEL_ALERTMANAGER] = "url: \"https://example.org/hook\"",
	[CHANNEL_JOURNAL] = "socket: /nonexistent",
	[CHANNEL_PAGERDUTY] = "token_file: /nonexistent",
	[CHANNEL_OPSGENIE] = "token_file: /nonexistent",
	[CHANNEL_TEAMS] = "url: \"https://example.org/hook\"",
};

static struct config *load_channel(enum channel_type type)
{
	g_autofree char *text =
		g_strdup_printf("channels: [{name: x, type: %s, %s}]\n",
				config_channel_type_name(type), channel_texts[type]);
	g_autofree char *error = NULL;
	struct config *config = config_new();

	if (config_load_text(config, "f", text, strlen(text), &error))
		g_error("%s", error);
	return config;
}

static void finish(struct fixture *f)
{
	request_clear(&f->request);
	g_clear_pointer(&f->config, config_free);
}

static void begin(struct fixture *f, enum channel_type type, size_t n, enum alert_status status)
{
	memset(f, 0, sizeof(*f));
	f->config = load_channel(type);
	f->channel = f->config->channels[0];
	for (size_t i = 0; i < n; i++) {
		news_make(&f->news[i], i + 1, 1, status);
		f->alerts[i] = &f->news[i].n;
	}
	f->message = (struct message){"the-key", "host-1", "https://host-1/x",
				      f->alerts, n,	   NEWS_AT_MS + 5000};
}

static const char *render(struct fixture *f)
{
	channel_ops_of(f->channel.type)->render(&f->channel, &f->secrets, &f->message, &f->request);
	CU_ASSERT(g_utf8_validate(f->request.body->str, (gssize)f->request.body->len, NULL));
	return f->request.body->str;
}

static bool has_header(const struct fixture *f, const char *line)
{
	for (guint i = 0; f->request.headers && i < f->request.headers->len; i++)
		if (strcmp(g_ptr_array_index(f->request.headers, i), line) == 0)
			return true;
	return false;
}

static void expect_text(const char *got, const char *expected)
{
	if (strcmp(got, expected))
		printf("\n  got      %s\n  expected %s\n", got, expected);
	CU_ASSERT_STRING_EQUAL(got, expected);
}

/* The schema that README documents; the signature is openssl's of the same bytes. */
static void test_webhook(void)
{
	struct fixture f;

	begin(&f, CHANNEL_WEBHOOK, 1, ALERT_FIRING);
	f.secrets.secret = (char *)"s3cret";
	f.secrets.token = (char *)"t0ken";
	f.news[0].n.description = "";
	expect_text(render(&f),
		    "{\"version\":1,\"key\":\"the-key\",\"node\":\"host-1\",\"status\":\"firing\","
		    "\"title\":\"[FIRING] host-1: ready time is 42.5 %\",\"alerts\":[{"
		    "\"key\":\"0000000000000001-1\",\"alert\":\"0000000000000001\","
		    "\"rule\":\"vm-ready\",\"name\":\"VM waits for CPU\",\"severity\":\"critical\","
		    "\"status\":\"firing\",\"starts_ms\":1699999940123,\"ends_ms\":null,"
		    "\"at_ms\":1700000000123,\"labels\":{\"vm\":\"vm-0001\","
		    "\"uuid\":\"11111111-2222-4333-8444-555555555555\"},"
		    "\"metric\":\"vm.cpu.ready_time\",\"value\":42.5,\"threshold\":20.0,"
		    "\"summary\":\"ready time is 42.5 %\",\"description\":\"\","
		    "\"group\":\"vm-ready\"}]}");
	CU_ASSERT(has_header(&f, "Content-Type: application/json"));
	CU_ASSERT(has_header(&f, "Idempotency-Key: the-key"));
	CU_ASSERT(has_header(&f, "Authorization: Bearer t0ken"));
	CU_ASSERT(has_header(&f,
			     "X-Kvmlens-Signature: sha256="
			     "925e4bcf9c29ef6122c8406233494261613328112f5e564232463a59f4dd0728"));
	CU_ASSERT_STRING_EQUAL(f.request.url, "https://example.org/hook");
	finish(&f);
}

static void test_slack(void)
{
	struct fixture f;
	json_auto_t *json = NULL;
	json_t *attachments, *first;
	const char *text;

	begin(&f, CHANNEL_SLACK, 25, ALERT_FIRING);
	f.news[0].labels[0].value = "<!channel> & <https://evil.example/|me>";
	f.news[0].n.summary = "<!here> *x* \xc3\xa4";
	f.channel.url = NULL;
	f.secrets.url = (char *)"https://hooks.slack.example/SECRET";
	json = json_loads(render(&f), 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(json);
	expect_text(json_string_value(json_object_get(json, "text")),
		    "[FIRING] host-1: 25 alerts: VM waits for CPU; the first 20:");
	attachments = json_object_get(json, "attachments");
	CU_ASSERT_EQUAL(json_array_size(attachments), 20);
	first = json_array_get(attachments, 0);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(first, "color")), "#d00000");
	text = json_string_value(json_object_get(first, "text"));
	CU_ASSERT(g_str_has_prefix(text, "&lt;!here&gt; *x* \xc3\xa4\nvm=&lt;!channel&gt; &amp; "
					 "&lt;https://evil.example/|me&gt;, uuid=1111"));
	CU_ASSERT_PTR_NULL(strpbrk(text, "<>"));
	CU_ASSERT_STRING_EQUAL(f.request.url, "https://hooks.slack.example/SECRET");
	CU_ASSERT_PTR_NULL(strstr(f.request.body->str, "SECRET"));
	finish(&f);
}

static const char *text_at(json_t *json, const char *object, const char *key)
{
	return json_string_value(
		json_object_get(object ? json_object_get(json, object) : json, key));
}

static void test_alertmanager(void)
{
	struct fixture f;
	json_auto_t *json = NULL, *over = NULL;
	json_t *alert;

	begin(&f, CHANNEL_ALERTMANAGER, 2, ALERT_FIRING);
	f.channel.url = (char *)"http://127.0.0.1:9093/prefix/";
	f.news[1].labels[1].key = "9bad-key";
	json = json_loads(render(&f), 0, NULL);
	CU_ASSERT_EQUAL_FATAL(json_array_size(json), 2);
	CU_ASSERT_STRING_EQUAL(f.request.url, "http://127.0.0.1:9093/prefix/api/v2/alerts");
	alert = json_array_get(json, 0);
	CU_ASSERT_STRING_EQUAL(text_at(alert, "labels", "alertname"), "vm-ready");
	CU_ASSERT_STRING_EQUAL(text_at(alert, "labels", "vm"), "vm-0001");
	CU_ASSERT_STRING_EQUAL(text_at(alert, "labels", "severity"), "critical");
	CU_ASSERT_STRING_EQUAL(text_at(alert, "labels", "instance"), "host-1");
	CU_ASSERT_STRING_EQUAL(text_at(alert, "annotations", "value"), "42.5");
	CU_ASSERT_STRING_EQUAL(text_at(alert, NULL, "startsAt"), "2023-11-14T22:12:20.123Z");
	/* Four times the resend interval of a minute from when it is sent. */
	CU_ASSERT_STRING_EQUAL(text_at(alert, NULL, "endsAt"), "2023-11-14T22:17:25.123Z");
	CU_ASSERT_PTR_NOT_NULL(text_at(json_array_get(json, 1), "labels", "_bad_key"));
	finish(&f);

	begin(&f, CHANNEL_ALERTMANAGER, 1, ALERT_RESOLVED);
	f.channel.url = (char *)"http://127.0.0.1:9093/api/v2/alerts";
	over = json_loads(render(&f), 0, NULL);
	CU_ASSERT_STRING_EQUAL(f.request.url, "http://127.0.0.1:9093/api/v2/alerts");
	CU_ASSERT_STRING_EQUAL(text_at(json_array_get(over, 0), NULL, "endsAt"),
			       "2023-11-14T22:13:20.123Z");
	finish(&f);
}

/* Two pieces of news of one alert: its last state is what counts. */
static void test_alertmanager_last(void)
{
	struct fixture f;
	json_auto_t *json = NULL;

	begin(&f, CHANNEL_ALERTMANAGER, 2, ALERT_FIRING);
	f.news[1].n.alert_id = f.news[0].n.alert_id;
	f.news[1].n.value = 50;
	json = json_loads(render(&f), 0, NULL);
	CU_ASSERT_EQUAL_FATAL(json_array_size(json), 1);
	CU_ASSERT_STRING_EQUAL(text_at(json_array_get(json, 0), "annotations", "value"), "50");
	finish(&f);
}

static void test_email(void)
{
	struct fixture f;

	begin(&f, CHANNEL_EMAIL, 1, ALERT_FIRING);
	f.channel.url = (char *)"smtp://mail.example.org:587";
	f.channel.username = (char *)"user";
	f.secrets.password = (char *)"pass";
	expect_text(render(&f), "Date: Tue, 14 Nov 2023 22:13:25 +0000\r\n"
				"From: kvmlens <kvmlens@example.org>\r\n"
				"To: a@example.org,\r\n b@example.org\r\n"
				"Subject: [FIRING] host-1: ready time is 42.5 %\r\n"
				"Message-ID: <the-key@kvmlens.host-1>\r\n"
				"References: <0000000000000001@kvmlens.host-1>\r\n"
				"X-Kvmlens-Key: the-key\r\n"
				"Auto-Submitted: auto-generated\r\n"
				"MIME-Version: 1.0\r\n"
				"Content-Type: text/plain; charset=utf-8\r\n"
				"Content-Transfer-Encoding: quoted-printable\r\n"
				"\r\n"
				"ready time is 42.5 %\r\n"
				"vm=3Dvm-0001, uuid=3D11111111-2222-4333-8444-555555555555\r\n"
				"critical, rule vm-ready, since 2023-11-14T22:12:20.123Z\r\n"
				"vm.cpu.ready_time is 42.5 %, threshold 20 %\r\n"
				"More vCPUs want a CPU than there are.\r\n"
				"Move a VM away.\r\n"
				"\r\n"
				"--=20\r\n"
				"kvmlens on host-1\r\n");
	CU_ASSERT_STRING_EQUAL(f.request.from, "kvmlens@example.org");
	CU_ASSERT_EQUAL(f.request.to->len, 2);
	CU_ASSERT_STRING_EQUAL(f.request.password, "pass");
	CU_ASSERT_TRUE(f.request.starttls);
	finish(&f);
}

/* No line of a mail is anything but what was meant, nor longer than it may be. */
static void check_mail(const char *mail, unsigned headers)
{
	g_auto(GStrv) lines = g_strsplit(mail, "\r\n", -1);
	unsigned n = 0;

	for (char **line = lines; *line; line++) {
		CU_ASSERT_PTR_NULL(strpbrk(*line, "\r\n"));
		CU_ASSERT(strlen(*line) <= 200 + sizeof("Subject: "));
		for (const char *p = *line; *p; p++)
			CU_ASSERT(*p >= ' ' && *p <= '~');
	}
	for (char **line = lines; **line; line++)
		n += **line != ' ';
	CU_ASSERT_EQUAL(n, headers);
}

static void test_email_hostile(void)
{
	static const char evil[] = "x\r\nBcc: victim@example.org\r\n\r\n.\r\nMAIL FROM:<a@b>";
	struct fixture f;
	const char *mail;

	begin(&f, CHANNEL_EMAIL, 1, ALERT_FIRING);
	f.news[0].n.summary = f.news[0].labels[0].value = evil;
	f.news[0].n.description = "a\n.\n\rBcc: x\nFrom here \x01\xff";
	f.message.node = "node\r\nBcc: x@y";
	mail = render(&f);
	check_mail(mail, 11);
	CU_ASSERT_PTR_NULL(strstr(mail, "\nBcc:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(mail, "Message-ID: <the-key@kvmlens.node--Bcc--x-y>\r\n"));
	finish(&f);

	/* What looks like an encoded word, or is none, is one of ours. */
	begin(&f, CHANNEL_EMAIL, 1, ALERT_FIRING);
	f.news[0].n.summary = "=?UTF-8?Q?=0D=0ABcc:_x?=";
	mail = render(&f);
	check_mail(mail, 11);
	CU_ASSERT_PTR_NULL(strstr(mail, "=?UTF-8?Q?"));
	finish(&f);
}

static void test_email_utf8(void)
{
	struct fixture f;
	const char *mail, *at;
	g_autoptr(GString) subject = g_string_new(NULL);

	begin(&f, CHANNEL_EMAIL, 1, ALERT_FIRING);
	f.news[0].n.summary = "\xe6\x9c\xba\xe5\x99\xa8 \xc3\xa4\xc3\xb6\xc3\xbc "
			      "\xf0\x9f\x94\xa5\xf0\x9f\x94\xa5\xf0\x9f\x94\xa5\xf0\x9f\x94\xa5"
			      "\xf0\x9f\x94\xa5\xf0\x9f\x94\xa5\xf0\x9f\x94\xa5\xf0\x9f\x94\xa5"
			      " and the end of a subject that takes more than one word";
	f.news[0].n.description = "\xc3\xa4 = a \nx\n";
	mail = render(&f);
	check_mail(mail, 11);
	at = strstr(mail, "Subject: ");
	for (at = at ? strstr(at, "=?UTF-8?B?") : NULL; at && strstr(at, "?=");) {
		const char *end = strstr(at + 10, "?=");
		g_autofree char *word = g_strndup(at + 10, end - at - 10);
		g_autofree guchar *raw = NULL;
		gsize len;

		CU_ASSERT(end + 2 - at <= 75);
		raw = g_base64_decode(word, &len);
		CU_ASSERT(g_utf8_validate((char *)raw, (gssize)len, NULL));
		g_string_append_len(subject, (char *)raw, (gssize)len);
		at = g_str_has_prefix(end + 2, "\r\n =?UTF-8?B?") ? end + 5 : NULL;
	}
	CU_ASSERT(g_str_has_prefix(subject->str, "[FIRING] host-1: \xe6\x9c\xba"));
	CU_ASSERT(g_str_has_suffix(subject->str, "more than one word"));
	CU_ASSERT_PTR_NOT_NULL(strstr(mail, "\r\n=C3=A4 =3D a=20\r\nx\r\n"));
	finish(&f);
}

/* A datagram socket at path below the folder; what one attempt puts there. */
static char *journal_says(struct fixture *f, const char *path, enum outcome expected)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_autofree char *why = NULL;
	static char buf[65536];
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	f->channel.socket = (char *)path;
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL(channel_journal.send(&f->channel, &f->message, &why), expected);
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	CU_ASSERT_FATAL(n > 0);
	for (ssize_t i = 0; i < n; i++)
		buf[i] = buf[i] ? buf[i] : '0'; /* of the lengths */
	buf[n] = 0;
	close(fd);
	g_unlink(path);
	return g_strdup(buf);
}

static void test_journal(void)
{
	g_autofree char *dir = g_build_filename(folder, "journal", NULL);
	g_autofree char *native = g_build_filename(dir, "socket", NULL);
	g_autofree char *plain = g_build_filename(folder, "log", NULL);
	g_autofree char *field = NULL, *line = NULL, *why = NULL;
	struct fixture f;

	g_mkdir(dir, 0700);
	begin(&f, CHANNEL_JOURNAL, 1, ALERT_FIRING);
	f.news[0].labels[0].value = "a\nPRIORITY=0\nX=";
	field = journal_says(&f, native, OUTCOME_SENT);
	CU_ASSERT(g_str_has_prefix(field,
				   "MESSAGE=[FIRING] host-1: ready time is 42.5 %\nPRIORITY=2\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(field, "\nKVMLENS_KEY=0000000000000001-1\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(field, "\nKVMLENS_VM=a PRIORITY=0 X=\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(field, "\nKVMLENS_TEXT\n"));
	CU_ASSERT_PTR_NULL(strstr(field, "\nPRIORITY=0"));
	line = journal_says(&f, plain, OUTCOME_SENT);
	CU_ASSERT(g_str_has_prefix(line, "<26>kvmlens["));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "]: [FIRING] host-1: ready time is 42.5 %: "));
	CU_ASSERT_PTR_NULL(strchr(line, '\n'));
	CU_ASSERT_EQUAL(channel_journal.send(&f.channel, &f.message, &why), OUTCOME_RETRY);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "/log: No such file"));
	finish(&f);
	g_rmdir(dir);
}

static void test_judge(void)
{
	static const struct {
		struct answer answer;
		bool mail;
		enum outcome outcome;
	} cases[] = {
		{{CURLE_OK, 200, 0, 0, 10}, false, OUTCOME_SENT},
		{{CURLE_OK, 204, 0, 0, 10}, false, OUTCOME_SENT},
		{{CURLE_WRITE_ERROR, 200, 0, 0, 10}, false, OUTCOME_SENT},
		{{CURLE_OK, 301, 0, 0, 10}, false, OUTCOME_RETRY},
		{{CURLE_OK, 400, 0, 0, 10}, false, OUTCOME_REFUSED},
		{{CURLE_OK, 401, 0, 0, 10}, false, OUTCOME_RETRY},
		{{CURLE_OK, 404, 0, 0, 10}, false, OUTCOME_RETRY},
		{{CURLE_OK, 422, 0, 0, 10}, false, OUTCOME_REFUSED},
		{{CURLE_OK, 429, 0, 7, 10}, false, OUTCOME_RETRY},
		{{CURLE_OK, 500, 0, 0, 10}, false, OUTCOME_RETRY},
		{{CURLE_OPERATION_TIMEDOUT, 200, 0, 0, 10}, false, OUTCOME_RETRY},
		{{CURLE_COULDNT_CONNECT, 0, ECONNREFUSED, 0, 0}, false, OUTCOME_RETRY},
		{{CURLE_OK, 250, 0, 0, 10}, true, OUTCOME_SENT},
		{{CURLE_WEIRD_SERVER_REPLY, 554, 0, 0, 10}, true, OUTCOME_REFUSED},
		{{CURLE_WEIRD_SERVER_REPLY, 554, 0, 0, 0}, true, OUTCOME_RETRY},
		{{CURLE_WEIRD_SERVER_REPLY, 451, 0, 0, 10}, true, OUTCOME_RETRY},
		{{CURLE_SEND_ERROR, 550, 0, 0, 0}, true, OUTCOME_RETRY},
		{{CURLE_LOGIN_DENIED, 535, 0, 0, 0}, true, OUTCOME_RETRY},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *why = NULL;

		CU_ASSERT_EQUAL(attempt_judge(cases[i].mail, &cases[i].answer, &why),
				cases[i].outcome);
		CU_ASSERT_EQUAL(why == NULL, cases[i].outcome == OUTCOME_SENT);
	}
}

/* The word for a file with this content, which never holds any of that. */
static char *secret_error(const char *content, size_t len)
{
	g_autofree char *path = g_build_filename(folder, "secret", NULL);
	struct config_channel channel = {.type = CHANNEL_WEBHOOK, .secret_file = path};
	struct secrets secrets = {0};
	char *why = NULL;

	CU_ASSERT_TRUE(g_file_set_contents(path, content, (gssize)len, NULL));
	if (secrets_read(&channel, &secrets, &why) == 0)
		why = g_strdup_printf("read %s", secrets.secret);
	secrets_clear(&secrets);
	g_unlink(path);
	return why;
}

static void test_secrets(void)
{
	static const struct {
		const char *content;
		size_t len;
		const char *end;
	} cases[] = {
		{"hunter2\n", 8, "read hunter2"},
		{" a b \r\n\n", 8, "read a b"},
		{"", 0, "/secret: is empty"},
		{"\n", 1, "/secret: is empty"},
		{"one\ntwo", 7, "/secret: does not hold one line of text"},
		{"on\0e", 4, "/secret: does not hold one line of text"},
		{"\xff\xfe", 2, "/secret: does not hold one line of text"},
	};
	g_autofree char *long_text = g_strnfill(5000, 'x'), *too_long = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *why = secret_error(cases[i].content, cases[i].len);

		CU_ASSERT(g_str_has_suffix(why, cases[i].end));
	}
	too_long = secret_error(long_text, 5000);
	CU_ASSERT(g_str_has_suffix(too_long, "/secret: is too long"));
}

/* Neither a pipe that nobody writes nor a missing file makes anybody wait. */
static void test_secrets_odd(void)
{
	g_autofree char *path = g_build_filename(folder, "fifo", NULL);
	struct config_channel channel = {.type = CHANNEL_SLACK, .url_file = path};
	g_autofree char *missing = NULL, *fifo = NULL, *scheme = NULL, *clear = NULL;
	struct secrets secrets = {0};

	CU_ASSERT_EQUAL(secrets_read(&channel, &secrets, &missing), -ENOENT);
	CU_ASSERT(g_str_has_prefix(missing, "url_file: "));
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(secrets_read(&channel, &secrets, &fifo), -EINVAL);
	g_unlink(path);
	CU_ASSERT_TRUE(g_file_set_contents(path, "ftp://SECRET", -1, NULL));
	CU_ASSERT_EQUAL(secrets_read(&channel, &secrets, &scheme), -EINVAL);
	CU_ASSERT_PTR_NULL(strstr(scheme, "SECRET"));
	/* What a URL of the configuration may not do, one of a file may not either. */
	channel.type = CHANNEL_WEBHOOK;
	channel.token_file = path;
	CU_ASSERT_TRUE(g_file_set_contents(path, "http://SECRET.example.org/", -1, NULL));
	CU_ASSERT_EQUAL(secrets_read(&channel, &secrets, &clear), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(clear, "clear text"));
	CU_ASSERT_PTR_NULL(strstr(clear, "SECRET"));
	g_unlink(path);
}

static void test_request(void)
{
	struct fixture f;
	struct request back = {0};
	json_auto_t *json = NULL, *bad = NULL;

	begin(&f, CHANNEL_EMAIL, 1, ALERT_FIRING);
	render(&f);
	json = request_encode(&f.request);
	CU_ASSERT_EQUAL_FATAL(request_decode(json, &back), 0);
	CU_ASSERT(g_string_equal(back.body, f.request.body));
	CU_ASSERT_STRING_EQUAL(back.from, f.request.from);
	CU_ASSERT_STRING_EQUAL(g_ptr_array_index(back.to, 1), "b@example.org");
	CU_ASSERT_PTR_NULL(back.username);
	CU_ASSERT_PTR_NULL(back.ca);
	CU_ASSERT_TRUE(back.starttls);
	CU_ASSERT_EQUAL(back.timeout_ms, 10000);
	request_clear(&back);
	finish(&f);
	bad = json_loads("{\"url\":1}", 0, NULL);
	CU_ASSERT_EQUAL(request_decode(bad, &back), -EBADMSG);
}

static void test_absent_numbers(void)
{
	struct fixture f;

	begin(&f, CHANNEL_WEBHOOK, 1, ALERT_NODATA);
	f.news[0].n.value = NAN;
	CU_ASSERT_PTR_NOT_NULL(strstr(render(&f), "\"status\":\"nodata\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(f.request.body->str, "\"value\":null"));
	finish(&f);
}

/* What PagerDuty's Events API v2 documents: required members, the same key for the end. */
static void test_pagerduty(void)
{
	json_auto_t *open = NULL, *close = NULL;
	json_t *payload;
	struct fixture f;

	begin(&f, CHANNEL_PAGERDUTY, 1, ALERT_FIRING);
	f.secrets.token = (char *)"R0UT1NG";
	f.news[0].labels[0].value = "a\"b\\\n${token}";
	open = json_loads(render(&f), 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(open);
	CU_ASSERT_STRING_EQUAL(f.request.url, "https://events.pagerduty.com/v2/enqueue");
	CU_ASSERT_STRING_EQUAL(text_at(open, NULL, "routing_key"), "R0UT1NG");
	CU_ASSERT_STRING_EQUAL(text_at(open, NULL, "event_action"), "trigger");
	CU_ASSERT_STRING_EQUAL(text_at(open, NULL, "dedup_key"), "host-1-0000000000000001");
	payload = json_object_get(open, "payload");
	CU_ASSERT_STRING_EQUAL(text_at(payload, NULL, "summary"), "ready time is 42.5 %");
	CU_ASSERT_STRING_EQUAL(text_at(payload, NULL, "source"), "host-1");
	CU_ASSERT_STRING_EQUAL(text_at(payload, NULL, "severity"), "critical");
	CU_ASSERT_STRING_EQUAL(text_at(payload, NULL, "timestamp"), "2023-11-14T22:13:20.123Z");
	/* What a VM is called is text alone. */
	CU_ASSERT_STRING_EQUAL(text_at(payload, NULL, "component"), "a\"b\\\n${token}");
	CU_ASSERT_FALSE(has_header(&f, "Authorization: Bearer R0UT1NG"));
	finish(&f);
	begin(&f, CHANNEL_PAGERDUTY, 1, ALERT_RESOLVED);
	f.secrets.token = (char *)"R0UT1NG";
	close = json_loads(render(&f), 0, NULL);
	CU_ASSERT_STRING_EQUAL(text_at(close, NULL, "event_action"), "resolve");
	CU_ASSERT_STRING_EQUAL(text_at(close, NULL, "dedup_key"), "host-1-0000000000000001");
	finish(&f);
}

static void test_opsgenie(void)
{
	json_auto_t *open = NULL;
	struct fixture f;
	char *long_text = g_strnfill(400, 'x');

	begin(&f, CHANNEL_OPSGENIE, 1, ALERT_FIRING);
	f.secrets.token = (char *)"K3Y";
	f.news[0].n.summary = long_text;
	open = json_loads(render(&f), 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(open);
	CU_ASSERT_STRING_EQUAL(f.request.url, "https://api.opsgenie.com/v2/alerts");
	CU_ASSERT_TRUE(has_header(&f, "Authorization: GenieKey K3Y"));
	CU_ASSERT_EQUAL(strlen(text_at(open, NULL, "message")), 130);
	CU_ASSERT_STRING_EQUAL(text_at(open, NULL, "alias"), "host-1-0000000000000001");
	CU_ASSERT_STRING_EQUAL(text_at(open, NULL, "priority"), "P1");
	finish(&f);
	begin(&f, CHANNEL_OPSGENIE, 1, ALERT_RESOLVED);
	f.message.node = "host/1 a";
	f.channel.url = (char *)"https://api.eu.opsgenie.com/";
	render(&f);
	CU_ASSERT_STRING_EQUAL(
		f.request.url,
		"https://api.eu.opsgenie.com/v2/alerts/host%2F1%20a-0000000000000001/"
		"close?identifierType=alias");
	finish(&f);
	g_free(long_text);
}

static void test_teams(void)
{
	json_auto_t *card = NULL;
	json_t *content;
	struct fixture f;

	begin(&f, CHANNEL_TEAMS, 3, ALERT_FIRING);
	f.news[1].labels[0].value = "[x](https://evil.example)";
	card = json_loads(render(&f), 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(card);
	content =
		json_object_get(json_array_get(json_object_get(card, "attachments"), 0), "content");
	CU_ASSERT_STRING_EQUAL(text_at(content, NULL, "type"), "AdaptiveCard");
	CU_ASSERT_STRING_EQUAL(text_at(content, NULL, "$schema"),
			       "http://adaptivecards.io/schemas/adaptive-card.json");
	/* Texts stand where no markdown is known. */
	CU_ASSERT_PTR_NOT_NULL(strstr(f.request.body->str, "TextRun"));
	CU_ASSERT_PTR_NULL(strstr(f.request.body->str, "\"TextBlock\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(f.request.body->str, "vm-0003"));
	finish(&f);
}

/* A body of the operator's own, headers with the token where a service wants it. */
static void test_template(void)
{
	static const char text[] =
		"channels:\n- name: a\n  type: webhook\n  url: https://example.org/x\n"
		"  token_file: /x\n  headers: [\"X-Key: ${token}\", \"X-Vm: ${vm}\"]\n"
		"  body: |\n    {\"t\": \"${title:7} $$5 ${labels.vm} ${annotations.no}\", \"v\": ${value},\n"
		"     \"n\": ${count}, \"all\": ${alerts}}\n"
		"- {name: b, type: webhook, url: \"https://x\", content_type: "
		"application/x-www-form-urlencoded, body: \"text=${summary}&vm=${vm}\"}\n";
	g_autofree char *error = NULL;
	json_auto_t *json = NULL;
	struct fixture f;

	begin(&f, CHANNEL_WEBHOOK, 2, ALERT_FIRING);
	CU_ASSERT_EQUAL_FATAL(config_load_text(f.config, "f", text, strlen(text), &error), 0);
	f.channel = f.config->channels[0];
	f.secrets.token = (char *)"t0ken";
	f.news[0].labels[0].value = "a\r\nX-Evil: 1 \"";
	json = json_loads(render(&f), 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(json);
	CU_ASSERT_STRING_EQUAL(text_at(json, NULL, "t"), "[FIRING $5 a \nX-Evil: 1 \" ");
	CU_ASSERT_EQUAL(json_number_value(json_object_get(json, "v")), 42.5);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json, "n")), 2);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(json, "all")), 2);
	CU_ASSERT_TRUE(has_header(&f, "X-Key: t0ken"));
	CU_ASSERT_TRUE(has_header(&f, "X-Vm: a  X-Evil: 1 \""));
	CU_ASSERT_FALSE(has_header(&f, "Authorization: Bearer t0ken"));
	request_clear(&f.request);
	f.news[0].n.value = NAN;
	CU_ASSERT_PTR_NOT_NULL(strstr(render(&f), "\"v\": null"));
	request_clear(&f.request);
	f.channel = f.config->channels[1];
	f.secrets.token = NULL;
	expect_text(render(&f),
		    "text=ready%20time%20is%2042.5%20%25&vm=a%20%0AX-Evil%3A%201%20%22");
	CU_ASSERT_TRUE(has_header(&f, "Content-Type: application/x-www-form-urlencoded"));
	finish(&f);
}

/* A list of channels of one type with every key it takes, as the options' examples write them. */
static char *every_key(enum channel_type type, bool files)
{
	bool mail = type == CHANNEL_EMAIL;
	GString *text = g_string_new("channels:\n- name: a\n");

	g_string_append_printf(text, "  type: %s\n", config_channel_type_name(type));
	for (const struct config_option *o = channel_options; o->kind != OPTION_END; o++) {
		bool user =
			strcmp(o->name, "username") == 0 || strcmp(o->name, "password_file") == 0;

		if (o->required || !config_channel_takes(type, o->name))
			continue;
		/* Of two keys that exclude each other, one at a time. */
		if (strcmp(o->name, files ? "url" : "url_file") == 0 || (!mail && user && !files))
			continue;
		if (strcmp(o->name, "token_file") == 0 && files &&
		    config_channel_takes(type, "username"))
			continue;
		if (strcmp(o->name, "url") == 0 && !mail)
			g_string_append(text, "  url: \"https://example.org/hook\"\n");
		else
			g_string_append_printf(text, "  %s\n", o->example);
	}
	return g_string_free(text, FALSE);
}

static void expect_list(char *const *list, size_t n)
{
	CU_ASSERT_TRUE_FATAL(n >= 2);
	for (size_t i = 0; i < n; i++)
		CU_ASSERT_PTR_NOT_NULL_FATAL(list[i]);
	CU_ASSERT_PTR_NULL(list[n]);
}

/* Each type with all that it may have, from its text to its message. */
static void test_every_key(void)
{
	for (int i = 0; i < 2 * CHANNEL_TYPES; i++) {
		g_autofree char *text = every_key(i / 2, i % 2), *error = NULL;
		struct fixture f;

		begin(&f, i / 2, 3, ALERT_FIRING);
		if (config_load_text(f.config, "f", text, strlen(text), &error))
			printf("\n%s\n%s\n", error, text);
		CU_ASSERT_PTR_NULL_FATAL(error);
		CU_ASSERT_EQUAL_FATAL(f.config->n_channels, 1);
		f.channel = f.config->channels[0];
		if (i / 2 == CHANNEL_EMAIL)
			expect_list(f.channel.to, f.channel.n_to);
		f.secrets = (struct secrets){.url = (char *)"https://example.org/hook",
					     .password = (char *)"password",
					     .token = (char *)"token",
					     .secret = (char *)"secret"};
		if (channel_ops_of(f.channel.type)->render) {
			CU_ASSERT_TRUE(strlen(render(&f)) > 0);
			CU_ASSERT_TRUE(strlen(f.request.url) > 0);
		}
		finish(&f);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"each type with every key", test_every_key},
		{"PagerDuty", test_pagerduty},
		{"Opsgenie", test_opsgenie},
		{"Teams", test_teams},
		{"templates", test_template},
		{"webhook", test_webhook},
		{"slack", test_slack},
		{"alertmanager", test_alertmanager},
		{"alertmanager: the last state", test_alertmanager_last},
		{"email", test_email},
		{"email with hostile names", test_email_hostile},
		{"email in UTF-8", test_email_utf8},
		{"journal and syslog", test_journal},
		{"what an answer means", test_judge},
		{"secrets", test_secrets},
		{"odd files of secrets", test_secrets_odd},
		{"the way to the sender", test_request},
		{"absent numbers", test_absent_numbers},
		CU_TEST_INFO_NULL,
	};
	int r;

	folder = g_dir_make_tmp("kvmlens-channels-XXXXXX", NULL);
	r = suite_run("alert channels", tests);
	g_rmdir(folder);
	g_free(folder);
	return r;
}
