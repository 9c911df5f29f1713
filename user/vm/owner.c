// SPDX-License-Identifier: Apache-2.0
#include "vm/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vm/proc_fs.h"

#define FILE_MAX_BYTES (1 << 20)
#define RANGES_MAX 4096

/* Subordinate uids of one user. */
struct range {
	uint32_t first, count;
	char *name;
};

/* A file of /etc as last read. */
struct source {
	char *path;
	struct stat st;
};

struct owner_policy {
	char **names;
	GHashTable *trusted; /* set of uids */
	GHashTable *users; /* uid to name */
	GArray *ranges; /* struct range */
	struct source passwd, subuid;
};

static void clear_range(gpointer range)
{
	g_free(((struct range *)range)->name);
}

static char **default_names(void)
{
	static const char *const names[] = {OWNERS_DEFAULT, NULL};

	return g_strdupv((char **)names);
}

struct owner_policy *owner_policy_new(const char *etc, const char *const *names, size_t n)
{
	struct owner_policy *policy = g_new0(struct owner_policy, 1);

	policy->names = n ? g_new0(char *, n + 1) : default_names();
	for (size_t i = 0; i < n; i++)
		policy->names[i] = g_strdup(names[i]);
	policy->trusted = g_hash_table_new(NULL, NULL);
	policy->users = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	policy->ranges = g_array_new(FALSE, FALSE, sizeof(struct range));
	g_array_set_clear_func(policy->ranges, clear_range);
	policy->passwd.path = g_build_filename(etc ?: "/etc", "passwd", NULL);
	policy->subuid.path = g_build_filename(etc ?: "/etc", "subuid", NULL);
	g_hash_table_add(policy->trusted, GUINT_TO_POINTER(0));
	owner_policy_refresh(policy);
	return policy;
}

void owner_policy_free(struct owner_policy *policy)
{
	if (!policy)
		return;
	g_strfreev(policy->names);
	g_hash_table_unref(policy->trusted);
	g_hash_table_unref(policy->users);
	g_array_unref(policy->ranges);
	g_free(policy->passwd.path);
	g_free(policy->subuid.path);
	g_free(policy);
}

/* The text where it differs from what was read last, else NULL. */
static char *read_changed(struct source *source)
{
	g_autofree char *text = NULL;
	struct stat st;
	ssize_t n;

	if (stat(source->path, &st) || !S_ISREG(st.st_mode))
		return NULL;
	if (st.st_ino == source->st.st_ino && st.st_size == source->st.st_size &&
	    st.st_mtim.tv_sec == source->st.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == source->st.st_mtim.tv_nsec)
		return NULL;
	text = g_malloc(FILE_MAX_BYTES + 1);
	n = proc_fs_read(AT_FDCWD, source->path, text, FILE_MAX_BYTES);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	source->st = st;
	return g_steal_pointer(&text);
}

static bool parse_id(const char *text, uint32_t *ret_id)
{
	uint64_t id;

	if (proc_parse_u64(text, strlen(text), UINT32_MAX, &id))
		return false;
	*ret_id = id;
	return true;
}

/* name:password:uid:... The first user of a uid names it, as getpwuid() does. */
static void take_users(struct owner_policy *policy, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	g_hash_table_remove_all(policy->users);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) field = g_strsplit(*line, ":", 4);
		uint32_t uid;

		if (g_strv_length(field) < 4 || !*field[0] || !parse_id(field[2], &uid))
			continue;
		if (!g_hash_table_contains(policy->users, GUINT_TO_POINTER(uid)))
			g_hash_table_insert(policy->users, GUINT_TO_POINTER(uid),
					    g_strndup(field[0], OWNER_NAME_MAX - 1));
		if (g_strv_contains((const char *const *)policy->names, field[0]))
			g_hash_table_add(policy->trusted, GUINT_TO_POINTER(uid));
	}
}

static void take_trusted(struct owner_policy *policy, const char *users)
{
	g_hash_table_remove_all(policy->trusted);
	g_hash_table_add(policy->trusted, GUINT_TO_POINTER(0));
	for (char **name = policy->names; *name; name++) {
		uint32_t uid;

		if (parse_id(*name, &uid))
			g_hash_table_add(policy->trusted, GUINT_TO_POINTER(uid));
	}
	take_users(policy, users);
}

/* name:first:count, where name may be a uid. */
static void take_ranges(struct owner_policy *policy, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	g_array_set_size(policy->ranges, 0);
	for (char **line = lines; *line && policy->ranges->len < RANGES_MAX; line++) {
		g_auto(GStrv) field = g_strsplit(*line, ":", 3);
		struct range range = {0};

		if (g_strv_length(field) != 3 || !*field[0] || !parse_id(field[1], &range.first) ||
		    !parse_id(field[2], &range.count) || !range.first)
			continue;
		g_array_append_val(policy->ranges, range);
		g_array_index(policy->ranges, struct range, policy->ranges->len - 1).name =
			g_strndup(field[0], OWNER_NAME_MAX - 1);
	}
}

void owner_policy_refresh(struct owner_policy *policy)
{
	g_autofree char *users = read_changed(&policy->passwd);
	g_autofree char *ranges = read_changed(&policy->subuid);

	if (users)
		take_trusted(policy, users);
	if (ranges)
		take_ranges(policy, ranges);
}

int owner_parse_status(const char *text, size_t len, struct owner_ids *ret_ids)
{
	static const char key[] = "\nUid:";
	const char *at = g_strstr_len(text, len, key), *end;
	struct owner_ids ids;

	if (!at)
		return -EINVAL;
	at += sizeof(key) - 1;
	end = memchr(at, '\n', text + len - at) ?: text + len;
	for (size_t i = 0; i < G_N_ELEMENTS(ids.uid); i++) {
		const char *from;
		uint64_t id;

		while (at < end && (*at == '\t' || *at == ' '))
			at++;
		for (from = at; at < end && g_ascii_isdigit(*at); at++)
			;
		if (proc_parse_u64(from, at - from, UINT32_MAX, &id))
			return -EINVAL;
		ids.uid[i] = id;
	}
	*ret_ids = ids;
	return 0;
}

static bool is_trusted(const struct owner_policy *policy, uint32_t uid)
{
	return uid != UINT32_MAX && g_hash_table_contains(policy->trusted, GUINT_TO_POINTER(uid));
}

static const char *user_name(const struct owner_policy *policy, uint32_t uid)
{
	return g_hash_table_lookup(policy->users, GUINT_TO_POINTER(uid));
}

/* The user whose subordinate uid it is, NULL: nobody's. */
static const char *range_name(const struct owner_policy *policy, uint32_t uid)
{
	for (guint i = 0; i < policy->ranges->len; i++) {
		const struct range *r = &g_array_index(policy->ranges, struct range, i);
		const char *name = NULL;
		uint32_t user;

		if (uid - r->first >= r->count)
			continue;
		if (parse_id(r->name, &user))
			name = user_name(policy, user);
		return name ? name : r->name;
	}
	return NULL;
}

static void name_owner(const struct owner_policy *policy, uint32_t uid, char *ret)
{
	const char *name = user_name(policy, uid);

	if (!name)
		name = range_name(policy, uid);
	if (name)
		g_strlcpy(ret, name, OWNER_NAME_MAX);
	else
		g_snprintf(ret, OWNER_NAME_MAX, "%u", uid);
}

void owner_judge(const struct owner_policy *policy, const struct owner_ids *ids, uint32_t exe_uid,
		 const char *exe, struct vm_owner *ret_owner)
{
	struct vm_owner owner = {.uid = ids->uid[0], .exe_uid = exe_uid};

	for (size_t i = 0; i < G_N_ELEMENTS(ids->uid) && !owner.ordinary; i++) {
		owner.ordinary = !is_trusted(policy, ids->uid[i]);
		if (owner.ordinary)
			owner.uid = ids->uid[i];
	}
	/* Whoever can write the program decides what it says. */
	if (!owner.ordinary && exe_uid != UINT32_MAX && !is_trusted(policy, exe_uid)) {
		owner.ordinary = true;
		owner.uid = exe_uid;
	}
	name_owner(policy, owner.uid, owner.name);
	g_strlcpy(owner.exe, exe ?: "", sizeof(owner.exe));
	*ret_owner = owner;
}

bool owner_equal(const struct vm_owner *a, const struct vm_owner *b)
{
	return a->uid == b->uid && a->exe_uid == b->exe_uid && a->ordinary == b->ordinary &&
	       a->vouched == b->vouched && !strcmp(a->name, b->name) && !strcmp(a->exe, b->exe);
}
