// SPDX-License-Identifier: Apache-2.0
#include "vm/libvirt_xml.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include "vm/proc_parse.h"
#include "vm/vmm_cmdline.h"

#define INFO_MAX 24
#define DEVICES_MAX 256
#define VALUE_MAX 256

#define NOVA_NS "http://openstack.org/xmlns/libvirt/nova/" /* and a version */
#define KUBEVIRT_NS "http://kubevirt.io"
#define OSINFO_NS "http://libosinfo.org/xmlns/libvirt/domain/" /* and a version */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

static bool begins(const char *text, size_t len, const char *word)
{
	return len >= strlen(word) && !memcmp(text, word, strlen(word));
}

/*
 * Does a document type stand before the root element, the only place where XML allows one? The
 * same text in a comment, in CDATA or in an attribute is data.
 */
static bool has_doctype(const char *xml, size_t len)
{
	const char *end = xml + len, *past;

	while (xml < end) {
		const char *close = NULL;

		xml = memchr(xml, '<', end - xml);
		if (!xml)
			return false;
		if (begins(xml, end - xml, "<!--"))
			close = "-->";
		else if (begins(xml, end - xml, "<?"))
			close = "?>";
		else
			return begins(xml, end - xml, "<!");
		past = g_strstr_len(xml + 2, end - xml - 2, close);
		if (!past)
			return false;
		xml = past + strlen(close);
	}
	return false;
}

static int read_doc(const char *xml, size_t len, xmlDoc **ret_doc)
{
	xmlDoc *doc;

	if (len > LIBVIRT_XML_MAX)
		return -E2BIG;
	/* libvirt writes no document type. Whoever smuggles one in wants entities. */
	if (has_doctype(xml, len))
		return -EINVAL;
	doc = xmlReadMemory(xml, len, NULL, NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (!doc)
		return -EINVAL;
	/* In an encoding in which it was not found above. Entities are not substituted. */
	if (xmlGetIntSubset(doc)) {
		xmlFreeDoc(doc);
		return -EINVAL;
	}
	*ret_doc = doc;
	return 0;
}

static bool is_element(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

static const xmlNode *child(const xmlNode *node, const char *name)
{
	for (const xmlNode *n = node ? node->children : NULL; n; n = n->next)
		if (is_element(n, name))
			return n;
	return NULL;
}

static char *take(xmlChar *text)
{
	char *copy = text && *text ? g_strndup((const char *)text, VALUE_MAX) : NULL;

	xmlFree(text);
	return copy;
}

/* NULL: not there, or empty. The caller frees. */
static char *attribute(const xmlNode *node, const char *name)
{
	return node ? take(xmlGetNoNsProp(node, (const xmlChar *)name)) : NULL;
}

static char *content(const xmlNode *node)
{
	return node ? take(xmlNodeGetContent(node)) : NULL;
}

static bool in_namespace(const xmlNode *node, const char *prefix)
{
	return node->type == XML_ELEMENT_NODE && node->ns && node->ns->href &&
	       g_str_has_prefix((const char *)node->ns->href, prefix);
}

/* --- labels --------------------------------------------------------------------------------- */

static void add_info(struct libvirt_meta *meta, const char *key, char *value)
{
	struct kvmlens_tag tag = {g_strdup(key), value};

	if (value && *value && meta->info->len < INFO_MAX) {
		g_array_append_val(meta->info, tag);
		return;
	}
	g_free((char *)tag.key);
	g_free(value);
}

/* OpenStack: <nova:instance><nova:name/><nova:flavor name=''/><nova:owner>… */
static void nova(struct libvirt_meta *meta, const xmlNode *instance)
{
	const xmlNode *owner = child(instance, "owner");

	add_info(meta, "nova_name", content(child(instance, "name")));
	add_info(meta, "nova_flavor", attribute(child(instance, "flavor"), "name"));
	add_info(meta, "nova_project", content(child(owner, "project")));
	add_info(meta, "nova_project_id", attribute(child(owner, "project"), "uuid"));
	add_info(meta, "nova_user", content(child(owner, "user")));
}

/* KubeVirt calls a domain NAMESPACE_NAME; neither holds an underscore. */
static void kubevirt(struct libvirt_meta *meta, const xmlNode *node, const char *domain)
{
	const char *separator = domain ? strchr(domain, '_') : NULL;

	add_info(meta, "kubevirt_uid", content(child(node, "uid")));
	if (!separator)
		return;
	add_info(meta, "kubevirt_namespace", g_strndup(domain, separator - domain));
	add_info(meta, "kubevirt_name", g_strdup(separator + 1));
}

static void own_labels(struct libvirt_meta *meta, const xmlNode *labels)
{
	for (const xmlNode *n = labels->children; n; n = n->next) {
		g_autofree char *name = is_element(n, "label") ? attribute(n, "name") : NULL;

		if (name)
			add_info(meta, name, content(n));
	}
}

static void parse_metadata(struct libvirt_meta *meta, const xmlNode *domain)
{
	const xmlNode *metadata = child(domain, "metadata");
	g_autofree char *name = content(child(domain, "name"));

	add_info(meta, "title", content(child(domain, "title")));
	for (const xmlNode *n = metadata ? metadata->children : NULL; n; n = n->next) {
		if (in_namespace(n, NOVA_NS) && is_element(n, "instance"))
			nova(meta, n);
		else if (in_namespace(n, KUBEVIRT_NS) && is_element(n, "kubevirt"))
			kubevirt(meta, n, name);
		else if (in_namespace(n, OSINFO_NS) && is_element(n, "libosinfo"))
			add_info(meta, "os", attribute(child(n, "os"), "id"));
		else if (in_namespace(n, LIBVIRT_XML_LABELS_NS) && is_element(n, "labels"))
			own_labels(meta, n);
	}
}

/* --- devices -------------------------------------------------------------------------------- */

static void add_device(GArray *devices, const xmlNode *node)
{
	struct libvirt_device device = {
		.target = attribute(child(node, "target"), "dev"),
		.alias = attribute(child(node, "alias"), "name"),
		.mac = attribute(child(node, "mac"), "address"),
	};
	g_autofree char *type = attribute(node, "type");

	device.media = child(node, "source") != NULL;
	device.file = !type || !strcmp(type, "file");

	if (device.target && devices->len < DEVICES_MAX) {
		g_array_append_val(devices, device);
		return;
	}
	g_free(device.target);
	g_free(device.alias);
	g_free(device.mac);
}

static void parse_devices(struct libvirt_meta *meta, const xmlNode *domain)
{
	const xmlNode *devices = child(domain, "devices");

	for (const xmlNode *n = devices ? devices->children : NULL; n; n = n->next) {
		if (is_element(n, "disk")) {
			add_device(meta->disks, n);
			meta->mirror |= child(n, "mirror") != NULL;
		} else if (is_element(n, "interface")) {
			add_device(meta->nics, n);
		}
	}
}

static void clear_tag(gpointer data)
{
	struct kvmlens_tag *tag = data;

	g_free((char *)tag->key);
	g_free((char *)tag->value);
}

static void clear_device(gpointer data)
{
	struct libvirt_device *device = data;

	g_free(device->target);
	g_free(device->alias);
	g_free(device->mac);
}

static GArray *array_new(size_t size, GDestroyNotify clear)
{
	GArray *array = g_array_new(FALSE, FALSE, size);

	g_array_set_clear_func(array, clear);
	return array;
}

int libvirt_meta_parse(const char *xml, size_t len, struct libvirt_meta **ret_meta)
{
	g_autoptr(xmlDoc) doc = NULL;
	struct libvirt_meta *meta;
	const xmlNode *domain;
	int r = read_doc(xml, len, &doc);

	if (r)
		return r;
	domain = xmlDocGetRootElement(doc);
	if (!domain || !is_element(domain, "domain"))
		return -EINVAL;
	meta = g_new0(struct libvirt_meta, 1);
	meta->info = array_new(sizeof(struct kvmlens_tag), clear_tag);
	meta->disks = array_new(sizeof(struct libvirt_device), clear_device);
	meta->nics = array_new(sizeof(struct libvirt_device), clear_device);
	parse_metadata(meta, domain);
	parse_devices(meta, domain);
	*ret_meta = meta;
	return 0;
}

void libvirt_meta_free(struct libvirt_meta *meta)
{
	if (!meta)
		return;
	g_array_unref(meta->info);
	g_array_unref(meta->disks);
	g_array_unref(meta->nics);
	g_free(meta);
}

const struct libvirt_device *libvirt_device_find(const GArray *devices, const char *target)
{
	for (unsigned i = 0; i < devices->len; i++) {
		const struct libvirt_device *device =
			&g_array_index(devices, struct libvirt_device, i);

		if (!strcmp(device->target, target))
			return device;
	}
	return NULL;
}

/* --- status --------------------------------------------------------------------------------- */

int libvirt_status_parse(const char *xml, size_t len, struct libvirt_status *ret_status)
{
	g_autofree char *pid = NULL, *uuid = NULL, *active = NULL, *async = NULL;
	struct libvirt_status status = {0};
	g_autoptr(xmlDoc) doc = NULL;
	const xmlNode *root;
	uint64_t number;
	int r = read_doc(xml, len, &doc);

	if (r)
		return r;
	root = xmlDocGetRootElement(doc);
	if (!root || !is_element(root, "domstatus"))
		return -EINVAL;
	pid = attribute(root, "pid");
	if (pid && !proc_parse_u64(pid, strlen(pid), INT_MAX, &number))
		status.pid = number;
	uuid = content(child(child(root, "domain"), "uuid"));
	if (uuid)
		vmm_uuid_canonical(uuid, status.uuid);
	active = attribute(child(root, "blockjobs"), "active");
	status.block_job = active && !strcmp(active, "yes");
	async = attribute(child(root, "job"), "async");
	status.incoming = async && !strcmp(async, "migration in");
	*ret_status = status;
	return 0;
}
