// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "alert/channel.h"
#include "util/text.h"

#define SECRET_MAX 4096
#define CA_MAX (1024 * 1024)

/* At most max bytes of a regular file, without waiting for a pipe or a device. */
static int read_file(const char *path, size_t max, GString *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = 0;
	int err = 0;

	if (fd < 0)
		return -errno;
	g_string_set_size(text, max + 1);
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if ((n = read(fd, text->str, max + 1)) < 0)
		err = -errno;
	g_string_set_size(text, (gsize)MAX(n, 0));
	close(fd);
	return err ? err : (size_t)n > max ? -EFBIG : 0;
}

static const char *what_is_wrong(int err)
{
	return err == -EINVAL	 ? "is no regular file"
	       : err == -EFBIG	 ? "is too long"
	       : err == -EBADMSG ? "does not hold one line of text"
	       : err == -ENODATA ? "is empty"
				 : g_strerror(-err);
}

static int fail(const char *key, const char *path, int err, char **ret_why)
{
	g_autofree char *shown = text_path(path);

	*ret_why = g_strdup_printf("%s: %s: %s", key, shown, what_is_wrong(err));
	return err;
}

/* One line; what stands around it is not part of it. */
static int check_line(GString *text)
{
	g_autofree char *line = g_strdup(text->str);

	if (strlen(text->str) != text->len || !g_utf8_validate(text->str, -1, NULL))
		return -EBADMSG;
	g_string_assign(text, g_strstrip(line));
	explicit_bzero(line, strlen(line));
	for (const char *p = text->str; *p; p++)
		if (g_ascii_iscntrl(*p))
			return -EBADMSG;
	return text->len ? 0 : -ENODATA;
}

static int read_one(const char *key, const char *path, char **ret_text, char **ret_why)
{
	bool ca = strcmp(key, "ca_file") == 0;
	GString *text;
	int err;

	if (!path)
		return 0;
	text = g_string_new(NULL);
	err = read_file(path, ca ? CA_MAX : SECRET_MAX, text);
	if (!err && !ca)
		err = check_line(text);
	else if (!err && !g_utf8_validate(text->str, (gssize)text->len, NULL))
		err = -EBADMSG;
	*ret_text = err ? NULL : g_strdup(text->str);
	explicit_bzero(text->str, text->len);
	g_string_free(text, TRUE);
	return err ? fail(key, path, err, ret_why) : 0;
}

/* A URL in a file is checked here, as the configuration checks one of its own. */
static int check_url(const struct config_channel *channel, const struct secrets *secrets,
		     char **ret_why)
{
	bool mail = channel->type == CHANNEL_EMAIL;
	const char *const safe = mail ? "smtps://" : "https://";
	const char *const plain = mail ? "smtp://" : "http://";

	if (!secrets->url)
		return 0;
	if (!g_str_has_prefix(secrets->url, safe) && !g_str_has_prefix(secrets->url, plain))
		*ret_why = g_strdup_printf("url_file: what it holds does not begin with %s or %s",
					   safe, plain);
	else if (config_channel_exposes(channel, secrets->url))
		*ret_why = g_strdup_printf("url_file: it would send its secret in clear text; "
					   "use %s",
					   safe);
	else
		return 0;
	return -EINVAL;
}

int secrets_read(const struct config_channel *channel, struct secrets *ret_secrets, char **ret_why)
{
	struct secrets s = {0};
	int err = read_one("url_file", channel->url_file, &s.url, ret_why);

	err = err ?: read_one("password_file", channel->password_file, &s.password, ret_why);
	err = err ?: read_one("token_file", channel->token_file, &s.token, ret_why);
	err = err ?: read_one("secret_file", channel->secret_file, &s.secret, ret_why);
	err = err ?: read_one("ca_file", channel->ca_file, &s.ca, ret_why);
	err = err ?: check_url(channel, &s, ret_why);
	if (err)
		secrets_clear(&s);
	else
		*ret_secrets = s;
	return err;
}

static void forget(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	g_clear_pointer(text, g_free);
}

void secrets_clear(struct secrets *secrets)
{
	forget(&secrets->url);
	forget(&secrets->password);
	forget(&secrets->token);
	forget(&secrets->secret);
	forget(&secrets->ca);
}

struct finding {
	const struct config *config;
	const struct config_channel *channel;
	GString *mistakes, *warnings;
};

/* "FILE:LINE: channel NAME: " and what is wrong. */
static void note(const struct finding *f, GString *lines, const char *what)
{
	g_autofree char *shown = f->config->path ? text_path(f->config->path) : g_strdup("?");

	g_string_append_printf(lines, "%s%s:%u: channel %s: %s", lines->len ? "\n" : "", shown,
			       f->channel->line, f->channel->name, what);
}

static void check_one(const struct finding *f, const char *key, const char *path, char **ret_text)
{
	g_autofree char *why = NULL, *shown = NULL, *what = NULL;
	struct stat st;
	int err = read_one(key, path, ret_text, &why);

	if (err)
		note(f, err == -EACCES && geteuid() ? f->warnings : f->mistakes, why);
	if (!path || strcmp(key, "ca_file") == 0 || stat(path, &st) < 0 || !(st.st_mode & 0007))
		return;
	shown = text_path(path);
	what = g_strdup_printf("%s: %s is a secret that every user can %s; run chmod o= on it", key,
			       shown, st.st_mode & 0004 ? "read" : "change");
	note(f, f->warnings, what);
}

static void check_channel(const struct finding *f)
{
	const struct config_channel *channel = f->channel;
	struct secrets s = {0};
	g_autofree char *why = NULL;

	check_one(f, "url_file", channel->url_file, &s.url);
	check_one(f, "password_file", channel->password_file, &s.password);
	check_one(f, "token_file", channel->token_file, &s.token);
	check_one(f, "secret_file", channel->secret_file, &s.secret);
	check_one(f, "ca_file", channel->ca_file, &s.ca);
	if (check_url(channel, &s, &why))
		note(f, f->mistakes, why);
	secrets_clear(&s);
}

void secrets_check(const struct config *config, GString *mistakes, GString *warnings)
{
	for (size_t i = 0; i < config->n_channels; i++)
		check_channel(&(struct finding){config, &config->channels[i], mistakes, warnings});
}
