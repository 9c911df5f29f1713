// SPDX-License-Identifier: Apache-2.0
#include "web/gate.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define CREDENTIALS_MAX 1024

/* A hash that no password has: who guesses names shall not see by the time which there are. */
#define NOBODYS_HASH "$2b$10$......................................................"

int gate_init(struct gate *gate, const struct access *access, bool loopback)
{
	*gate = (struct gate){.access = access, .loopback = loopback, .hashes = GATE_HASHES};
	return getrandom(gate->key, sizeof(gate->key), 0) == sizeof(gate->key) ? 0 : -EIO;
}

bool gate_is_local(const char *host)
{
	g_autofree char *name = NULL;
	struct in6_addr in6;
	struct in_addr in;
	size_t len;

	if (host[0] == '[') {
		len = strcspn(host + 1, "]");
		name = g_strndup(host + 1, len);
		return host[1 + len] == ']' && inet_pton(AF_INET6, name, &in6) == 1;
	}
	name = g_strndup(host, strcspn(host, ":"));
	len = strlen(name);
	if (len && name[len - 1] == '.')
		name[len - 1] = 0;
	return inet_pton(AF_INET, name, &in) == 1 || !g_ascii_strcasecmp(name, "localhost") ||
	       g_str_has_suffix(name, ".localhost");
}

/* --- guesses -------------------------------------------------------------------------------- */

static struct gate_address *find_address(struct gate *gate, const uint8_t *address)
{
	for (unsigned i = 0; i < GATE_ADDRESSES; i++)
		if (gate->addresses[i].failures &&
		    !memcmp(gate->addresses[i].address, address, CONN_ADDRESS_LEN))
			return &gate->addresses[i];
	return NULL;
}

static void note_failure(struct gate *gate, const uint8_t *address, uint64_t now_ms)
{
	struct gate_address *found = find_address(gate, address), *oldest = gate->addresses;

	gate->failures++;
	for (unsigned i = 0; i < GATE_ADDRESSES && !found; i++) {
		struct gate_address *a = &gate->addresses[i];

		if (!a->failures || a->last_ms < oldest->last_ms)
			oldest = a;
		if (!a->failures)
			break;
	}
	if (!found) {
		found = oldest;
		*found = (struct gate_address){0};
		memcpy(found->address, address, CONN_ADDRESS_LEN);
	}
	found->failures = MIN(found->failures + 1, GATE_GUESSES);
	found->last_ms = now_ms;
}

static bool must_wait(struct gate *gate, const uint8_t *address, uint64_t now_ms)
{
	const struct gate_address *found = find_address(gate, address);

	return found && found->failures >= GATE_GUESSES && now_ms < found->last_ms + GATE_WAIT_MS;
}

static bool may_hash(struct gate *gate, uint64_t now_ms)
{
	uint64_t more = (now_ms - gate->hash_ms) / GATE_HASH_MS;

	if (more) {
		gate->hashes = (unsigned)MIN(gate->hashes + more, GATE_HASHES);
		gate->hash_ms = now_ms;
	}
	if (!gate->hashes)
		return false;
	gate->hashes--;
	return true;
}

/* --- passwords ------------------------------------------------------------------------------ */

static void digest_of(const struct gate *gate, const char *credentials, size_t len,
		      uint8_t ret_digest[GATE_DIGEST_LEN])
{
	GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, gate->key, sizeof(gate->key));
	gsize size = GATE_DIGEST_LEN;

	g_hmac_update(hmac, (const guchar *)credentials, (gssize)len);
	g_hmac_get_digest(hmac, ret_digest, &size);
	g_hmac_unref(hmac);
}

/* Digests under a key that nobody knows may be compared in any time. */
static bool is_known(const struct gate *gate, const uint8_t *digest)
{
	for (unsigned i = 0; i < MIN(gate->n_known, GATE_KNOWN); i++)
		if (!memcmp(gate->known[i], digest, GATE_DIGEST_LEN))
			return true;
	return false;
}

static bool same(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char differ = 0;

	if (len != strlen(b))
		return false;
	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return !differ;
}

static bool is_right(const struct access *access, const char *name, const char *password)
{
	const char *hash = NULL, *made;
	struct crypt_data *data = g_new0(struct crypt_data, 1);
	bool right;

	for (guint i = 0; i < access->users->len; i++) {
		const struct access_user *user = access->users->pdata[i];

		if (!strcmp(user->name, name))
			hash = user->hash;
	}
	made = crypt_r(password, hash ?: NOBODYS_HASH, data);
	right = hash && made && same(made, hash);
	explicit_bzero(data, sizeof(*data));
	g_free(data);
	return right;
}

/* "Basic BASE64"; NULL: it is something else. Owned, ended by a null byte, which is none of it. */
static char *credentials_of(const char *authorization, size_t *ret_len)
{
	g_autofree guchar *bytes = NULL;
	gsize len = 0;

	if (!authorization || g_ascii_strncasecmp(authorization, "Basic ", 6) ||
	    strlen(authorization) > CREDENTIALS_MAX)
		return NULL;
	bytes = g_base64_decode(authorization + 6, &len);
	if (!bytes || memchr(bytes, 0, len) || !memchr(bytes, ':', len))
		return NULL;
	*ret_len = len;
	return g_strndup((const char *)bytes, len);
}

static enum gate_verdict judge_password(struct gate *gate, const char *authorization,
					const uint8_t *address, uint64_t now_ms)
{
	size_t len = 0;
	g_autofree char *text = credentials_of(authorization, &len);
	uint8_t digest[GATE_DIGEST_LEN];
	char *password;
	bool right;

	if (!text)
		return GATE_UNAUTHORIZED;
	digest_of(gate, text, len, digest);
	if (is_known(gate, digest))
		return GATE_OPEN;
	if (must_wait(gate, address, now_ms) || !may_hash(gate, now_ms))
		return GATE_TOO_MANY;
	password = strchr(text, ':');
	*password++ = 0;
	right = is_right(gate->access, text, password);
	explicit_bzero(text, len);
	if (!right) {
		note_failure(gate, address, now_ms);
		return GATE_UNAUTHORIZED;
	}
	memcpy(gate->known[gate->n_known++ % GATE_KNOWN], digest, GATE_DIGEST_LEN);
	return GATE_OPEN;
}

enum gate_verdict gate_judge(struct gate *gate, const char *host, const char *authorization,
			     const uint8_t address[CONN_ADDRESS_LEN], uint64_t now_ms)
{
	if (gate->loopback && host && !gate_is_local(host))
		return GATE_MISDIRECTED;
	if (!gate->access || !gate->access->users->len)
		return GATE_OPEN;
	return judge_password(gate, authorization, address, now_ms);
}
