// SPDX-License-Identifier: Apache-2.0
#include "config/check.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "util/text.h"

#define TAG_KEY_MAX 64

struct checker {
	yaml_document_t *document;
	GString *path; /* of the key being checked: "http.timeout" */
	bool in_list; /* inside an item of a list, whose defaults are filled in here */
	GString *why;
};

static int check_value(struct checker *checker, const struct config_option *option,
		       const yaml_node_t *node, json_t **ret_json);
static int check_mapping(struct checker *checker, const struct config_option *table,
			 const yaml_node_t *node, json_t **ret_json);

static yaml_node_t *node_at(struct checker *checker, int index)
{
	return yaml_document_get_node(checker->document, index);
}

static const char *node_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

/* "LINE: path: " before what is wrong; a flag's value has neither. */
static void begin_error(struct checker *checker, const yaml_node_t *node)
{
	if (!node)
		return;
	g_string_append_printf(checker->why, "%zu: ", node->start_mark.line + 1);
	if (checker->path->len)
		g_string_append_printf(checker->why, "%s: ", checker->path->str);
}

static int fail(struct checker *checker, const yaml_node_t *node, const char *what)
{
	begin_error(checker, node);
	g_string_append(checker->why, what);
	return -EINVAL;
}

static int check_scalar(struct checker *checker, const struct config_option *option,
			const yaml_node_t *node, const char *text, json_t **ret_json)
{
	g_autoptr(GString) canonical = g_string_new(NULL);
	g_autoptr(GString) problem = g_string_new(NULL);

	if (option_canonical(option, text, canonical, problem))
		return fail(checker, node, problem->str);
	*ret_json = json_string(canonical->str);
	return 0;
}

/* A scalar that holds no NUL: everything behind one would be lost. */
static int need_scalar(struct checker *checker, const struct config_option *option,
		       const yaml_node_t *node)
{
	g_autofree char *what = NULL;

	if (node->type != YAML_SCALAR_NODE) {
		what = g_strdup_printf("takes one value; write for example %s", option->example);
		return fail(checker, node, what);
	}
	if (strlen(node_text(node)) != node->data.scalar.length)
		return fail(checker, node, "holds a NUL character; remove it");
	if (node->data.scalar.length == 0 && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		what = g_strdup_printf("has no value; write for example %s", option->example);
		return fail(checker, node, what);
	}
	return 0;
}

static int check_count(struct checker *checker, const struct config_option *option,
		       const yaml_node_t *node, size_t n)
{
	g_autofree char *what = NULL;
	uint64_t max = option->kind != OPTION_FLAGS && option->max ? option->max : 1024;

	if (n <= max && (n || option->kind != OPTION_FLAGS))
		return 0;
	if (!n)
		return fail(checker, node, "is empty; name one or leave it out");
	what = g_strdup_printf("has %zu entries; use at most %" PRIu64, n, max);
	return fail(checker, node, what);
}

/* Words with commas between them. */
static int check_words(struct checker *checker, const struct config_option *option,
		       const yaml_node_t *node, const char *text, json_t **ret_json)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);
	json_auto_t *array = json_array();
	int err = check_count(checker, option, node, g_strv_length(words));

	for (char **word = words; !err && *word; word++) {
		json_t *item;

		err = check_scalar(checker, option, node, g_strstrip(*word), &item);
		if (!err)
			json_array_append_new(array, item);
	}
	if (err)
		return err;
	*ret_json = g_steal_pointer(&array);
	return 0;
}

static int check_list(struct checker *checker, const struct config_option *option,
		      const yaml_node_t *node, json_t **ret_json)
{
	json_auto_t *array = json_array();
	int err;

	if (node->type == YAML_SCALAR_NODE && option->kind != OPTION_LIST) {
		err = need_scalar(checker, option, node);
		return err ? err : check_words(checker, option, node, node_text(node), ret_json);
	}
	if (node->type != YAML_SEQUENCE_NODE) {
		g_autofree char *what =
			g_strdup_printf("takes a list; write for example %s", option->example);
		return fail(checker, node, what);
	}
	err = check_count(checker, option, node,
			  node->data.sequence.items.top - node->data.sequence.items.start);
	for (yaml_node_item_t *i = node->data.sequence.items.start;
	     !err && i < node->data.sequence.items.top; i++) {
		const yaml_node_t *item = node_at(checker, *i);
		json_t *json;

		if (option->kind == OPTION_LIST) {
			bool outer = checker->in_list;

			checker->in_list = true;
			err = check_mapping(checker, option->fields, item, &json);
			checker->in_list = outer;
		} else {
			err = need_scalar(checker, option, item);
			if (!err)
				err = check_scalar(checker, option, item, node_text(item), &json);
		}
		if (!err)
			json_array_append_new(array, json);
	}
	if (err)
		return err;
	*ret_json = g_steal_pointer(&array);
	return 0;
}

static bool tag_key_ok(const char *key)
{
	if (strlen(key) > TAG_KEY_MAX || !(g_ascii_isalpha(*key) || *key == '_'))
		return false;
	for (const char *p = key; *p; p++)
		if (!g_ascii_isalnum(*p) && *p != '_')
			return false;
	return !g_str_has_prefix(key, "__") && strcmp(key, "vm") && strcmp(key, "uuid");
}

static int check_tag(struct checker *checker, const struct config_option *option,
		     const yaml_node_t *node, const char *key, const char *value, json_t *array)
{
	json_t *text, *other;
	size_t i;
	int err;

	json_array_foreach(
		array, i,
		other) if (strcmp(json_string_value(json_object_get(other, "key")), key) ==
			   0) return fail(checker, node, "a tag is given twice; keep one");
	if (!tag_key_ok(key)) {
		g_autofree char *shown = text_quote(key);
		g_autofree char *what = g_strdup_printf(
			"%s cannot be a tag's name; use letters, digits and _, at most %d, not vm "
			"or uuid, for example %s",
			shown, TAG_KEY_MAX, "rack");

		return fail(checker, node, what);
	}
	err = check_scalar(checker, option, node, value, &text);
	if (!err)
		json_array_append_new(array, json_pack("{s:s,s:o}", "key", key, "value", text));
	return err;
}

static int check_tags(struct checker *checker, const struct config_option *option,
		      const yaml_node_t *node, json_t **ret_json)
{
	json_auto_t *array = json_array();
	int err;

	if (node->type != YAML_MAPPING_NODE) {
		g_autofree char *what = g_strdup_printf(
			"takes names with values; write for example %s", option->example);
		return fail(checker, node, what);
	}
	err = check_count(checker, option, node,
			  node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     !err && pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = node_at(checker, pair->key);
		const yaml_node_t *value = node_at(checker, pair->value);

		err = need_scalar(checker, option, key);
		if (!err)
			err = need_scalar(checker, option, value);
		if (!err)
			err = check_tag(checker, option, key, node_text(key), node_text(value),
					array);
	}
	if (err)
		return err;
	*ret_json = g_steal_pointer(&array);
	return 0;
}

static int check_value(struct checker *checker, const struct config_option *option,
		       const yaml_node_t *node, json_t **ret_json)
{
	int err;

	switch (option->kind) {
	case OPTION_SECTION:
		return check_mapping(checker, option->fields, node, ret_json);
	case OPTION_LIST:
	case OPTION_FLAGS:
	case OPTION_STRINGS:
		return check_list(checker, option, node, ret_json);
	case OPTION_TAGS:
		return check_tags(checker, option, node, ret_json);
	default:
		err = need_scalar(checker, option, node);
		return err ? err : check_scalar(checker, option, node, node_text(node), ret_json);
	}
}

static int unknown_key(struct checker *checker, const struct config_option *table,
		       const yaml_node_t *node)
{
	g_autofree char *shown = text_quote(node_text(node));
	const char *near = option_nearest(table, node_text(node));

	begin_error(checker, node);
	if (near) {
		g_string_append_printf(checker->why, "unknown key %s; did you mean \"%s\"?", shown,
				       near);
		return -EINVAL;
	}
	g_string_append_printf(checker->why, "unknown key %s; the keys here are ", shown);
	for (const struct config_option *o = table; o->kind != OPTION_END; o++)
		g_string_append_printf(checker->why, "%s%s", o == table ? "" : ", ", o->name);
	return -EINVAL;
}

static int check_pair(struct checker *checker, const struct config_option *table,
		      const yaml_node_t *key, const yaml_node_t *value, json_t *object)
{
	const struct config_option *option;
	size_t path_len = checker->path->len;
	json_t *json;
	int err;

	if (key->type != YAML_SCALAR_NODE)
		return fail(checker, key, "a key must be a word");
	option = option_find(table, node_text(key));
	if (!option)
		return unknown_key(checker, table, key);
	g_string_append_printf(checker->path, "%s%s", path_len ? "." : "", option->name);
	if (json_object_get(object, option->name))
		err = fail(checker, key, "is given twice; keep one");
	else
		err = check_value(checker, option, value, &json);
	g_string_truncate(checker->path, path_len);
	if (!err)
		json_object_set_new(object, option->name, json);
	return err;
}

/* The canonical form of an option's default, NULL: it has none. The tables' tests load them all. */
static json_t *default_of(const struct config_option *option)
{
	g_autoptr(GString) why = g_string_new(NULL);
	json_t *json;

	if (option->kind == OPTION_SECTION)
		return check_defaults(option->fields);
	if (!option->def || check_text(option, option->def, &json, why))
		return NULL;
	return json;
}

json_t *check_defaults(const struct config_option *table)
{
	json_t *object = json_object();

	for (; table->kind != OPTION_END; table++) {
		json_t *json = default_of(table);

		if (json)
			json_object_set_new(object, table->name, json);
	}
	return object;
}

/* Whatever must be there is; in a list's item, what is not there has its default. */
static int complete(struct checker *checker, const struct config_option *table,
		    const yaml_node_t *node, json_t *object)
{
	for (; table->kind != OPTION_END; table++) {
		g_autofree char *what = NULL;
		json_t *json;

		if (json_object_get(object, table->name))
			continue;
		if (table->required) {
			what = g_strdup_printf("\"%s\" is missing; add for example %s", table->name,
					       table->example);
			return fail(checker, node, what);
		}
		json = checker->in_list ? default_of(table) : NULL;
		if (json)
			json_object_set_new(object, table->name, json);
	}
	return 0;
}

static int check_mapping(struct checker *checker, const struct config_option *table,
			 const yaml_node_t *node, json_t **ret_json)
{
	json_auto_t *object = json_object();
	int err = 0;

	if (node->type != YAML_MAPPING_NODE) {
		g_autofree char *what = g_strdup_printf(
			"takes keys with values; write for example %s", table->example);
		return fail(checker, node, what);
	}
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     !err && pair < node->data.mapping.pairs.top; pair++)
		err = check_pair(checker, table, node_at(checker, pair->key),
				 node_at(checker, pair->value), object);
	if (!err)
		err = complete(checker, table, node, object);
	if (err)
		return err;
	*ret_json = g_steal_pointer(&object);
	return 0;
}

/* The root; NULL for an empty file, or one of comments alone. */
static const yaml_node_t *document_root(yaml_document_t *document)
{
	const yaml_node_t *root = yaml_document_get_root_node(document);

	if (root && root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0)
		return NULL;
	return root;
}

int check_document(const struct config_option *table, yaml_document_t *document, json_t **ret_json,
		   GString *why)
{
	g_autoptr(GString) path = g_string_new(NULL);
	struct checker checker = {.document = document, .path = path, .why = why};
	const yaml_node_t *root = document_root(document);

	if (!root) {
		*ret_json = json_object();
		return 0;
	}
	return check_mapping(&checker, table, root, ret_json);
}

static int check_tag_text(struct checker *checker, const struct config_option *option,
			  const char *text, json_t **ret_json)
{
	const char *equals = strchr(text, '=');
	json_auto_t *array = json_array();
	g_autofree char *key = NULL;
	int err;

	if (!equals) {
		g_autofree char *shown = text_quote(text);
		g_autofree char *what = g_strdup_printf("%s has no value; write rack=r12", shown);

		return fail(checker, NULL, what);
	}
	key = g_strndup(text, equals - text);
	err = check_tag(checker, option, NULL, key, equals + 1, array);
	if (err)
		return err;
	*ret_json = g_steal_pointer(&array);
	return 0;
}

int check_text(const struct config_option *option, const char *text, json_t **ret_json,
	       GString *why)
{
	struct checker checker = {.why = why};

	switch (option->kind) {
	case OPTION_FLAGS:
	case OPTION_STRINGS:
		return check_words(&checker, option, NULL, text, ret_json);
	case OPTION_TAGS:
		return check_tag_text(&checker, option, text, ret_json);
	case OPTION_SECTION:
	case OPTION_LIST:
		return fail(&checker, NULL, "can be set in the configuration file alone");
	default:
		return check_scalar(&checker, option, NULL, text, ret_json);
	}
}

static int verify_mapping(struct checker *checker, const struct config_option *table,
			  const yaml_node_t *node, const char *base);

static int verify_item(struct checker *checker, const struct config_option *option,
		       const yaml_node_t *node, const char *item)
{
	g_autoptr(GString) problem = g_string_new(NULL);
	int err = verify_mapping(checker, option->fields, node, item);

	if (err || !option->verify)
		return err;
	option->verify(item, problem);
	return problem->len ? fail(checker, node, problem->str) : 0;
}

static int verify_mapping(struct checker *checker, const struct config_option *table,
			  const yaml_node_t *node, const char *base)
{
	yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	int err = 0;

	for (; !err && pair < node->data.mapping.pairs.top; pair++) {
		const struct config_option *option =
			option_find(table, node_text(node_at(checker, pair->key)));
		const yaml_node_t *value = node_at(checker, pair->value);

		if (option->kind == OPTION_SECTION)
			err = verify_item(checker, option, value, base + option->offset);
		if (option->kind != OPTION_LIST)
			continue;
		for (size_t i = 0; !err && i < *(size_t *)(base + option->count_offset); i++)
			err = verify_item(checker, option,
					  node_at(checker, value->data.sequence.items.start[i]),
					  *(char **)(base + option->offset) +
						  i * option->item_size);
	}
	return err;
}

int check_loaded(const struct config_option *table, yaml_document_t *document, const void *base,
		 GString *why)
{
	g_autoptr(GString) path = g_string_new(NULL);
	struct checker checker = {.document = document, .path = path, .why = why};
	const yaml_node_t *root = document_root(document);

	return root ? verify_mapping(&checker, table, root, base) : 0;
}
