// SPDX-License-Identifier: Apache-2.0
#include "config/check.h"

#include <errno.h>
#include <string.h>
#include "config/checker.h"
#include "util/text.h"

static int unknown_key(struct checker *checker, const struct config_option *table,
		       const yaml_node_t *node)
{
	g_autofree char *shown = text_quote(node_text(node));
	const char *near = option_nearest(table, node_text(node));
	g_autoptr(GString) what = g_string_new("unknown key ");

	g_string_append(what, shown);
	if (near)
		g_string_append_printf(what, "; did you mean \"%s\"?", near);
	else
		g_string_append(what, "; the keys here are ");
	for (const struct config_option *o = table; !near && o->kind != OPTION_END; o++)
		g_string_append_printf(what, "%s%s", o == table ? "" : ", ", o->name);
	return checker_fail(checker, node, what->str);
}

static int check_pair(struct checker *checker, const struct config_option *table,
		      const yaml_node_t *key, const yaml_node_t *value, json_t *object)
{
	const struct config_option *option;
	size_t path_len = checker->path->len;
	json_t *json = NULL;
	int err;

	if (key->type != YAML_SCALAR_NODE)
		return checker_fail(checker, key, "a key must be a word");
	option = option_find(table, node_text(key));
	if (!option)
		return unknown_key(checker, table, key);
	g_string_append_printf(checker->path, "%s%s", path_len ? "." : "", option->name);
	if (json_object_get(object, option->name))
		err = checker_fail(checker, key, "is given twice; keep one");
	else
		err = checker_value(checker, option, value, &json);
	g_string_truncate(checker->path, path_len);
	if (json)
		json_object_set_new(object, option->name, json);
	else if (err && !json_object_get(object, option->name))
		json_object_set_new(object, option->name, json_null()); /* it is not missing */
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
	int err = 0;

	for (; table->kind != OPTION_END; table++) {
		g_autofree char *what = NULL;
		json_t *json;

		if (json_object_get(object, table->name))
			continue;
		if (table->required) {
			what = g_strdup_printf("\"%s\" is missing; add for example %s", table->name,
					       table->example);
			err = checker_fail(checker, node, what);
			continue;
		}
		json = checker->in_list ? default_of(table) : NULL;
		if (json)
			json_object_set_new(object, table->name, json);
	}
	return err;
}

/* What is not right has no value; with a mistake in it an object is of no use but to its owner. */
static void drop_nulls(json_t *object)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, key, value) if (json_is_null(value))
		json_object_del(object, key);
}

int checker_mapping(struct checker *checker, const struct config_option *table,
		    const yaml_node_t *node, json_t **ret_json)
{
	json_auto_t *object = json_object();
	int err = 0;

	if (node->type != YAML_MAPPING_NODE) {
		g_autofree char *what = g_strdup_printf(
			"takes keys with values; write for example %s", table->example);
		return checker_fail(checker, node, what);
	}
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++)
		if (check_pair(checker, table, checker_node(checker, pair->key),
			       checker_node(checker, pair->value), object))
			err = -EINVAL;
	if (complete(checker, table, node, object))
		err = -EINVAL;
	drop_nulls(object);
	*ret_json = g_steal_pointer(&object);
	return err;
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
	struct checker checker = {
		.document = document, .path = path, .why = why, .prefix = why->len};
	const yaml_node_t *root = document_root(document);

	if (!root) {
		*ret_json = json_object();
		return 0;
	}
	return checker_mapping(&checker, table, root, ret_json);
}
