// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "guest/btf.h"

#define BTF_MAGIC 0xeb9f
#define TYPES_MIN 65536u
#define STRS_MIN 16384u
#define RESOLVE_DEPTH 32
#define ANONYMOUS_DEPTH 8

struct btf_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len, type_off, type_len, str_off, str_len, layout_off, layout_len;
};

struct btf_type {
	uint32_t name_off, info, size; /* size is the id of another type for some kinds */
};

struct raw_member {
	uint32_t name_off, type, offset;
};

struct raw_array {
	uint32_t type, index_type, n;
};

static uint32_t kind_of(const struct btf_type *type)
{
	return type->info >> 24 & 0x7f;
}

static uint32_t vlen_of(const struct btf_type *type)
{
	return type->info & 0xffffff;
}

int btf_extent(const void *header, size_t len, struct btf_extent *ret_extent)
{
	struct btf_header h = {0};
	uint64_t end;

	if (len < BTF_HEADER_LEN)
		return -EINVAL;
	memcpy(&h, header, BTF_HEADER_LEN);
	if (h.magic != BTF_MAGIC || h.version != 1 || h.flags != 0)
		return -EINVAL;
	if (h.hdr_len < BTF_HEADER_LEN || h.hdr_len > 256 || h.hdr_len % 4)
		return -EINVAL;
	if (h.hdr_len >= BTF_HEADER_MAX && len >= BTF_HEADER_MAX)
		memcpy(&h, header, BTF_HEADER_MAX);
	if (h.type_len < TYPES_MIN || h.type_len > BTF_BLOB_MAX || h.type_off % 4 ||
	    h.type_off > BTF_BLOB_MAX)
		return -EINVAL;
	if (h.str_len < STRS_MIN || h.str_len > BTF_BLOB_MAX || h.str_off > BTF_BLOB_MAX ||
	    h.str_off < h.type_off + h.type_len)
		return -EINVAL;
	if (h.layout_off > BTF_BLOB_MAX || h.layout_len > 4 * KIND_MAX || h.layout_off % 4)
		return -EINVAL;
	end = (uint64_t)h.hdr_len + h.str_off + h.str_len;
	if (h.layout_len && (uint64_t)h.hdr_len + h.layout_off + h.layout_len > end)
		end = (uint64_t)h.hdr_len + h.layout_off + h.layout_len;
	if (end > BTF_BLOB_MAX)
		return -EINVAL;
	*ret_extent = (struct btf_extent){
		.type_off = h.hdr_len + h.type_off,
		.type_len = h.type_len,
		.str_off = h.hdr_len + h.str_off,
		.str_len = h.str_len,
		.layout_off = h.layout_len ? h.hdr_len + h.layout_off : 0,
		.layout_len = h.layout_len,
		.len = end,
	};
	return 0;
}

static void shape_set(struct btf_view *view, enum btf_kind kind, uint8_t info, uint8_t elem)
{
	view->shape[kind].known = 1;
	view->shape[kind].info = info;
	view->shape[kind].elem = elem;
}

static void shapes_init(struct btf_view *view, const uint8_t *layout, uint32_t layout_len)
{
	for (uint32_t kind = 1; kind < layout_len / 4; kind++)
		shape_set(view, kind, layout[4 * kind], layout[4 * kind + 1]);
	for (uint32_t kind = KIND_INT; kind <= KIND_ENUM64; kind++)
		shape_set(view, kind, 0, 0);
	shape_set(view, KIND_INT, 4, 0);
	shape_set(view, KIND_ARRAY, sizeof(struct raw_array), 0);
	shape_set(view, KIND_STRUCT, 0, sizeof(struct raw_member));
	shape_set(view, KIND_UNION, 0, sizeof(struct raw_member));
	shape_set(view, KIND_ENUM, 0, 8);
	shape_set(view, KIND_FUNC_PROTO, 0, 8);
	shape_set(view, KIND_VAR, 4, 0);
	shape_set(view, KIND_DATASEC, 0, 12);
	shape_set(view, KIND_DECL_TAG, 4, 0);
	shape_set(view, KIND_ENUM64, 0, 12);
}

/* FUNC and FWD use vlen for something else; their elements have no bytes, so nothing is added. */
static int index_build(struct btf_view *view)
{
	uint32_t off = 0, n = 0, max = view->type_len / sizeof(struct btf_type);

	view->index = malloc((max + 1) * sizeof(view->index[0]));
	if (!view->index)
		return -ENOMEM;
	while (off < view->type_len) {
		struct btf_type type;
		uint64_t size;

		if (view->type_len - off < sizeof(type))
			return -EINVAL;
		memcpy(&type, view->types + off, sizeof(type));
		if (!view->shape[kind_of(&type)].known)
			return -EINVAL;
		size = sizeof(type) + view->shape[kind_of(&type)].info +
		       (uint64_t)view->shape[kind_of(&type)].elem * vlen_of(&type);
		if (size > view->type_len - off)
			return -EINVAL;
		view->index[++n] = off;
		off += size;
	}
	view->n = n;
	return n ? 0 : -EINVAL;
}

int btf_view_init(struct btf_view *view, const void *blob, size_t len)
{
	struct btf_view v = {0};
	struct btf_extent extent;
	int r = btf_extent(blob, len, &extent);

	if (r < 0)
		return r;
	if (extent.len > len)
		return -EINVAL;
	v.types = (const uint8_t *)blob + extent.type_off;
	v.type_len = extent.type_len;
	v.strs = (const char *)blob + extent.str_off;
	v.str_len = extent.str_len;
	if (v.strs[0] || v.strs[v.str_len - 1])
		return -EINVAL;
	shapes_init(&v, (const uint8_t *)blob + extent.layout_off, extent.layout_len);
	r = index_build(&v);
	if (r < 0) {
		btf_view_done(&v);
		return r;
	}
	*view = v;
	return 0;
}

void btf_view_done(struct btf_view *view)
{
	free(view->index);
	*view = (struct btf_view){0};
}

/* index_build() has checked that a type's trailing bytes lie within types. */
static bool type_get(const struct btf_view *view, uint32_t id, struct btf_type *ret)
{
	if (id == 0 || id > view->n)
		return false;
	memcpy(ret, view->types + view->index[id], sizeof(*ret));
	return true;
}

static const void *type_tail(const struct btf_view *view, uint32_t id)
{
	return view->types + view->index[id] + sizeof(struct btf_type);
}

static const char *name_at(const struct btf_view *view, uint32_t off)
{
	return off < view->str_len ? view->strs + off : "";
}

static bool wants(const struct btf_wanted *wanted, const char *name, uint32_t kind)
{
	return wanted->id == 0 && wanted->kind == kind && strcmp(wanted->name, name) == 0;
}

void btf_find(const struct btf_view *view, struct btf_wanted *wanted, unsigned n)
{
	uint64_t kinds[2] = {0};

	for (unsigned i = 0; i < n; i++)
		kinds[wanted[i].kind / 64] |= 1ull << (wanted[i].kind % 64);
	for (uint32_t id = 1; id <= view->n; id++) {
		struct btf_type type;
		const char *name;

		if (!type_get(view, id, &type) || type.name_off == 0 ||
		    !(kinds[kind_of(&type) / 64] >> (kind_of(&type) % 64) & 1))
			continue;
		name = name_at(view, type.name_off);
		for (unsigned i = 0; i < n; i++) {
			if (wants(&wanted[i], name, kind_of(&type)))
				wanted[i].id = id;
		}
	}
}

static bool is_alias(uint32_t kind)
{
	return kind == KIND_TYPEDEF || kind == KIND_VOLATILE || kind == KIND_CONST ||
	       kind == KIND_RESTRICT || kind == KIND_TYPE_TAG;
}

/* Strip typedefs and qualifiers; 0: malformed. */
static uint32_t resolve(const struct btf_view *view, uint32_t id, struct btf_type *ret_type)
{
	for (int depth = 0; depth < RESOLVE_DEPTH; depth++) {
		if (!type_get(view, id, ret_type))
			return 0;
		if (!is_alias(kind_of(ret_type)))
			return id;
		id = ret_type->size;
	}
	return 0;
}

int btf_size(const struct btf_view *view, uint32_t id, uint32_t *ret_size)
{
	uint64_t count = 1;

	for (int depth = 0; depth < RESOLVE_DEPTH; depth++) {
		struct btf_type type;
		struct raw_array array;
		uint64_t size;

		id = resolve(view, id, &type);
		if (!id)
			return -EINVAL;
		if (kind_of(&type) == KIND_ARRAY) {
			memcpy(&array, type_tail(view, id), sizeof(array));
			if (array.n && count > UINT32_MAX / array.n)
				return -EINVAL;
			count *= array.n;
			id = array.type;
			continue;
		}
		switch (kind_of(&type)) {
		case KIND_PTR:
			size = 8;
			break;
		case KIND_INT:
		case KIND_STRUCT:
		case KIND_UNION:
		case KIND_ENUM:
		case KIND_FLOAT:
		case KIND_ENUM64:
			size = type.size;
			break;
		default:
			return -EINVAL;
		}
		if (size * count > UINT32_MAX)
			return -EINVAL;
		*ret_size = size * count;
		return 0;
	}
	return -EINVAL;
}

/* The member's place when it is whole bytes inside a struct of outer bytes. */
static int member_place(const struct btf_view *view, const struct btf_type *outer,
			const struct raw_member *raw, struct btf_member *ret)
{
	bool has_bits = outer->info >> 31;
	uint32_t bits = has_bits ? raw->offset & 0xffffff : raw->offset;
	struct btf_member m = {.offset = bits / 8};
	struct btf_type type;
	int r;

	if (bits % 8 || (has_bits && raw->offset >> 24))
		return -EINVAL;
	m.type = resolve(view, raw->type, &type);
	if (!m.type)
		return -EINVAL;
	r = btf_size(view, m.type, &m.size);
	if (r < 0)
		return r;
	if (outer->size > BTF_STRUCT_MAX || m.offset > outer->size ||
	    m.size > outer->size - m.offset)
		return -EINVAL;
	*ret = m;
	return 0;
}

static int member_one(const struct btf_view *view, uint32_t id, const char *name, size_t len,
		      int depth, struct btf_member *ret);

static int member_inside(const struct btf_view *view, const struct btf_type *outer,
			 const struct raw_member *raw, const char *name, size_t len, int depth,
			 struct btf_member *ret)
{
	struct btf_member in, holder;
	int r = member_place(view, outer, raw, &holder);

	if (r == 0)
		r = member_one(view, holder.type, name, len, depth + 1, &in);
	if (r < 0)
		return r;
	in.offset += holder.offset;
	*ret = in;
	return 0;
}

static int member_one(const struct btf_view *view, uint32_t id, const char *name, size_t len,
		      int depth, struct btf_member *ret)
{
	struct btf_type type;
	const uint8_t *tail;

	id = resolve(view, id, &type);
	if (!id || (kind_of(&type) != KIND_STRUCT && kind_of(&type) != KIND_UNION))
		return -ENOENT;
	if (depth > ANONYMOUS_DEPTH || vlen_of(&type) > BTF_STRUCT_MAX)
		return -EINVAL;
	tail = type_tail(view, id);
	for (uint32_t i = 0; i < vlen_of(&type); i++) {
		struct raw_member raw;
		const char *have;

		memcpy(&raw, tail + i * sizeof(raw), sizeof(raw));
		have = name_at(view, raw.name_off);
		if (*have == '\0' && member_inside(view, &type, &raw, name, len, depth, ret) == 0)
			return 0;
		if (strncmp(have, name, len) == 0 && have[len] == '\0')
			return member_place(view, &type, &raw, ret);
	}
	return -ENOENT;
}

int btf_member_find(const struct btf_view *view, uint32_t type, const char *path,
		    struct btf_member *ret_member)
{
	struct btf_member at = {.type = type};

	while (*path) {
		size_t len = strcspn(path, ".");
		struct btf_member in;
		int r = member_one(view, at.type, path, len, 0, &in);

		if (r < 0)
			return r;
		in.offset += at.offset;
		at = in;
		path += len + (path[len] == '.');
	}
	*ret_member = at;
	return 0;
}

int btf_array(const struct btf_view *view, uint32_t id, uint32_t *ret_elem, uint32_t *ret_n)
{
	struct btf_type type;
	struct raw_array array;

	id = resolve(view, id, &type);
	if (!id || kind_of(&type) != KIND_ARRAY)
		return -EINVAL;
	memcpy(&array, type_tail(view, id), sizeof(array));
	id = resolve(view, array.type, &type);
	if (!id)
		return -EINVAL;
	*ret_elem = id;
	*ret_n = array.n;
	return 0;
}

enum btf_kind btf_kind_of(const struct btf_view *view, uint32_t id, const char **ret_name)
{
	struct btf_type type;

	if (!resolve(view, id, &type))
		return 0;
	*ret_name = name_at(view, type.name_off);
	return kind_of(&type);
}

int btf_enumerator(const struct btf_view *view, uint32_t id, const char *name, int64_t *ret_value)
{
	struct btf_type type;
	const uint8_t *tail;
	uint32_t step;

	id = resolve(view, id, &type);
	if (!id || (kind_of(&type) != KIND_ENUM && kind_of(&type) != KIND_ENUM64))
		return -EINVAL;
	tail = type_tail(view, id);
	step = kind_of(&type) == KIND_ENUM ? 8 : 12;
	for (uint32_t i = 0; i < vlen_of(&type); i++, tail += step) {
		uint32_t word[3] = {0};

		memcpy(word, tail, step);
		if (strcmp(name_at(view, word[0]), name))
			continue;
		*ret_value = step == 8 ? (int64_t)(int32_t)word[1]
				       : (int64_t)((uint64_t)word[2] << 32 | word[1]);
		return 0;
	}
	return -ENOENT;
}
