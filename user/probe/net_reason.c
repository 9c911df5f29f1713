// SPDX-License-Identifier: Apache-2.0
#include "probe/net_reason.h"

#include <glib.h>
#include <string.h>
#include <bpf/btf.h>

#define PREFIX "SKB_DROP_REASON_"
#define PREFIX_OLD "SKB_"

/* 071c0fc6fb91 (6.4): the upper half tells a subsystem with reasons of its own. */
#define SUBSYSTEM_SHIFT 16

struct net_reasons {
	GHashTable *names; /* by number */
};

static const char *shorten(const char *name)
{
	if (g_str_has_prefix(name, PREFIX))
		return name + strlen(PREFIX);
	return g_str_has_prefix(name, PREFIX_OLD) ? name + strlen(PREFIX_OLD) : name;
}

struct net_reasons *net_reasons_new(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "skb_drop_reason", BTF_KIND_ENUM) : -1;
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, id) : NULL;
	struct net_reasons *reasons = NULL;

	if (type) {
		const struct btf_enum *e = btf_enum(type);

		reasons = g_new0(struct net_reasons, 1);
		reasons->names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
		for (int i = 0; i < btf_vlen(type); i++)
			g_hash_table_insert(
				reasons->names, GUINT_TO_POINTER((uint32_t)e[i].val),
				g_strdup(shorten(btf__name_by_offset(btf, e[i].name_off))));
	}
	btf__free(btf);
	return reasons;
}

void net_reasons_free(struct net_reasons *reasons)
{
	if (!reasons)
		return;
	g_hash_table_unref(reasons->names);
	g_free(reasons);
}

const char *net_reason_name(struct net_reasons *reasons, uint32_t reason)
{
	char *name = g_hash_table_lookup(reasons->names, GUINT_TO_POINTER(reason));

	if (name)
		return name;
	name = reason >> SUBSYSTEM_SHIFT
		       ? g_strdup_printf("SUBSYS_%u_%u", reason >> SUBSYSTEM_SHIFT, reason & 0xffff)
		       : g_strdup_printf("REASON_%u", reason);
	g_hash_table_insert(reasons->names, GUINT_TO_POINTER(reason), name);
	return name;
}
