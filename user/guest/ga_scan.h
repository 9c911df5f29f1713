/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a guest agent's reply ends, found byte by byte and within bounds, before anything is made
 * of it: a reply that is too long, too deep, too full or no JSON is refused as soon as that shows,
 * whatever follows. What passes is still to be parsed.
 */
#ifndef KVMLENS_GUEST_GA_SCAN_H
#define KVMLENS_GUEST_GA_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define GA_REPLY_MAX (9u << 20) /* bytes */
#define GA_DEPTH_MAX 32u
#define GA_VALUES_MAX 65536u /* members and elements, each of which costs memory once parsed */

struct ga_scan {
	size_t bytes;
	unsigned depth, values;
	bool in_string, escaped, done;
};

/*
 * Look at the next bytes of a reply. 1: it ends after *ret_used of them; 0: it goes on behind
 * them; -EPROTO: this is no JSON object; -EMSGSIZE: it passes a bound.
 */
int ga_scan_feed(struct ga_scan *scan, const char *data, size_t len, size_t *ret_used);

#endif
