// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <kvmlens.h>
#include "config/check.h"

/* libcyaml's schema of a table, made when it is needed: all that it points to is in parts. */
typedef struct schema {
	cyaml_schema_value_t top;
	GPtrArray *parts;
} schema_t;

static const cyaml_schema_value_t string_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t tag_fields[] = {
	CYAML_FIELD_STRING_PTR("key", CYAML_FLAG_POINTER, struct kvmlens_tag, key, 0,
			       CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("value", CYAML_FLAG_POINTER, struct kvmlens_tag, value, 0,
			       CYAML_UNLIMITED),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t tag_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct kvmlens_tag, tag_fields),
};

static const cyaml_config_t cyaml_setup = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

static const cyaml_schema_field_t *schema_fields(struct schema *schema,
						 const struct config_option *table);

static void field_sequence(cyaml_schema_field_t *field, const struct config_option *option,
			   const cyaml_schema_value_t *entry)
{
	field->count_offset = option->count_offset;
	field->count_size = sizeof(size_t);
	field->value.type = CYAML_SEQUENCE;
	field->value.flags |= CYAML_FLAG_POINTER;
	field->value.data_size =
		entry->flags & CYAML_FLAG_POINTER ? sizeof(void *) : entry->data_size;
	field->value.sequence.entry = entry;
	field->value.sequence.max = CYAML_UNLIMITED;
}

static void field_struct(struct schema *schema, cyaml_schema_field_t *field,
			 const struct config_option *option)
{
	const cyaml_schema_field_t *fields = schema_fields(schema, option->fields);
	cyaml_schema_value_t *entry;

	if (option->kind == OPTION_SECTION) {
		field->value.type = CYAML_MAPPING;
		field->value.mapping.fields = fields;
		return;
	}
	entry = g_new0(cyaml_schema_value_t, 1);
	g_ptr_array_add(schema->parts, entry);
	entry->type = CYAML_MAPPING;
	entry->data_size = option->item_size;
	entry->mapping.fields = fields;
	field_sequence(field, option, entry);
}

static void field_choices(cyaml_schema_field_t *field, const struct config_option *option,
			  cyaml_type_e type)
{
	field->value.type = type;
	field->value.flags |= CYAML_FLAG_STRICT;
	field->value.enumeration.strings = option->choices;
	field->value.enumeration.count = option->n_choices;
}

static void field_string(cyaml_schema_field_t *field)
{
	field->value.type = CYAML_STRING;
	field->value.flags |= CYAML_FLAG_POINTER;
	field->value.data_size = sizeof(char);
	field->value.string.max = CYAML_UNLIMITED;
}

static void field_of(struct schema *schema, cyaml_schema_field_t *field,
		     const struct config_option *option)
{
	field->key = option->name;
	field->data_offset = option->offset;
	field->value.flags = CYAML_FLAG_OPTIONAL;
	field->value.data_size = option->size;
	switch (option->kind) {
	case OPTION_BOOL:
		field->value.type = CYAML_BOOL;
		break;
	case OPTION_FLOAT:
		field->value.type = CYAML_FLOAT;
		break;
	case OPTION_STRING:
		field_string(field);
		break;
	case OPTION_ENUM:
		field_choices(field, option, CYAML_ENUM);
		break;
	case OPTION_FLAGS:
		field_choices(field, option, CYAML_FLAGS);
		break;
	case OPTION_STRINGS:
		field_sequence(field, option, &string_entry);
		break;
	case OPTION_TAGS:
		field_sequence(field, option, &tag_entry);
		break;
	case OPTION_SECTION:
	case OPTION_LIST:
		field_struct(schema, field, option);
		break;
	default:
		field->value.type = CYAML_UINT;
	}
}

static const cyaml_schema_field_t *schema_fields(struct schema *schema,
						 const struct config_option *table)
{
	cyaml_schema_field_t *fields;
	size_t n = 0;

	while (table[n].kind != OPTION_END)
		n++;
	fields = g_new0(cyaml_schema_field_t, n + 1);
	g_ptr_array_add(schema->parts, fields);
	for (size_t i = 0; i < n; i++)
		field_of(schema, &fields[i], &table[i]);
	return fields;
}

static void schema_clear(struct schema *schema)
{
	g_ptr_array_unref(schema->parts);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(schema_t, schema_clear)

static void schema_init(schema_t *schema, const struct config_option *table, size_t size)
{
	schema->parts = g_ptr_array_new_with_free_func(g_free);
	schema->top = (cyaml_schema_value_t){
		.type = CYAML_MAPPING,
		.flags = CYAML_FLAG_POINTER,
		.data_size = size,
		.mapping.fields = schema_fields(schema, table),
	};
}

/* Lists of strings end with NULL, as GLib's functions want them; libcyaml leaves that out. */
static int terminate_lists(const struct config_option *table, char *base)
{
	int err = 0;

	for (; !err && table->kind != OPTION_END; table++) {
		char *member = base + table->offset;
		size_t n = table->count_offset ? *(size_t *)(base + table->count_offset) : 0;
		char **strings;

		if (table->kind == OPTION_SECTION) {
			err = terminate_lists(table->fields, member);
		} else if (table->kind == OPTION_LIST) {
			for (size_t i = 0; !err && i < n; i++)
				err = terminate_lists(table->fields,
						      *(char **)member + i * table->item_size);
		} else if (table->kind == OPTION_STRINGS && n) {
			strings = cyaml_mem(NULL, *(char ***)member, (n + 1) * sizeof(*strings));
			if (!strings)
				return -ENOMEM;
			strings[n] = NULL;
			*(char ***)member = strings;
		}
	}
	return err;
}

int load_struct(const struct config_option *table, size_t size, const json_t *json, void **ret_base,
		const char **ret_why)
{
	/* JSON is YAML; the canonical form keeps to characters that both know. */
	g_autofree char *text = json_dumps(json, 0);
	g_auto(schema_t) schema = {};
	cyaml_data_t *data = NULL;
	cyaml_err_t err;

	if (!text)
		return -ENOMEM;
	schema_init(&schema, table, size);
	err = cyaml_load_data((const uint8_t *)text, strlen(text), &cyaml_setup, &schema.top, &data,
			      NULL);
	if (err) {
		*ret_why = cyaml_strerror(err);
		return err == CYAML_ERR_OOM ? -ENOMEM : -EINVAL;
	}
	if (data && terminate_lists(table, (char *)data)) {
		load_free(table, size, data);
		*ret_why = "out of memory";
		return -ENOMEM;
	}
	*ret_base = data;
	return 0;
}

static void swap_bytes(char *a, char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = a[i];

		a[i] = b[i];
		b[i] = c;
	}
}

/* Exchange, between two structs of one table, the members that the canonical form holds. */
static void swap_given(const struct config_option *table, const json_t *json, void *a, void *b)
{
	for (; table->kind != OPTION_END; table++) {
		json_t *given = json_object_get(json, table->name);
		size_t offset = table->offset, count = table->count_offset;

		if (!given)
			continue;
		if (table->kind == OPTION_SECTION) {
			swap_given(table->fields, given, (char *)a + offset, (char *)b + offset);
			continue;
		}
		swap_bytes((char *)a + offset, (char *)b + offset, table->size);
		if (table->kind == OPTION_STRINGS || table->kind == OPTION_TAGS ||
		    table->kind == OPTION_LIST)
			swap_bytes((char *)a + count, (char *)b + count, sizeof(size_t));
	}
}

void load_free(const struct config_option *table, size_t size, void *base)
{
	g_auto(schema_t) schema = {};

	if (!base)
		return;
	schema_init(&schema, table, size);
	cyaml_free(&cyaml_setup, &schema.top, base, 0);
}

/* libcyaml frees with free(). */
static char *clone_text(const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;
	char *copy = text ? cyaml_mem(NULL, NULL, size) : NULL;

	if (copy)
		memcpy(copy, text, size);
	else if (text)
		g_error("no memory for a copy of the configuration");
	return copy;
}

static void *clone_bytes(const void *bytes, size_t size)
{
	void *copy = size ? cyaml_mem(NULL, NULL, size) : NULL;

	if (size && !copy)
		g_error("no memory for a copy of the configuration");
	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

/* The members hold what the original points to: give each a copy of its own. */
static void clone_members(const struct config_option *table, char *base)
{
	for (; table->kind != OPTION_END; table++) {
		char *member = base + table->offset;
		size_t n = table->count_offset ? *(size_t *)(base + table->count_offset) : 0;

		if (table->kind == OPTION_STRING) {
			*(char **)member = clone_text(*(char **)member);
		} else if (table->kind == OPTION_SECTION) {
			clone_members(table->fields, member);
		} else if (table->kind == OPTION_STRINGS) {
			char **list =
				clone_bytes(*(char ***)member, n ? (n + 1) * sizeof(*list) : 0);

			for (size_t i = 0; i < n; i++)
				list[i] = clone_text(list[i]);
			*(char ***)member = list;
		} else if (table->kind == OPTION_TAGS) {
			struct kvmlens_tag *tags = clone_bytes(*(void **)member, n * sizeof(*tags));

			for (size_t i = 0; i < n; i++)
				tags[i] = (struct kvmlens_tag){clone_text(tags[i].key),
							       clone_text(tags[i].value)};
			*(void **)member = tags;
		} else if (table->kind == OPTION_LIST) {
			char *items = clone_bytes(*(void **)member, n * table->item_size);

			for (size_t i = 0; i < n; i++)
				clone_members(table->fields, items + i * table->item_size);
			*(void **)member = items;
		}
	}
}

void *load_clone(const struct config_option *table, size_t size, const void *base)
{
	char *copy = clone_bytes(base, size);

	clone_members(table, copy);
	return copy;
}

int load_merge(const struct config_option *table, size_t size, void *base, const json_t *json,
	       GString *why)
{
	const char *problem = "out of memory";
	void *loaded;
	int err;

	err = load_struct(table, size, json, &loaded, &problem);
	if (err) {
		g_string_append_printf(why, "%scannot be loaded: %s", why->len ? " " : "", problem);
		return err;
	}
	swap_given(table, json, base, loaded);
	load_free(table, size, loaded);
	return 0;
}

/* The tags there are and the new one, which replaces one of the same name. */
static json_t *merge_tags(const struct config_option *option, const char *base, json_t *added)
{
	const struct kvmlens_tag *tags = *(struct kvmlens_tag **)(base + option->offset);
	size_t n = *(size_t *)(base + option->count_offset);
	const char *key = json_string_value(json_object_get(json_array_get(added, 0), "key"));
	json_t *merged = json_array();

	for (size_t i = 0; i < n; i++)
		if (strcmp(tags[i].key, key))
			json_array_append_new(merged, json_pack("{s:s,s:s}", "key", tags[i].key,
								"value", tags[i].value));
	json_array_extend(merged, added);
	json_decref(added);
	return merged;
}

int load_option(const struct config_option *table, size_t size, void *base,
		const struct config_option *section, const struct config_option *option,
		const char *text, GString *why)
{
	json_auto_t *object = NULL;
	json_t *json;
	int err;

	err = check_text(option, text, &json, why);
	if (err)
		return err;
	if (option->kind == OPTION_TAGS)
		json = merge_tags(option, (char *)base + (section ? section->offset : 0), json);
	object = json_pack("{s:o}", option->name, json);
	if (section)
		object = json_pack("{s:o}", section->name, object);
	return load_merge(table, size, base, object, why);
}
