// SPDX-License-Identifier: Apache-2.0
#include "web/access.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/document.h"
#include "util/text.h"

#define FILE_MAX (256 * 1024)
#define USERS_MAX 256

static const char *const client_names[] = {
	[ACCESS_CLIENT_NONE] = "NoClientCert",
	[ACCESS_CLIENT_REQUEST] = "RequestClientCert",
	[ACCESS_CLIENT_ANY] = "RequireAnyClientCert",
	[ACCESS_CLIENT_VERIFY_GIVEN] = "VerifyClientCertIfGiven",
	[ACCESS_CLIENT_VERIFY] = "RequireAndVerifyClientCert",
};

static void free_user(gpointer arg)
{
	struct access_user *user = arg;

	g_free(user->name);
	g_free(user->hash);
	g_free(user);
}

static struct access *access_new(void)
{
	struct access *access = g_new0(struct access, 1);

	access->users = g_ptr_array_new_with_free_func(free_user);
	access->files = g_ptr_array_new_with_free_func(g_free);
	return access;
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	g_free(text);
}

void access_free(struct access *access)
{
	if (!access)
		return;
	g_free(access->certificate);
	wipe(access->key);
	g_free(access->ca);
	g_ptr_array_unref(access->users);
	g_ptr_array_unref(access->files);
	g_free(access);
}

uint64_t access_stamp(const GPtrArray *files)
{
	uint64_t stamp = 0xcbf29ce484222325ull;

	for (guint i = 0; i < files->len; i++) {
		struct stat st = {0};
		uint64_t parts[5];

		if (stat(files->pdata[i], &st))
			st.st_size = -errno;
		parts[0] = st.st_dev;
		parts[1] = st.st_ino;
		parts[2] = st.st_size;
		parts[3] = st.st_mtim.tv_sec;
		parts[4] = st.st_mtim.tv_nsec;
		for (unsigned k = 0; k < G_N_ELEMENTS(parts); k++)
			stamp = (stamp ^ parts[k]) * 0x100000001b3ull;
	}
	return stamp;
}

/* --- reading the file ----------------------------------------------------------------------- */

struct loader {
	struct access *access;
	char *path;
	yaml_document_t document;
	char *cert_file, *key_file, *ca_file;
	bool has_tls;
	char **ret_error;
};

static int refuse(struct loader *loader, const char *key, const char *why)
{
	g_autofree char *shown = text_path(loader->path);

	g_free(*loader->ret_error);
	*loader->ret_error = g_strdup_printf("%s: %s%s%s", shown, key, *key ? ": " : "", why);
	return -EINVAL;
}

/* A regular file, whole, and noted as one that this was read from. Not to be waited for. */
static int read_whole(struct loader *loader, const char *path, char **ret_text)
{
	g_autofree char *text = g_malloc(FILE_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t len = 0;
	ssize_t n = 0;

	g_ptr_array_add(loader->access->files, g_strdup(path));
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	while (len <= FILE_MAX && (n = read(fd, text + len, FILE_MAX + 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	if (n < 0 || len > FILE_MAX)
		return n < 0 ? -EIO : -EFBIG;
	text[len] = 0;
	if (strlen(text) != len)
		return -EINVAL;
	*ret_text = g_strdup(text);
	explicit_bzero(text, len);
	return 0;
}

static int read_named(struct loader *loader, const char *key, const char *name, char **ret_text)
{
	g_autofree char *folder = g_path_get_dirname(loader->path);
	g_autofree char *path =
		g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(folder, name, NULL);
	g_autofree char *shown = text_path(path), *why = NULL;
	int r = read_whole(loader, path, ret_text);

	if (!r)
		return 0;
	why = g_strdup_printf("%s: %s", shown, g_strerror(-r));
	return refuse(loader, key, why);
}

static const char *scalar(const struct loader *loader, int index)
{
	const yaml_node_t *node =
		yaml_document_get_node((yaml_document_t *)&loader->document, index);

	return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
						      : NULL;
}

static int take_client(struct loader *loader, const char *value)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(client_names); i++) {
		if (!strcmp(value, client_names[i])) {
			loader->access->client = i;
			return 0;
		}
	}
	/* As the exporters called it before they followed Go. */
	if (!strcmp(value, "RequireClientCert")) {
		loader->access->client = ACCESS_CLIENT_ANY;
		return 0;
	}
	return refuse(loader, "client_auth_type",
		      "NoClientCert, RequestClientCert, RequireAnyClientCert, "
		      "VerifyClientCertIfGiven or RequireAndVerifyClientCert");
}

static int take_tls(struct loader *loader, const char *key, const char *value)
{
	if (!strcmp(key, "prefer_server_cipher_suites"))
		return 0;
	if (!value)
		return refuse(loader, key, "is not supported here; remove it");
	if (!strcmp(key, "cert_file"))
		loader->cert_file = g_strdup(value);
	else if (!strcmp(key, "key_file"))
		loader->key_file = g_strdup(value);
	else if (!strcmp(key, "client_ca_file"))
		loader->ca_file = g_strdup(value);
	else if (!strcmp(key, "client_auth_type"))
		return *value ? take_client(loader, value) : 0;
	else if (!strcmp(key, "min_version") && !strcmp(value, "TLS13"))
		loader->access->tls13 = true;
	else if (!strcmp(key, "min_version") && strcmp(value, "TLS12"))
		return refuse(loader, key, "TLS12 or TLS13; nothing older is spoken here");
	else if (!strcmp(key, "max_version") && strcmp(value, "TLS13"))
		return refuse(loader, key, "TLS13 is always spoken here; remove it");
	else if (strcmp(key, "min_version") && strcmp(key, "max_version"))
		return refuse(loader, key, "is not supported here; remove it");
	return 0;
}

static int take_http(struct loader *loader, const char *key, const char *value)
{
	/* Only HTTP/1.1 is spoken, whatever is asked for. */
	return strcmp(key, "http2") ? refuse(loader, key, "is not supported here; remove it") : 0;
}

/* $2a$, $2b$ or $2y$, a cost that is paid in less than about a second, and 53 characters. */
static bool is_bcrypt(const char *hash)
{
	return strlen(hash) == 60 && g_str_has_prefix(hash, "$2") && strchr("aby", hash[2]) &&
	       hash[3] == '$' && g_ascii_isdigit(hash[4]) && g_ascii_isdigit(hash[5]) &&
	       (hash[4] - '0') * 10 + hash[5] - '0' >= 4 &&
	       (hash[4] - '0') * 10 + hash[5] - '0' <= 14 && hash[6] == '$';
}

static int take_user(struct loader *loader, const char *key, const char *value)
{
	struct access_user *user;

	if (!value || !is_bcrypt(value))
		return refuse(loader, "basic_auth_users",
			      "a value is no bcrypt hash of a cost from 4 to 14; make one with "
			      "htpasswd -nBC 10 NAME");
	if (!*key || strchr(key, ':') || loader->access->users->len == USERS_MAX)
		return refuse(loader, "basic_auth_users",
			      "names are not empty and have no colon, and there are 256 at most");
	user = g_new(struct access_user, 1);
	*user = (struct access_user){g_strdup(key), g_strdup(value)};
	g_ptr_array_add(loader->access->users, user);
	return 0;
}

typedef int (*take_fn)(struct loader *loader, const char *key, const char *value);

/* Every pair of a mapping; an empty one may be left out. */
static int each_pair(struct loader *loader, const char *name, int index, take_fn take)
{
	const yaml_node_t *node = yaml_document_get_node(&loader->document, index);
	int r = 0;

	if (!node || (node->type == YAML_SCALAR_NODE && !*node->data.scalar.value))
		return 0;
	if (node->type != YAML_MAPPING_NODE)
		return refuse(loader, name, "is no mapping");
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top && !r; pair++) {
		const char *key = scalar(loader, pair->key);

		r = key ? take(loader, key, scalar(loader, pair->value))
			: refuse(loader, name, "has a key that is no text");
	}
	return r;
}

static int take_section(struct loader *loader, const yaml_node_pair_t *pair)
{
	const char *key = scalar(loader, pair->key);

	if (!g_strcmp0(key, "tls_server_config")) {
		loader->has_tls = true;
		return each_pair(loader, key, pair->value, take_tls);
	}
	if (!g_strcmp0(key, "http_server_config"))
		return each_pair(loader, key, pair->value, take_http);
	if (!g_strcmp0(key, "basic_auth_users"))
		return each_pair(loader, key, pair->value, take_user);
	return refuse(loader, key ?: "",
		      "unknown; tls_server_config, http_server_config and basic_auth_users are "
		      "known");
}

static int take_all(struct loader *loader)
{
	const yaml_node_t *root = yaml_document_get_root_node(&loader->document);
	int r = 0;

	if (!root)
		return 0; /* an empty file asks for nothing */
	if (root->type != YAML_MAPPING_NODE)
		return refuse(loader, "", "is no mapping");
	for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
	     pair < root->data.mapping.pairs.top && !r; pair++)
		r = take_section(loader, pair);
	return r;
}

/* Do certificate and key belong together, and is the CA one? Else the face could not start. */
static int check_credentials(struct loader *loader)
{
	struct access *access = loader->access;
	const gnutls_datum_t cert = {(unsigned char *)access->certificate,
				     (unsigned)strlen(access->certificate)};
	const gnutls_datum_t key = {(unsigned char *)access->key, (unsigned)strlen(access->key)};
	gnutls_certificate_credentials_t credentials;
	int r = gnutls_certificate_allocate_credentials(&credentials);

	if (r < 0)
		return -ENOMEM;
	r = gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
	if (r < 0) {
		refuse(loader, "cert_file and key_file", gnutls_strerror(r));
	} else if (access->ca) {
		const gnutls_datum_t ca = {(unsigned char *)access->ca,
					   (unsigned)strlen(access->ca)};

		r = gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM);
		if (r <= 0) {
			r = -1;
			refuse(loader, "client_ca_file", "has no certificate");
		}
	}
	gnutls_certificate_free_credentials(credentials);
	return r < 0 ? -EINVAL : 0;
}

static int load_tls(struct loader *loader)
{
	struct access *access = loader->access;
	bool verifies = access->client >= ACCESS_CLIENT_VERIFY_GIVEN;
	int r;

	if (!loader->has_tls)
		return 0;
	if (!loader->cert_file || !loader->key_file)
		return refuse(loader, "tls_server_config", "needs cert_file and key_file");
	if (verifies && !loader->ca_file)
		return refuse(loader, "client_auth_type", "needs client_ca_file");
	if (loader->ca_file && !verifies)
		return refuse(loader, "client_ca_file",
			      "needs client_auth_type: RequireAndVerifyClientCert, or it would "
			      "keep nobody out");
	r = read_named(loader, "cert_file", loader->cert_file, &access->certificate);
	r = r ?: read_named(loader, "key_file", loader->key_file, &access->key);
	if (!r && loader->ca_file)
		r = read_named(loader, "client_ca_file", loader->ca_file, &access->ca);
	r = r ?: check_credentials(loader);
	access->tls = !r;
	return r;
}

static int load_text(struct loader *loader, const char *text)
{
	g_autoptr(GString) why = g_string_new(NULL);
	int r = document_parse(text, strlen(text), &loader->document, why);

	if (r)
		return refuse(loader, "", g_strchomp(why->str));
	r = take_all(loader);
	yaml_document_delete(&loader->document);
	return r ?: load_tls(loader);
}

int access_load(const char *path, struct access **ret_access, char **ret_error)
{
	struct loader loader = {.access = access_new(), .path = g_strdup(path)};
	g_autofree char *text = NULL;
	int r;

	loader.ret_error = ret_error;
	r = read_whole(&loader, path, &text);
	if (r)
		(void)refuse(&loader, "", g_strerror(-r));
	r = r ?: load_text(&loader, text);
	loader.access->stamp = access_stamp(loader.access->files);
	g_free(loader.path);
	g_free(loader.cert_file);
	g_free(loader.key_file);
	g_free(loader.ca_file);
	if (r)
		access_free(loader.access);
	else
		*ret_access = loader.access;
	return r;
}

/* --- crossing to the face ------------------------------------------------------------------- */

char *access_encode(const struct access *access)
{
	json_auto_t *users = json_object();
	json_auto_t *json = NULL;

	for (guint i = 0; i < access->users->len; i++) {
		const struct access_user *user = access->users->pdata[i];

		json_object_set_new_nocheck(users, user->name, json_string_nocheck(user->hash));
	}
	json = json_pack("{sb sb si ss* ss* ss* sO}", "tls", access->tls, "tls13", access->tls13,
			 "client", (int)access->client, "certificate", access->certificate, "key",
			 access->key, "ca", access->ca, "users", users);
	return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

struct access *access_decode(const char *text, size_t len)
{
	json_auto_t *json = json_loadb(text, len, 0, NULL);
	const char *certificate = NULL, *key = NULL, *ca = NULL, *name;
	struct access *access;
	json_t *users, *hash;
	int tls, tls13, client;

	if (!json || json_unpack(json, "{sb sb si s?s s?s s?s so}", "tls", &tls, "tls13", &tls13,
				 "client", &client, "certificate", &certificate, "key", &key, "ca",
				 &ca, "users", &users))
		return NULL;
	if (client < 0 || client > ACCESS_CLIENT_VERIFY || (tls && (!certificate || !key)) ||
	    !json_is_object(users))
		return NULL;
	access = access_new();
	access->tls = tls;
	access->tls13 = tls13;
	access->client = client;
	access->certificate = g_strdup(certificate);
	access->key = g_strdup(key);
	access->ca = g_strdup(ca);
	json_object_foreach(users, name, hash)
	{
		struct access_user *user = g_new(struct access_user, 1);

		*user = (struct access_user){g_strdup(name),
					     g_strdup(json_string_value(hash) ?: "")};
		g_ptr_array_add(access->users, user);
	}
	return access;
}
