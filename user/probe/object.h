/* SPDX-License-Identifier: Apache-2.0 */
/* Loading one embedded BPF object: some of its programs, with maps made, reused and pinned. */
#ifndef KVMLENS_PROBE_OBJECT_H
#define KVMLENS_PROBE_OBJECT_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <bpf/libbpf.h>
#include "probe/pin.h"

/* A map that outlives the object that made it. */
struct object_map {
	const char *name; /* in the object; a leading '.' means any map whose name ends so */
	const char *pin; /* name under the pin directory */
	uint32_t value_size, entries;
	int fd; /* -1: to be made by the next load; owned */
};

struct object_spec {
	const char *name;
	const void *bytes;
	size_t size;
	const char *const *programs; /* NULL-terminated: load these, all or nothing */
	struct object_map *maps;
	unsigned n_maps;
};

/*
 * Load. Maps without descriptor are made, and pinned when pin is not NULL; the others are reused.
 * Maps of the object that spec does not name, and that no program needs, are not made. Negative
 * errno, with probe_log_reason() telling why; map descriptors made stay valid.
 */
int object_load(const struct object_spec *spec, const struct pin *pin, struct bpf_object **ret_obj);

/* Open the pinned ones. Negative errno if any is missing or of another shape. */
int object_maps_adopt(struct object_map *maps, unsigned n, const struct pin *pin);
void object_maps_close(struct object_map *maps, unsigned n);

/*
 * Attach a program, or take over its pinned link when adopt. The link is pinned as "link_" and
 * the program's name.
 */
int object_attach(struct bpf_object *obj, const char *program, const struct pin *pin,
		  struct bpf_link **ret_link);
int object_link_adopt(const char *program, const struct pin *pin, struct bpf_link **ret_link);

/* Detach, unless keep_pin and it is pinned. link may be NULL. */
void object_detach(struct bpf_link *link, const char *program, const struct pin *pin,
		   bool keep_pin);

/*
 * Run an iterator once and append the fixed-size records that it writes. -E2BIG: there were more
 * than max.
 */
int object_iterate(struct bpf_link *link, GArray *records, size_t size, unsigned max);

/* FNV-1a over some bytes, continued from hash. */
uint64_t object_hash(uint64_t hash, const void *bytes, size_t size);

#endif
