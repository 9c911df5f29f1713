/* SPDX-License-Identifier: Apache-2.0 */
/* The section "channels": what a good one gives, and the word for each mistake. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include "config/config.h"
#include "suite.h"

typedef struct config config_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(config_t, config_free)

static int load(struct config *config, const char *text, char **ret_error)
{
	return config_load_text(config, "f", text, strlen(text), ret_error);
}

static void test_good(void)
{
	static const char text[] =
		"channels:\n"
		"- {name: mail, type: email, url: \"smtp://mail.example.org:587\",\n"
		"   from: kvmlens@example.org, to: [a@example.org, b@example.org],\n"
		"   username: k, password_file: /etc/kvmlens/mail.password, timeout: 3s}\n"
		"- {name: chat, type: slack, url_file: /etc/kvmlens/slack.url}\n"
		"- {name: hook, type: webhook, url: \"http://10.0.0.1/x\", secret_file: /s,\n"
		"   group_wait: 0s, max_waiting: 7, max_age: 1h}\n"
		"- {name: am, type: alertmanager, url: \"http://[::1]:9093\", token_file: /t,\n"
		"   resend: 30s}\n"
		"- {name: log, type: journal}\n";
	g_autoptr(config_t) c = config_new();
	g_autofree char *error = NULL;

	CU_ASSERT_EQUAL(c->n_channels, 0);
	CU_ASSERT_EQUAL_FATAL(load(c, text, &error), 0);
	CU_ASSERT_EQUAL_FATAL(c->n_channels, 5);
	CU_ASSERT_EQUAL(c->channels[0].type, CHANNEL_EMAIL);
	CU_ASSERT_EQUAL_FATAL(c->channels[0].n_to, 2);
	CU_ASSERT_STRING_EQUAL(c->channels[0].to[1], "b@example.org");
	CU_ASSERT_EQUAL(c->channels[0].timeout_ms, 3000);
	CU_ASSERT_TRUE(c->channels[0].starttls);
	CU_ASSERT_EQUAL(c->channels[0].max_waiting, 10000);
	CU_ASSERT_EQUAL(c->channels[0].retry_max_ms, 300000);
	CU_ASSERT_PTR_NULL(c->channels[1].url);
	CU_ASSERT_STRING_EQUAL(c->channels[1].url_file, "/etc/kvmlens/slack.url");
	CU_ASSERT_EQUAL(c->channels[2].group_wait_ms, 0);
	CU_ASSERT_EQUAL(c->channels[2].max_age_s, 3600);
	CU_ASSERT_EQUAL(c->channels[3].resend_ms, 30000);
	CU_ASSERT_EQUAL(c->channels[4].type, CHANNEL_JOURNAL);
	CU_ASSERT_STRING_EQUAL(config_channel_type_name(CHANNEL_ALERTMANAGER), "alertmanager");
}

/* Each on line 2; NULL stands for the same words as above it. */
static const struct {
	const char *item, *error;
} mistakes[] = {
	{"{type: journal}", "\"name\" is missing; add for example name: mail"},
	{"{name: a}", "\"type\" is missing; add for example type: email"},
	{"{name: \"a b\", type: journal}",
	 ".name: is no channel's name; use letters, digits, -, _ and ."},
	{"{name: a, type: emial}", ".type: \"emial\" is not known; did you mean \"email\"?"},
	{"{name: a, type: slack, pasword_file: /x}",
	 "unknown key \"pasword_file\"; did you mean \"password_file\"?"},
	{"{name: a, type: slack}", "\"url\" is missing; add for example"},
	{"{name: a, type: slack, url: \"https://x/\", url_file: /x}",
	 "has both \"url\" and \"url_file\"; keep one"},
	{"{name: a, type: slack, url: \"ftp://x/\"}",
	 "its \"url\" must begin with https:// or http://"},
	{"{name: a, type: slack, url: \"https://u:p@x/\"}", "holds a user name; use username"},
	{"{name: a, type: slack, url: \"https://x/\", secret_file: /x}",
	 "\"secret_file\" has no meaning for type slack; remove it"},
	{"{name: a, type: journal, to: [a@b]}", "\"to\" has no meaning for type journal"},
	{"{name: a, type: email, url: \"smtp://x\", from: a@b}",
	 "\"to\" is missing for type email; add for example to: [ops@example.org, "},
	{"{name: a, type: email, url: \"smtp://x\", from: a@b, to: []}", "\"to\" is missing"},
	{"{name: a, type: email, url: \"https://x\", from: a@b, to: c@d}",
	 "its \"url\" must begin with smtps:// or smtp://"},
	{"{name: a, type: email, url: \"smtp://x\", from: nobody, to: c@d}",
	 ".from: is no mail address; write one like ops@example.org"},
	{"{name: a, type: email, url: \"smtp://x\", from: a@b, to: [\"c@d>,<e@f\"]}",
	 ".to: is no mail address"},
	{"{name: a, type: webhook, url: \"http://x/\", username: u}",
	 "\"username\" and \"password_file\" belong together"},
	{"{name: a, type: webhook, url: \"https://x\", username: u, password_file: /p, "
	 "token_file: /t}",
	 "has both \"username\" and \"token_file\"; keep one"},
	{"{name: a, type: webhook, url: \"http://x/\", token_file: /t}",
	 "would send its secret in clear text; use https://"},
	{"{name: a, type: webhook, url: \"http://localhost.example.org/\", token_file: /t}",
	 "would send its secret in clear text"},
	{"{name: a, type: email, url: \"smtp://x\", from: a@b, to: c@d, username: u, "
	 "password_file: /p, starttls: false}",
	 "would send its secret in clear text; use smtps://"},
	{"{name: a, type: webhook, url: \"https://x/\", token_file: t}",
	 ".token_file: is no absolute path; begin it with /"},
	{"{name: a, type: journal, timeout: 1ms}", ".timeout: \"1ms\" is out of range; use 100ms"},
	{"{name: a, type: journal, max_waiting: 0}", ".max_waiting: \"0\" is out of range"},
};

static void test_mistakes(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autofree char *text = g_strdup_printf("channels:\n- %s\n", mistakes[i].item);
		g_autoptr(config_t) c = config_new();
		g_autofree char *error = NULL;

		CU_ASSERT_EQUAL(load(c, text, &error), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(error);
		CU_ASSERT(g_str_has_prefix(error, "f:2: channels"));
		if (!strstr(error, mistakes[i].error))
			printf("\n  got %s\n  not %s\n", error, mistakes[i].error);
		CU_ASSERT_PTR_NOT_NULL(strstr(error, mistakes[i].error));
		CU_ASSERT_EQUAL(c->n_channels, 0);
	}
}

static void test_twice(void)
{
	g_autoptr(config_t) c = config_new();
	g_autofree char *error = NULL;

	CU_ASSERT_EQUAL(load(c,
			     "channels:\n- {name: a, type: journal}\n- {name: b, type: journal}\n"
			     "- {name: a, type: journal}\n",
			     &error),
			-EINVAL);
	CU_ASSERT_STRING_EQUAL(error, "f:4: channels: has the \"name\" of an item above; choose "
				      "another");
}

/* Secrets in clear text stay on this host. */
static void test_loopback(void)
{
	static const char *const urls[] = {"http://127.0.0.1:1/x", "http://localhost/",
					   "http://localhost:8080/", "http://[::1]/"};
	/* Whose they are only they themselves know. */
	static const char *const others[] = {"http://127.0.0.1.example.org/",
					     "http://127.example.org:80/",
					     "http://localhost.example.org/"};

	for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
		g_autofree char *text = g_strdup_printf("channels: [{name: a, type: webhook, "
							"token_file: /t, url: \"%s\"}]\n",
							urls[i]);
		g_autoptr(config_t) c = config_new();
		g_autofree char *error = NULL;

		CU_ASSERT_EQUAL(load(c, text, &error), 0);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
		const struct config_channel channel = {.type = CHANNEL_WEBHOOK,
						       .token_file = (char *)"/t"};

		CU_ASSERT_TRUE(config_channel_exposes(&channel, others[i]));
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a good section", test_good},
		{"mistakes", test_mistakes},
		{"a name given twice", test_twice},
		{"loopback", test_loopback},
		CU_TEST_INFO_NULL,
	};

	return suite_run("channels", tests);
}
