/* SPDX-License-Identifier: Apache-2.0 */
/* Loading memslots.bpf.c, and running it. */
#ifndef KVMLENS_PROBE_MEMSLOTS_H
#define KVMLENS_PROBE_MEMSLOTS_H

#include <glib.h>
#include "probe/feature.h"
#include "probe/object.h"
#include <memslots_types.h>

struct memslots;

/* NULL: the kernel refused, see features. */
struct memslots *memslots_open(struct features *features);
void memslots_close(struct memslots *memslots);

/* See probe_scan_memslots(). */
int memslots_scan(struct memslots *memslots, GArray *slots);

#endif
