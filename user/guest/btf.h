/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small reader of BTF that comes from a guest. libbpf's reader trusts the producer, refuses
 * kinds newer than itself and builds large tables; this one checks each index, length and depth,
 * steps over unknown kinds by the layout section, and only answers where a member lies.
 */
#ifndef KVMLENS_GUEST_BTF_H
#define KVMLENS_GUEST_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BTF_STRUCT_MAX (1u << 20) /* pglist_data is over 160 KiB where many nodes may exist */

enum btf_kind {
	KIND_INT = 1,
	KIND_PTR,
	KIND_ARRAY,
	KIND_STRUCT,
	KIND_UNION,
	KIND_ENUM,
	KIND_FWD,
	KIND_TYPEDEF,
	KIND_VOLATILE,
	KIND_CONST,
	KIND_RESTRICT,
	KIND_FUNC,
	KIND_FUNC_PROTO,
	KIND_VAR,
	KIND_DATASEC,
	KIND_FLOAT,
	KIND_DECL_TAG,
	KIND_TYPE_TAG,
	KIND_ENUM64,
	KIND_MAX = 128, /* seven bits */
};

/* Where the sections of a blob lie, from its header. */
struct btf_extent {
	uint32_t type_off, type_len; /* offsets from the blob's first byte */
	uint32_t str_off, str_len;
	uint32_t layout_off, layout_len; /* 0: none */
	uint32_t len; /* of the whole blob */
};

/* Smallest header that btf_extent() can judge, and the largest blob that is looked at. */
#define BTF_HEADER_LEN 24u
#define BTF_HEADER_MAX 32u
#define BTF_BLOB_MAX (32u << 20)

/* Read a header. -EINVAL: it is none, or its numbers make no kernel's BTF. */
int btf_extent(const void *header, size_t len, struct btf_extent *ret_extent);

struct btf_view {
	const uint8_t *types;
	const char *strs;
	uint32_t type_len, str_len;
	uint32_t *index; /* offset of each type in types; owned */
	uint32_t n; /* types, numbered from 1 */
	struct {
		uint8_t known, info, elem;
	} shape[KIND_MAX]; /* bytes after a type: once, and for each of its elements */
};

/* Look into a blob, which must outlive view. -EINVAL: malformed; -ENOMEM. */
int btf_view_init(struct btf_view *view, const void *blob, size_t len);
void btf_view_done(struct btf_view *view);

/* The ids of n named types of one kind each; 0 for those that do not exist. */
struct btf_wanted {
	const char *name;
	enum btf_kind kind;
	uint32_t id;
};
void btf_find(const struct btf_view *view, struct btf_wanted *wanted, unsigned n);

struct btf_member {
	uint32_t offset, size; /* bytes; offset + size <= the outer struct's size */
	uint32_t type; /* typedefs and qualifiers stripped */
};

/*
 * A member by its path ("se.sum_exec_runtime"); members of anonymous structs and unions are
 * found as in C. -ENOENT: there is none; -EINVAL: malformed, or a bit field.
 */
int btf_member_find(const struct btf_view *view, uint32_t type, const char *path,
		    struct btf_member *ret_member);

/* The element type and count of an array. -EINVAL: it is none. */
int btf_array(const struct btf_view *view, uint32_t type, uint32_t *ret_elem, uint32_t *ret_n);

/* Size of a type in bytes. -EINVAL: malformed or without size. */
int btf_size(const struct btf_view *view, uint32_t type, uint32_t *ret_size);

/* Kind and name ("" when it has none) of a type, qualifiers stripped. 0: malformed. */
enum btf_kind btf_kind_of(const struct btf_view *view, uint32_t type, const char **ret_name);

/* The value of an enumerator. -ENOENT, -EINVAL. */
int btf_enumerator(const struct btf_view *view, uint32_t type, const char *name,
		   int64_t *ret_value);

#endif
