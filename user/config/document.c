// SPDX-License-Identifier: Apache-2.0
#include "config/document.h"

#include <errno.h>
#include <stdbool.h>

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_parser_t, yaml_parser_delete)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_event_t, yaml_event_delete)

struct scan {
	unsigned depth, nodes, documents;
};

static void open_parser(yaml_parser_t *parser, const char *text, size_t len)
{
	/* Fails for want of memory alone, and GLib ends the process then as well. */
	if (!yaml_parser_initialize(parser))
		g_error("no memory for a YAML parser");
	yaml_parser_set_input_string(parser, (const unsigned char *)text, len);
}

static int syntax_error(const yaml_parser_t *parser, GString *why)
{
	size_t line = parser->problem_mark.line;

	g_string_append_printf(why, "%zu: not valid YAML: %s", line + 1,
			       parser->problem ? parser->problem : "unreadable");
	if (parser->context)
		g_string_append_printf(why, " (%s)", parser->context);
	g_string_append(why, "; check quotes, brackets and indentation there");
	return -EINVAL;
}

/* What an event adds to depth and counts; a message when that is too much, else NULL. */
static const char *scan_event(struct scan *scan, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return ++scan->documents > 1 ? "a second document begins; keep one" : NULL;
	case YAML_ALIAS_EVENT:
		return "aliases are not supported; write the value out";
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		if (++scan->depth > DOCUMENT_MAX_DEPTH)
			return "nested too deeply; remove brackets or indentation";
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		scan->depth--;
		return NULL;
	case YAML_SCALAR_EVENT:
		break;
	default:
		return NULL;
	}
	return ++scan->nodes > DOCUMENT_MAX_NODES ? "too many values; shorten the file" : NULL;
}

/* Aliases and depth must be seen before a tree is built: in the tree they are gone. */
static int scan_events(const char *text, size_t len, GString *why)
{
	g_auto(yaml_parser_t) parser = {};
	struct scan scan = {};
	bool end = false;

	open_parser(&parser, text, len);
	while (!end) {
		g_auto(yaml_event_t) event = {};
		const char *problem;

		if (!yaml_parser_parse(&parser, &event))
			return syntax_error(&parser, why);
		problem = scan_event(&scan, &event);
		if (problem) {
			g_string_append_printf(why, "%zu: %s", event.start_mark.line + 1, problem);
			return -EINVAL;
		}
		end = event.type == YAML_STREAM_END_EVENT;
	}
	return 0;
}

int document_parse(const char *text, size_t len, yaml_document_t *ret_document, GString *why)
{
	g_auto(yaml_parser_t) parser = {};
	yaml_document_t document;
	int err;

	if (len > DOCUMENT_MAX_BYTES) {
		g_string_append_printf(why, "1: the file is larger than %d KiB; shorten it",
				       DOCUMENT_MAX_BYTES / 1024);
		return -EINVAL;
	}
	err = scan_events(text, len, why);
	if (err)
		return err;
	open_parser(&parser, text, len);
	if (!yaml_parser_load(&parser, &document))
		return syntax_error(&parser, why);
	*ret_document = document;
	return 0;
}
