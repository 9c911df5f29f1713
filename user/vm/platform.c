// SPDX-License-Identifier: Apache-2.0
#include "vm/platform.h"

#include <fcntl.h>
#include <string.h>

#include "vm/proc_fs.h"

#define PVE_CONF_MAX 65536
#define PVE_USERS_MAX (1 << 20)

static void tag_clear(gpointer data)
{
	struct kvmlens_tag *tag = data;

	g_free((char *)tag->key);
	g_free((char *)tag->value);
}

GArray *platform_tags_new(void)
{
	GArray *tags = g_array_new(FALSE, FALSE, sizeof(struct kvmlens_tag));

	g_array_set_clear_func(tags, tag_clear);
	return tags;
}

/* Takes value. */
static void add(GArray *tags, const char *key, char *value)
{
	struct kvmlens_tag tag = {g_strdup(key), value};

	if (value && *value)
		g_array_append_val(tags, tag);
	else
		tag_clear(&tag);
}

const char *platform_tag_get(const GArray *tags, const char *key)
{
	for (unsigned i = 0; tags && i < tags->len; i++) {
		const struct kvmlens_tag *tag = &g_array_index(tags, struct kvmlens_tag, i);

		if (!strcmp(tag->key, key))
			return tag->value;
	}
	return NULL;
}

bool platform_tags_equal(const GArray *a, const GArray *b)
{
	if (a->len != b->len)
		return false;
	for (unsigned i = 0; i < a->len; i++) {
		const struct kvmlens_tag *x = &g_array_index(a, struct kvmlens_tag, i),
					 *y = &g_array_index(b, struct kvmlens_tag, i);

		if (strcmp(x->key, y->key) || strcmp(x->value, y->value))
			return false;
	}
	return true;
}

/* --- Kubernetes, KubeVirt ------------------------------------------------------------------- */

/*
 * The pod of ".../kubepods-burstable-pod0f1e..._....slice/..." or ".../pod0f1e...-.../...", in
 * canonical form. NULL: the process is in no pod.
 */
static char *pod_uid(const char *cgroup)
{
	char text[VMM_UUID_LEN + 1], uid[VMM_UUID_LEN + 1];

	for (const char *at = cgroup; (at = strstr(at, "pod")); at++) {
		if (strlen(at + 3) < VMM_UUID_LEN)
			return NULL;
		g_strlcpy(text, at + 3, sizeof(text));
		g_strdelimit(text, "_", '-');
		if (vmm_uuid_canonical(text, uid))
			return g_strdup(uid);
	}
	return NULL;
}

static bool is_kube_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!g_ascii_islower(text[i]) && !g_ascii_isdigit(text[i]) && text[i] != '-' &&
		    text[i] != '.')
			return false;
	return len > 0;
}

/* KubeVirt calls a domain NAMESPACE_NAME; neither holds an underscore. */
static void kubevirt(const struct vmm_cmdline *cmdline, bool pod, GArray *tags)
{
	bool says_so = !g_strcmp0(cmdline->manufacturer, "KubeVirt");
	const char *split = cmdline->name ? strchr(cmdline->name, '_') : NULL;

	if ((!pod && !says_so) || !split || !is_kube_name(cmdline->name, split - cmdline->name) ||
	    !is_kube_name(split + 1, strlen(split + 1)))
		return;
	add(tags, "kubevirt_namespace", g_strndup(cmdline->name, split - cmdline->name));
	add(tags, "kubevirt_name", g_strdup(split + 1));
}

/* --- OpenStack ------------------------------------------------------------------------------ */

/* "instance-0000001a", Nova's default instance_name_template. */
static bool is_nova_name(const char *name)
{
	static const char prefix[] = "instance-";
	const char *number = name + strlen(prefix);

	return g_str_has_prefix(name, prefix) && strlen(number) == 8 &&
	       strspn(number, "0123456789abcdef") == 8;
}

static void nova(const struct vmm_cmdline *cmdline, GArray *tags)
{
	bool says_so = cmdline->product && g_str_has_prefix(cmdline->product, "OpenStack ");

	if (cmdline->name && (says_so || is_nova_name(cmdline->name)))
		add(tags, "nova_instance", g_strdup(cmdline->name));
}

/* --- all ------------------------------------------------------------------------------------ */

static void qemu(const struct vmm_cmdline *cmdline, const char *uid, GArray *tags)
{
	const char *id = cmdline->id;

	if (id && strspn(id, "0123456789") == strlen(id))
		add(tags, "proxmox_vmid", g_strdup(id));
	kubevirt(cmdline, uid != NULL, tags);
	nova(cmdline, tags);
}

void platform_tags(const struct vmm_cmdline *cmdline, const char *cgroup, GArray *tags)
{
	g_autofree char *uid = cgroup && strstr(cgroup, "kube") ? pod_uid(cgroup) : NULL;

	if (cmdline->vmm == VMM_QEMU)
		qemu(cmdline, uid, tags);
	else if (cmdline->vmm == VMM_CLOUD_HYPERVISOR)
		add(tags, "cloud_hypervisor_id", g_strdup(cmdline->id));
	else if (cmdline->vmm == VMM_FIRECRACKER)
		add(tags, "firecracker_id", g_strdup(cmdline->id));
	add(tags, "kubernetes_pod_uid", g_steal_pointer(&uid));
}

/* --- Proxmox -------------------------------------------------------------------------------- */

void platform_pve_conf(const char *text, size_t len, GArray *tags)
{
	g_autofree char *copy = g_strndup(text, len);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);

	/* What a section has is of a snapshot. */
	for (char **line = lines; *line && **line != '['; line++)
		if (g_str_has_prefix(*line, "tags:"))
			add(tags, "proxmox_tags", g_strstrip(g_strdup(*line + strlen("tags:"))));
}

/* "pool:NAME:comment:100,101:storages:" */
void platform_pve_pool(const char *text, size_t len, const char *vmid, GArray *tags)
{
	g_autofree char *copy = g_strndup(text, len);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, ":", 6);
		g_auto(GStrv) vms = NULL;

		if (g_strv_length(fields) < 4 || strcmp(fields[0], "pool"))
			continue;
		vms = g_strsplit(fields[3], ",", -1);
		if (!g_strv_contains((const char *const *)vms, vmid))
			continue;
		add(tags, "proxmox_pool", g_strdup(fields[1]));
		return;
	}
}

static char *read_text(const char *path, size_t max, size_t *ret_len)
{
	char *text = g_malloc(max);
	ssize_t n = proc_fs_read(AT_FDCWD, path, text, max);

	*ret_len = n > 0 ? n : 0;
	return text;
}

void platform_pve_read(const char *pve, const char *vmid, GArray *tags)
{
	g_autofree char *conf = g_strdup_printf("%s/qemu-server/%s.conf", pve, vmid);
	g_autofree char *users = g_strdup_printf("%s/user.cfg", pve);
	g_autofree char *conf_text = NULL, *users_text = NULL;
	size_t len;

	conf_text = read_text(conf, PVE_CONF_MAX, &len);
	platform_pve_conf(conf_text, len, tags);
	users_text = read_text(users, PVE_USERS_MAX, &len);
	platform_pve_pool(users_text, len, vmid, tags);
}
