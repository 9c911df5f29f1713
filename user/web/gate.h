/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May a client have an answer? The name that it calls us by, its user name and password, and how
 * often it has guessed wrong. In the face; plain policy but for crypt(3).
 */
#ifndef KVMLENS_WEB_GATE_H
#define KVMLENS_WEB_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include "web/access.h"
#include "web/conns.h"

/* So many wrong guesses in a row, and an address has to wait before the next is looked at. */
#define GATE_GUESSES 5
#define GATE_WAIT_MS 10000

/* Hashes that are computed, of all addresses together: at once, and one more every so often. */
#define GATE_HASHES 8
#define GATE_HASH_MS 500

#define GATE_ADDRESSES 64
#define GATE_KNOWN 16
#define GATE_DIGEST_LEN 32

struct gate_address {
	uint8_t address[CONN_ADDRESS_LEN];
	unsigned failures; /* in a row; 0: the place is free */
	uint64_t last_ms;
};

struct gate {
	const struct access *access; /* borrowed; NULL: nothing is asked for */
	bool loopback; /* listens there: names that lead here from elsewhere are refused */
	struct gate_address addresses[GATE_ADDRESSES];
	/* Digests, under a key of this process, of what was right: bcrypt is slow on purpose. */
	uint8_t known[GATE_KNOWN][GATE_DIGEST_LEN];
	unsigned n_known;
	uint8_t key[GATE_DIGEST_LEN];
	unsigned hashes; /* left now */
	uint64_t hash_ms; /* as of then */
	uint64_t failures; /* wrong names or passwords, in all */
};

enum gate_verdict {
	GATE_OPEN,
	GATE_MISDIRECTED, /* the Host header names somebody else */
	GATE_UNAUTHORIZED, /* no, or a wrong, name or password */
	GATE_TOO_MANY, /* wrong guesses: not looked at now */
};

/* Negative errno: there is no randomness. */
int gate_init(struct gate *gate, const struct access *access, bool loopback);

/* host: the Host header, NULL: none. authorization: the header of that name, NULL: none. */
enum gate_verdict gate_judge(struct gate *gate, const char *host, const char *authorization,
			     const uint8_t address[CONN_ADDRESS_LEN], uint64_t now_ms);

/*
 * Does the header name this host by an address or as localhost? A page of a foreign site whose
 * name was made to lead to 127.0.0.1 sends that name (DNS rebinding).
 */
bool gate_is_local(const char *host);

#endif
