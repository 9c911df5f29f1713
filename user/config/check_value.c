// SPDX-License-Identifier: Apache-2.0
/* Scalars, lists and tags; and the same as a flag's text. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "config/check.h"
#include "config/checker.h"
#include "config/load.h"
#include "util/text.h"

#define TAG_KEY_MAX 64

int checker_fail(struct checker *checker, const yaml_node_t *node, const char *what)
{
	if (checker->mistakes++) {
		g_autofree char *prefix = g_strndup(checker->why->str, checker->prefix);

		g_string_append_printf(checker->why, "\n%s", prefix);
	}
	if (node)
		g_string_append_printf(checker->why, "%zu: ", node->start_mark.line + 1);
	if (node && checker->path->len)
		g_string_append_printf(checker->why, "%s: ", checker->path->str);
	g_string_append(checker->why, what);
	return -EINVAL;
}

static int check_scalar(struct checker *checker, const struct config_option *option,
			const yaml_node_t *node, const char *text, json_t **ret_json)
{
	g_autoptr(GString) canonical = g_string_new(NULL);
	g_autoptr(GString) problem = g_string_new(NULL);

	if (option_canonical(option, text, canonical, problem))
		return checker_fail(checker, node, problem->str);
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
		return checker_fail(checker, node, what);
	}
	if (strlen(node_text(node)) != node->data.scalar.length)
		return checker_fail(checker, node, "holds a NUL character; remove it");
	if (node->data.scalar.length == 0 && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		what = g_strdup_printf("has no value; write for example %s", option->example);
		return checker_fail(checker, node, what);
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
		return checker_fail(checker, node, "is empty; name one or leave it out");
	what = g_strdup_printf("has %zu entries; use at most %" PRIu64, n, max);
	return checker_fail(checker, node, what);
}

/* Words with commas between them. */
static int check_words(struct checker *checker, const struct config_option *option,
		       const yaml_node_t *node, const char *text, json_t **ret_json)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);
	json_auto_t *array = json_array();
	int err = check_count(checker, option, node, g_strv_length(words));

	for (char **word = words; *word; word++) {
		json_t *item;

		if (check_scalar(checker, option, node, g_strstrip(*word), &item))
			err = -EINVAL;
		else
			json_array_append_new(array, item);
	}
	if (err)
		return err;
	*ret_json = g_steal_pointer(&array);
	return 0;
}

/* What names an item names no other one. */
static int check_unique(struct checker *checker, const struct config_option *table,
			const yaml_node_t *node, json_t *items, json_t *item)
{
	const json_t *other;
	size_t i;

	for (; table->kind != OPTION_END; table++) {
		if (!table->unique)
			continue;
		json_array_foreach(items, i, other)
		{
			g_autofree char *what = NULL;

			if (!json_equal(json_object_get(other, table->name),
					json_object_get(item, table->name)))
				continue;
			what = g_strdup_printf("has the \"%s\" of an item above; choose another",
					       table->name);
			return checker_fail(checker, node, what);
		}
	}
	return 0;
}

/* The rule between an item's members, on the struct that they are loaded into. */
static int verify_item(struct checker *checker, const struct config_option *option,
		       const yaml_node_t *node, const json_t *json)
{
	g_autoptr(GString) problem = g_string_new(NULL);
	const char *why = "out of memory";
	g_auto(GStrv) lines = NULL;
	void *item;

	if (!option->verify)
		return 0;
	if (load_struct(option->fields, option->item_size, json, &item, &why))
		return checker_fail(checker, node, why);
	option->verify(item, problem);
	load_free(option->fields, option->item_size, item);
	lines = g_strsplit(problem->str, "\n", -1);
	for (char **line = lines; *line; line++)
		if (**line)
			checker_fail(checker, node, *line);
	return problem->len ? -EINVAL : 0;
}

static int check_item(struct checker *checker, const struct config_option *option,
		      const yaml_node_t *node, json_t *items, json_t **ret_json)
{
	json_t *json = NULL;
	bool outer = checker->in_list;
	int err;

	if (option->kind != OPTION_LIST) {
		err = need_scalar(checker, option, node);
		return err ? err : check_scalar(checker, option, node, node_text(node), ret_json);
	}
	checker->in_list = true;
	err = checker_mapping(checker, option->fields, node, &json);
	checker->in_list = outer;
	if (!err)
		err = check_unique(checker, option->fields, node, items, json);
	if (!err)
		err = verify_item(checker, option, node, json);
	if (err)
		json_decref(json);
	else
		*ret_json = json;
	return err;
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
		return checker_fail(checker, node, what);
	}
	err = check_count(checker, option, node,
			  node->data.sequence.items.top - node->data.sequence.items.start);
	if (err)
		return err;
	for (yaml_node_item_t *i = node->data.sequence.items.start;
	     i < node->data.sequence.items.top; i++) {
		json_t *json;

		if (check_item(checker, option, checker_node(checker, *i), array, &json))
			err = -EINVAL;
		else
			json_array_append_new(array, json);
	}
	*ret_json = g_steal_pointer(&array);
	return err;
}

static bool tag_key_ok(const struct config_option *option, const char *key)
{
	if (strlen(key) > TAG_KEY_MAX || !(g_ascii_isalpha(*key) || *key == '_'))
		return false;
	for (const char *p = key; *p; p++)
		if (!g_ascii_isalnum(*p) && *p != '_')
			return false;
	if (!option->vm_keys && (strcmp(key, "vm") == 0 || strcmp(key, "uuid") == 0))
		return false;
	return !g_str_has_prefix(key, "__");
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
			   0) return checker_fail(checker, node, "a tag is given twice; keep one");
	if (!tag_key_ok(option, key)) {
		g_autofree char *shown = text_quote(key);
		g_autofree char *what = g_strdup_printf(
			"%s cannot be a tag's name; use letters, digits and _, at most %d%s, for "
			"example %s",
			shown, TAG_KEY_MAX, option->vm_keys ? "" : ", not vm or uuid", "rack");

		return checker_fail(checker, node, what);
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
		return checker_fail(checker, node, what);
	}
	err = check_count(checker, option, node,
			  node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = checker_node(checker, pair->key);
		const yaml_node_t *value = checker_node(checker, pair->value);

		if (need_scalar(checker, option, key) || need_scalar(checker, option, value) ||
		    check_tag(checker, option, key, node_text(key), node_text(value), array))
			err = -EINVAL;
	}
	if (err)
		return err;
	*ret_json = g_steal_pointer(&array);
	return 0;
}

int checker_value(struct checker *checker, const struct config_option *option,
		  const yaml_node_t *node, json_t **ret_json)
{
	int err;

	switch (option->kind) {
	case OPTION_SECTION:
		return checker_mapping(checker, option->fields, node, ret_json);
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

		return checker_fail(checker, NULL, what);
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
	struct checker checker = {.why = why, .prefix = why->len};

	switch (option->kind) {
	case OPTION_FLAGS:
	case OPTION_STRINGS:
		return check_words(&checker, option, NULL, text, ret_json);
	case OPTION_TAGS:
		return check_tag_text(&checker, option, text, ret_json);
	case OPTION_SECTION:
	case OPTION_LIST:
		return checker_fail(&checker, NULL, "can be set in the configuration file alone");
	default:
		return check_scalar(&checker, option, NULL, text, ret_json);
	}
}
