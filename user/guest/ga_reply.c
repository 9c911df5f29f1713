// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_reply.h"

#include <errno.h>
#include <string.h>

#include "guest/ga_scan.h"

#define MS_NS 1000000ull

const char *ga_command_name(enum ga_command command)
{
	static const char *const names[GA_COMMANDS] = {
		[GA_FILE_OPEN] = "guest-file-open",
		[GA_FILE_READ] = "guest-file-read",
		[GA_FILE_CLOSE] = "guest-file-close",
		[GA_CPUSTATS] = "guest-get-cpustats",
		[GA_FSINFO] = "guest-get-fsinfo",
		[GA_INTERFACES] = "guest-network-get-interfaces",
		[GA_OSINFO] = "guest-get-osinfo",
		[GA_EXEC] = "guest-exec",
		[GA_EXEC_STATUS] = "guest-exec-status",
	};

	return names[command];
}

int ga_reply_parse(const char *text, size_t len, json_t **ret_value)
{
	struct ga_scan scan = {0};
	size_t used;
	json_t *root, *value;
	int r = ga_scan_feed(&scan, text, len, &used);

	if (r <= 0)
		return r ?: -EPROTO;
	root = json_loadb(text, used, JSON_REJECT_DUPLICATES, NULL);
	if (!root)
		return -EPROTO;
	value = json_object_get(root, "return");
	r = value ? 0 : json_object_get(root, "error") ? -EREMOTEIO : -EPROTO;
	if (value)
		*ret_value = json_incref(value);
	json_decref(root);
	return r;
}

int ga_reply_number(const json_t *value, uint64_t *ret)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return -EINVAL;
	*ret = json_integer_value(value);
	return 0;
}

static uint64_t number_in(const json_t *object, const char *key)
{
	uint64_t number = KVMLENS_ABSENT;

	ga_reply_number(json_object_get(object, key), &number);
	return number;
}

/* As much of a text as there is room for. False: there is none. */
static bool text_in(const json_t *object, const char *key, char *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	g_strlcpy(ret, text ?: "", size);
	return text != NULL;
}

int ga_reply_commands(const json_t *value, unsigned *ret_allowed)
{
	const json_t *list = json_object_get(value, "supported_commands");
	unsigned allowed = 0;

	if (!json_is_array(list))
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(item, "name"));

		for (unsigned c = 0; name && c < GA_COMMANDS; c++)
			if (!strcmp(name, ga_command_name(c)) &&
			    json_is_true(json_object_get(item, "enabled")))
				allowed |= 1u << c;
	}
	*ret_allowed = allowed;
	return 0;
}

static int decode(const char *base64, size_t max, GString *ret_data)
{
	size_t len = strlen(base64);
	g_autofree guchar *data = NULL;
	gsize n;

	if (len > max / 3 * 4 + 8)
		return -EINVAL;
	data = g_base64_decode(base64, &n);
	g_string_truncate(ret_data, 0);
	g_string_append_len(ret_data, (const char *)data, MIN(n, max));
	return 0;
}

int ga_reply_file(const json_t *value, size_t max, GString *ret_data)
{
	const char *data = json_string_value(json_object_get(value, "buf-b64"));

	return data ? decode(data, max, ret_data) : -EINVAL;
}

int ga_reply_exec(const json_t *value, size_t max, GString *ret_data)
{
	const json_t *exited = json_object_get(value, "exited");
	const char *data = json_string_value(json_object_get(value, "out-data"));

	if (!json_is_boolean(exited))
		return -EINVAL;
	if (json_is_false(exited))
		return -EAGAIN;
	if (number_in(value, "exitcode") || !data)
		return -EREMOTEIO;
	return decode(data, max, ret_data);
}

static uint64_t ms_in(const json_t *object, const char *key)
{
	uint64_t ms = number_in(object, key);

	return ms > INT64_MAX / MS_NS ? KVMLENS_ABSENT : ms * MS_NS;
}

/* Absent, too, where it does not fit: a thousand CPUs are idle for centuries within months. */
static void add(uint64_t *sum, uint64_t value)
{
	bool fits = *sum != KVMLENS_ABSENT && value < KVMLENS_ABSENT - *sum;

	*sum = fits ? *sum + value : KVMLENS_ABSENT;
}

static void add_cpu(struct guest_cpu *total, const struct guest_cpu *cpu)
{
	add(&total->user_ns, cpu->user_ns);
	add(&total->nice_ns, cpu->nice_ns);
	add(&total->system_ns, cpu->system_ns);
	add(&total->irq_ns, cpu->irq_ns);
	add(&total->softirq_ns, cpu->softirq_ns);
	add(&total->iowait_ns, cpu->iowait_ns);
	add(&total->steal_ns, cpu->steal_ns);
	add(&total->idle_ns, cpu->idle_ns);
}

int ga_reply_cpustats(const json_t *value, struct guest_cpu *total, GArray *cpus)
{
	struct guest_cpu sum = {.run_delay_ns = KVMLENS_ABSENT};

	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *item = json_array_get(value, i);
		struct guest_cpu cpu = {
			.user_ns = ms_in(item, "user"),
			.nice_ns = ms_in(item, "nice"),
			.system_ns = ms_in(item, "system"),
			.irq_ns = ms_in(item, "irq"),
			.softirq_ns = ms_in(item, "softirq"),
			.iowait_ns = ms_in(item, "iowait"),
			.steal_ns = ms_in(item, "steal"),
			.idle_ns = ms_in(item, "idle"),
			.run_delay_ns = KVMLENS_ABSENT,
		};

		add_cpu(&sum, &cpu);
		g_array_append_val(cpus, cpu);
	}
	if (!cpus->len)
		return -EINVAL;
	*total = sum;
	return 0;
}

/* One device mounted in many places, as containers do it, is shown at the shortest path. */
static struct ga_fs *same_device(struct ga_result *result, const char *device)
{
	for (uint32_t i = 0; i < result->n_fs; i++)
		if (!strcmp(result->fs[i].device, device))
			return &result->fs[i];
	return NULL;
}

/* Is a more worth being shown than b? */
static bool matters_more(const struct ga_fs *a, const struct ga_fs *b)
{
	return a->read_only != b->read_only ? b->read_only : a->size > b->size;
}

static struct ga_fs *least(struct ga_result *result)
{
	struct ga_fs *fs = &result->fs[0];

	for (uint32_t i = 1; i < result->n_fs; i++)
		if (matters_more(fs, &result->fs[i]))
			fs = &result->fs[i];
	return fs;
}

static void take_fs(struct ga_result *result, const struct ga_fs *fs)
{
	struct ga_fs *other = same_device(result, fs->device);

	if (other) {
		bool read_only = other->read_only && fs->read_only;

		if (strlen(fs->mount) < strlen(other->mount))
			*other = *fs;
		other->read_only = read_only;
	} else if (result->n_fs < GA_FS_MAX) {
		result->fs[result->n_fs++] = *fs;
	} else {
		result->fs_left_out++;
		if (matters_more(fs, least(result)))
			*least(result) = *fs;
	}
}

static int by_device(const void *a, const void *b)
{
	return strcmp(((const struct ga_fs *)a)->device, ((const struct ga_fs *)b)->device);
}

static bool type_in(const char *type, const char *const *types)
{
	for (; *types; types++)
		if (!g_ascii_strcasecmp(type, *types))
			return true;
	return false;
}

/* Media and images that are full by their nature. Windows calls its own CDFS and UDF. */
static bool never_written(const char *type)
{
	static const char *const types[] = {"squashfs", "iso9660", "udf",    "cdfs", "erofs",
					    "romfs",	"cramfs",  "zisofs", NULL};

	return type_in(type, types);
}

/* Of these the agent's total is df's: they keep nothing for root. */
static bool keeps_nothing(const char *type)
{
	static const char *const types[] = {"xfs",   "vfat",  "msdos", "fat",	  "fat12", "fat16",
					    "fat32", "exfat", "ntfs",  "ntfs3",	  "refs",  "csvfs",
					    "hfs",   "jfs",   "bfs",   "fuseblk", NULL};

	return type_in(type, types) || never_written(type);
}

/*
 * Agents from 9.1 on give what df(1) calls the size as total-bytes-privileged; total-bytes is
 * without what is kept for root.
 */
static uint64_t whole_of(const json_t *item, const struct ga_fs *fs)
{
	uint64_t size = number_in(item, "total-bytes-privileged");

	if (size != KVMLENS_ABSENT && size >= fs->size)
		return size;
	return keeps_nothing(fs->type) ? fs->size : KVMLENS_ABSENT;
}

int ga_reply_fsinfo(const json_t *value, struct ga_result *result)
{
	if (!json_is_array(value))
		return -EINVAL;
	result->n_fs = 0;
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *item = json_array_get(value, i);
		struct ga_fs fs = {
			.size = number_in(item, "total-bytes"),
			.used = number_in(item, "used-bytes"),
		};

		/* Agents before 3.0 tell no sizes. */
		if (!text_in(item, "mountpoint", fs.mount, sizeof(fs.mount)) ||
		    !text_in(item, "name", fs.device, sizeof(fs.device)) ||
		    fs.size == KVMLENS_ABSENT || fs.used == KVMLENS_ABSENT || !fs.size ||
		    fs.used > fs.size)
			continue;
		text_in(item, "type", fs.type, sizeof(fs.type));
		fs.whole = whole_of(item, &fs);
		fs.read_only = never_written(fs.type);
		take_fs(result, &fs);
	}
	qsort(result->fs, result->n_fs, sizeof(result->fs[0]), by_device);
	return 0;
}

int ga_reply_interfaces(const json_t *value, struct ga_result *result)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	if (!json_is_array(value))
		return -EINVAL;
	g_free(result->nics);
	result->nics = g_new0(struct ga_nic, MIN(json_array_size(value), GA_NICS_MAX));
	result->n_nics = 0;
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *item = json_array_get(value, i);
		const json_t *statistics = json_object_get(item, "statistics");
		const char *name = json_string_value(json_object_get(item, "name"));
		struct ga_nic nic = {
			.rx_errors = number_in(statistics, "rx-errs"),
			.rx_dropped = number_in(statistics, "rx-dropped"),
			.tx_errors = number_in(statistics, "tx-errs"),
			.tx_dropped = number_in(statistics, "tx-dropped"),
		};

		/* The loopback has an address of zeros or none: it is no card. */
		if (!text_in(item, "name", nic.name, sizeof(nic.name)) || !nic.name[0] ||
		    !text_in(item, "hardware-address", nic.mac, sizeof(nic.mac)) ||
		    !strcmp(nic.mac, "00:00:00:00:00:00") ||
		    !g_hash_table_add(seen, (gpointer)name))
			continue;
		if (result->n_nics < GA_NICS_MAX)
			result->nics[result->n_nics++] = nic;
		else
			result->nics_left_out++;
	}
	return 0;
}

int ga_reply_osinfo(const json_t *value, struct ga_result *result)
{
	if (!json_is_object(value))
		return -EINVAL;
	text_in(value, "pretty-name", result->os, sizeof(result->os));
	text_in(value, "kernel-release", result->kernel, sizeof(result->kernel));
	return 0;
}
