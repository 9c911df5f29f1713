/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may read over HTTP, and under which certificate: the file that Prometheus' exporters take as
 * --web.config.file (github.com/prometheus/exporter-toolkit, docs/web-configuration.md). The
 * privileged side reads it and the files that it names; the face gets their contents in sealed
 * memory before it is confined, keeps the private key as long as it lives, for it ends TLS, and
 * can open none of the files. A changed file gets a new face.
 */
#ifndef KVMLENS_WEB_ACCESS_H
#define KVMLENS_WEB_ACCESS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* How a client's certificate is asked for and judged, named as Go's crypto/tls names them. */
enum access_client {
	ACCESS_CLIENT_NONE, /* NoClientCert */
	ACCESS_CLIENT_REQUEST, /* RequestClientCert: asked for, not judged */
	ACCESS_CLIENT_ANY, /* RequireAnyClientCert: there must be one, whoever signed it */
	ACCESS_CLIENT_VERIFY_GIVEN, /* VerifyClientCertIfGiven */
	ACCESS_CLIENT_VERIFY, /* RequireAndVerifyClientCert */
};

struct access_user {
	char *name, *hash; /* of bcrypt, as crypt(3) has it */
};

struct access {
	bool tls;
	bool tls13; /* nothing older */
	enum access_client client;
	char *certificate, *key, *ca; /* PEM; ca NULL: none */
	GPtrArray *users; /* struct access_user; empty: no name is asked for */
	GPtrArray *files; /* char *, that it was read from */
	uint64_t stamp; /* of those files, as access_stamp() has it */
};

/*
 * Read the file and those that it names, relative to its folder. Negative errno: *ret_error is one
 * line, freed by the caller. The result is freed with access_free(), which wipes the secrets.
 */
int access_load(const char *path, struct access **ret_access, char **ret_error);
void access_free(struct access *access);

/* Changes when one of the files does. */
uint64_t access_stamp(const GPtrArray *files);

/* What crosses to the face, as JSON; access_decode() gives NULL for what is none. */
char *access_encode(const struct access *access);
struct access *access_decode(const char *text, size_t len);

#endif
