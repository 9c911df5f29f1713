// SPDX-License-Identifier: Apache-2.0
#include "vm/block_graph.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "vm/qemu_args.h"
#include "vm/vmm_cmdline.h"

#define DEPTH_MAX 16 /* nodes from a disk to its file */
#define KEY_DEPTH_MAX 16 /* dots in a key */
#define OPTION_MAX 65536
#define UNITS_MAX 1024 /* drives of one interface that are searched for a free place */

/* Of QEMU's hw/block: the interfaces of -drive, in what they are called, and units a bus. */
enum interface { IF_NONE, IF_IDE, IF_SCSI, IF_FLOPPY, IF_PFLASH, IF_MTD, IF_SD, IF_VIRTIO, IF_XEN };

static const char *const interface_names[] = {"none", "ide", "scsi",   "floppy", "pflash",
					      "mtd",  "sd",  "virtio", "xen"};

struct place {
	enum interface interface;
	unsigned bus, unit;
};

struct graph {
	GArray *disks; /* struct block_disk */
	GArray *places; /* struct place: taken */
	GHashTable *nodes; /* node-name -> json_t, borrowed */
	GPtrArray *roots; /* json_t: every -blockdev, owned */
	GHashTable *names; /* of disks, set; borrowed */
	GHashTable *firmware, *cdroms; /* set of drives and nodes that such a device uses */
	enum interface machine_default;
	unsigned ide_units;
};

static void disk_clear(gpointer data)
{
	struct block_disk *disk = data;

	g_free(disk->name);
	g_free(disk->path);
}

static void json_free(gpointer data)
{
	json_decref(data);
}

/* --- options as objects --------------------------------------------------------------------- */

/*
 * object.a.b.c = value, of the key "a.b.c". What is there already and no object stays. Neither need
 * be UTF-8, as a path need not.
 */
static void set_dotted(json_t *object, const char *key, const char *value)
{
	g_auto(GStrv) parts = g_strsplit(key, ".", KEY_DEPTH_MAX);

	for (char **part = parts; *part; part++) {
		json_t *inner;

		if (!part[1]) {
			json_object_set_new_nocheck(object, *part, json_string_nocheck(value));
			return;
		}
		inner = json_object_get(object, *part);
		if (!inner) {
			inner = json_object();
			json_object_set_new_nocheck(object, *part, inner);
		}
		if (!json_is_object(inner))
			return;
		object = inner;
	}
}

/* An option string, "key=value,..." or JSON, as an object. NULL: it is none. New reference. */
static json_t *option_object(const char *option, const char *implied)
{
	g_autofree char *key = NULL, *value = NULL;
	const char *at = option;
	json_t *object;

	if (strlen(option) > OPTION_MAX)
		return NULL;
	if (option[0] == '{')
		return json_loads(option, 0, NULL);
	object = json_object();
	while (vmm_option_next(option, &at, implied, &key, &value)) {
		bool off = !key && g_str_has_prefix(value, "no");

		/* A word alone is a switch: "readonly", "noreadonly". */
		if (key)
			set_dotted(object, key, value);
		else
			set_dotted(object, value + (off ? 2 : 0), off ? "off" : "on");
		g_clear_pointer(&key, g_free);
		g_clear_pointer(&value, g_free);
	}
	return object;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool is_on(const json_t *value)
{
	const char *text = json_string_value(value);

	return json_is_true(value) || (text && (!strcmp(text, "on") || !strcmp(text, "yes") ||
						!strcmp(text, "true") || !strcmp(text, "y")));
}

static long number_of(const json_t *object, const char *key)
{
	const char *text = text_of(object, key);
	char *end;
	long n = text && *text ? strtol(text, &end, 10) : -1;

	return n >= 0 && n < UNITS_MAX && !*end ? n : -1;
}

/* --- from a node to its file ---------------------------------------------------------------- */

/* A path of this host; NULL: it is something else, as nbd://host/export. */
static const char *local_path(const char *file)
{
	static const char *const protocols[] = {"file:", "host_device:", "host_cdrom:"};
	size_t n;

	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++)
		if (g_str_has_prefix(file, protocols[i]))
			return file + strlen(protocols[i]);
	/* A colon before the first slash ends a protocol's name. */
	n = strcspn(file, ":/");
	return *file && file[n] != ':' ? file : NULL;
}

static bool is_file_driver(const char *driver)
{
	static const char *const drivers[] = {"file", "host_device", "host_cdrom", "io_uring",
					      NULL};

	return !driver || g_strv_contains(drivers, driver);
}

struct walk {
	const struct graph *graph;
	unsigned depth;
	bool read_only;
	char *path;
};

static void walk_node(struct walk *walk, const json_t *node);

/* The first child of a quorum, which is a list, or keys "0", "1" and on. */
static const json_t *first_child(const json_t *node)
{
	const json_t *children = json_object_get(node, "children");

	return json_is_array(children) ? json_array_get(children, 0)
				       : json_object_get(children, "0");
}

static void walk_object(struct walk *walk, const json_t *node)
{
	/* Where the guest's data is; blkverify has two alike. Backing files are no part of it. */
	static const char *const children[] = {"file", "test", "image"};
	const char *filename = text_of(node, "filename");
	const json_t *child = NULL;

	walk->read_only |= is_on(json_object_get(node, "read-only"));
	for (size_t i = 0; i < G_N_ELEMENTS(children) && !child; i++)
		child = json_object_get(node, children[i]);
	if (!child)
		child = first_child(node);
	if (child)
		walk_node(walk, child);
	else if (filename && *filename && is_file_driver(text_of(node, "driver")))
		walk->path = g_strdup(filename);
}

/* A node, or the name of one. */
static void walk_node(struct walk *walk, const json_t *node)
{
	const char *name = json_string_value(node);

	if (++walk->depth > DEPTH_MAX)
		return;
	if (name)
		node = g_hash_table_lookup(walk->graph->nodes, name);
	if (json_is_object(node))
		walk_object(walk, node);
}

/* --- disks ---------------------------------------------------------------------------------- */

static void add_disk(struct graph *g, const char *name, char *path, enum block_kind kind)
{
	struct block_disk disk = {g_strdup(name), path, kind};

	if (!*name || g->disks->len >= BLOCK_DISKS_MAX ||
	    !g_hash_table_add(g->names, g_strdup(name))) {
		disk_clear(&disk);
		return;
	}
	g_array_append_val(g->disks, disk);
}

static enum interface interface_of(const struct graph *g, const char *name)
{
	for (size_t i = 0; name && i < G_N_ELEMENTS(interface_names); i++)
		if (!strcmp(name, interface_names[i]))
			return (enum interface)i;
	return g->machine_default;
}

static unsigned units_of(const struct graph *g, enum interface interface)
{
	return interface == IF_IDE ? g->ide_units : interface == IF_SCSI ? 7 : 0;
}

static bool is_taken(const struct graph *g, const struct place *place)
{
	for (unsigned i = 0; i < g->places->len; i++) {
		const struct place *p = &g_array_index(g->places, struct place, i);

		if (p->interface == place->interface && p->bus == place->bus &&
		    p->unit == place->unit)
			return true;
	}
	return false;
}

/* As drive_new() of QEMU does: an index, or a bus and a unit, or the first free one. */
static struct place take_place(struct graph *g, const json_t *drive, enum interface interface)
{
	long index = number_of(drive, "index"), bus = number_of(drive, "bus"),
	     unit = number_of(drive, "unit");
	unsigned units = units_of(g, interface);
	struct place place = {interface, bus > 0 ? bus : 0, unit >= 0 ? unit : 0};

	if (index >= 0) {
		place.bus = units ? index / units : 0;
		place.unit = units ? index % units : index;
	} else if (unit < 0) {
		for (unsigned i = 0; i < UNITS_MAX && is_taken(g, &place); i++) {
			place.unit++;
			if (units && place.unit >= units) {
				place.unit = 0;
				place.bus++;
			}
		}
	}
	g_array_append_val(g->places, place);
	return place;
}

static char *place_name(const struct graph *g, const struct place *place, bool cdrom)
{
	const char *media = place->interface == IF_IDE || place->interface == IF_SCSI
				    ? cdrom ? "-cd" : "-hd"
				    : "";
	const char *name = interface_names[place->interface];

	if (units_of(g, place->interface))
		return g_strdup_printf("%s%u%s%u", name, place->bus, media, place->unit);
	return g_strdup_printf("%s%s%u", name, media, place->unit);
}

/* What -drive calls "file" is a name with a protocol, or a node in JSON. */
static char *drive_path(const struct graph *g, const json_t *drive, bool *read_only)
{
	const char *file = text_of(drive, "file"), *path;
	struct walk walk = {.graph = g};

	if (file && g_str_has_prefix(file, "json:")) {
		json_t *node = strlen(file) < OPTION_MAX ? json_loads(file + 5, 0, NULL) : NULL;

		walk_node(&walk, node);
		json_decref(node);
	} else if (file) {
		path = local_path(file);
		return path ? g_strdup(path) : NULL;
	} else {
		walk_object(&walk, drive);
	}
	*read_only |= walk.read_only;
	return walk.path;
}

static void add_drive(struct graph *g, const json_t *drive)
{
	const char *id = text_of(drive, "id"), *media = text_of(drive, "media");
	enum interface interface = interface_of(g, text_of(drive, "if"));
	bool cdrom = media && !strcmp(media, "cdrom");
	bool read_only = is_on(json_object_get(drive, "readonly")) ||
			 is_on(json_object_get(drive, "read-only"));
	struct place place = take_place(g, drive, interface);
	g_autofree char *made = place_name(g, &place, cdrom);
	enum block_kind kind;
	char *path;

	if (!id || !*id)
		id = made;
	path = drive_path(g, drive, &read_only);
	if (interface == IF_PFLASH || g_hash_table_contains(g->firmware, id))
		kind = BLOCK_FIRMWARE;
	else if (cdrom || g_hash_table_contains(g->cdroms, id))
		kind = BLOCK_CDROM;
	else
		kind = read_only ? BLOCK_READ_ONLY : BLOCK_DISK;
	add_disk(g, id, path, kind);
}

/*
 * libvirt numbers its nodes anew at each start. Its disk virtio-disk0 is what its XML, and its own
 * statistics, call vda; any other id is at least the one in its XML. NULL: not libvirt's.
 */
static char *libvirt_target(const char *node, const char *device)
{
	static const char disk[] = "virtio-disk";
	char letters[8] = "", *at = letters + sizeof(letters) - 1;
	unsigned index, rest;
	const char *digits;

	if (!g_str_has_prefix(node, "libvirt-") || !device || !*device)
		return NULL;
	digits = device + strlen(disk);
	if (!g_str_has_prefix(device, disk) || !*digits || strlen(digits) > 4 ||
	    strspn(digits, "0123456789") != strlen(digits))
		return g_strdup(device);
	index = strtoul(digits, NULL, 10);
	for (rest = index + 1; rest; rest = (rest - 1) / 26)
		*--at = (char)('a' + (rest - 1) % 26);
	return g_strconcat("vd", at, NULL);
}

/* A node that a device uses; a drive of that name is listed already. */
static void add_used(struct graph *g, const char *name, const json_t *device)
{
	const json_t *node = g_hash_table_lookup(g->nodes, name);
	g_autofree char *target = NULL;
	struct walk walk = {.graph = g};
	enum block_kind kind;

	if (!node)
		return;
	walk_node(&walk, node);
	kind = g_hash_table_contains(g->firmware, name) ? BLOCK_FIRMWARE
	       : g_hash_table_contains(g->cdroms, name) ? BLOCK_CDROM
	       : walk.read_only				? BLOCK_READ_ONLY
							: BLOCK_DISK;
	target = libvirt_target(name, text_of(device, "id"));
	add_disk(g, target ?: name, walk.path, kind);
}

/* --- the command line ----------------------------------------------------------------------- */

static void index_nodes(struct graph *g, json_t *node, unsigned depth)
{
	const char *name = text_of(node, "node-name"), *key;
	json_t *child;

	if (depth > DEPTH_MAX || !json_is_object(node))
		return;
	if (name && *name)
		g_hash_table_insert(g->nodes, (gpointer)name, node);
	json_object_foreach(node, key, child) index_nodes(g, child, depth + 1);
}

static void take_blockdev(struct graph *g, const char *value)
{
	json_t *node = option_object(value, "driver");

	if (!node)
		return;
	g_ptr_array_add(g->roots, node);
	index_nodes(g, node, 0);
}

static const char *const device_drives[] = {"drive", "driveA", "driveB"};

static void mark_device(struct graph *g, const json_t *device)
{
	const char *driver = text_of(device, "driver");

	for (size_t i = 0; driver && i < G_N_ELEMENTS(device_drives); i++) {
		const char *drive = text_of(device, device_drives[i]);

		if (drive && g_str_has_suffix(driver, "-cd"))
			g_hash_table_add(g->cdroms, g_strdup(drive));
		else if (drive && g_str_has_prefix(driver, "cfi.pflash"))
			g_hash_table_add(g->firmware, g_strdup(drive));
	}
}

static void use_device(struct graph *g, const json_t *device)
{
	for (size_t i = 0; i < G_N_ELEMENTS(device_drives); i++) {
		const char *drive = text_of(device, device_drives[i]);

		if (drive)
			add_used(g, drive, device);
	}
}

/* -machine pflash0=NODE and -global driver=cfi.pflash01,property=drive,value=NODE. */
static void mark_firmware(struct graph *g, const struct qemu_arg *arg)
{
	static const char *const keys[] = {"pflash0", "pflash1"};
	bool machine = !strcmp(arg->option, "machine") || !strcmp(arg->option, "M");
	char *value;

	for (size_t i = 0; machine && i < G_N_ELEMENTS(keys); i++) {
		value = vmm_option_get(arg->value, "type", keys[i]);
		if (value)
			g_hash_table_add(g->firmware, value);
	}
	if (!strcmp(arg->option, "global") && strstr(arg->value, "cfi.pflash")) {
		value = vmm_option_get(arg->value, NULL, "value");
		if (!value)
			value = vmm_option_get(arg->value, NULL, "cfi.pflash01.drive");
		if (value)
			g_hash_table_add(g->firmware, value);
	}
}

/* The interface that a machine gives to drives without one, as its class in QEMU says. */
static void take_machine(struct graph *g, const char *program, const char *type)
{
	static const struct {
		const char *program, *machine; /* prefixes; machine NULL: any */
		enum interface interface;
	} defaults[] = {
		{"qemu-system-aarch64", "virt", IF_VIRTIO},
		{"qemu-system-aarch64", "sbsa", IF_IDE},
		{"qemu-system-aarch64", "raspi", IF_SD},
		{"qemu-system-arm", "virt", IF_VIRTIO},
		{"qemu-system-arm", "vexpress", IF_SD},
		{"qemu-system-arm", "raspi", IF_SD},
		{"qemu-system-arm", "versatile", IF_SCSI},
		{"qemu-system-arm", "realview", IF_SCSI},
		{"qemu-system-arm", NULL, IF_NONE},
		{"qemu-system-aarch64", NULL, IF_NONE},
		{"qemu-system-s390x", NULL, IF_VIRTIO},
		{"qemu-system-loongarch64", NULL, IF_VIRTIO},
		{"qemu-system-ppc64", "powernv", IF_IDE},
		{"qemu-system-ppc64", "mac", IF_IDE},
		{"qemu-system-ppc64", NULL, IF_SCSI},
		{"qemu-system-hppa", NULL, IF_SCSI},
		{"qemu-system-sparc64", NULL, IF_IDE},
		{"qemu-system-sparc", NULL, IF_SCSI},
		{"qemu-system-riscv", NULL, IF_NONE},
		{"qemu-system-m68k", "q800", IF_SCSI},
	};

	g->machine_default = IF_IDE;
	/* A bus of AHCI has one unit. */
	g->ide_units = strstr(type, "q35") || g_str_has_prefix(type, "sbsa") ? 1 : 2;
	for (size_t i = 0; program && i < G_N_ELEMENTS(defaults); i++) {
		if (!g_str_has_prefix(program, defaults[i].program) ||
		    (defaults[i].machine && !g_str_has_prefix(type, defaults[i].machine)))
			continue;
		g->machine_default = defaults[i].interface;
		return;
	}
}

static void find_machine(struct graph *g, const GArray *args, const char *program)
{
	g_autofree char *type = g_strdup("");

	for (unsigned i = 0; i < args->len; i++) {
		const struct qemu_arg *arg = &g_array_index(args, struct qemu_arg, i);
		char *found = NULL;

		if (!strcmp(arg->option, "machine") || !strcmp(arg->option, "M"))
			found = vmm_option_get(arg->value, "type", "type");
		if (!found)
			continue;
		g_free(type);
		type = found;
	}
	take_machine(g, program, type);
}

/* -hda and the like, and an image without an option, as the -drive that QEMU makes of them. */
static json_t *drive_object(const struct qemu_arg *arg)
{
	static const struct {
		const char *option, *interface, *media;
		int index;
	} shorts[] = {
		{"", NULL, "disk", 0},		{"hda", NULL, "disk", 0},
		{"hdb", NULL, "disk", 1},	{"hdc", NULL, "disk", 2},
		{"hdd", NULL, "disk", 3},	{"cdrom", NULL, "cdrom", 2},
		{"fda", "floppy", NULL, 0},	{"fdb", "floppy", NULL, 1},
		{"pflash", "pflash", NULL, -1}, {"mtdblock", "mtd", NULL, -1},
		{"sd", "sd", NULL, -1},
	};
	char index[8];
	json_t *drive;

	if (!strcmp(arg->option, "drive"))
		return option_object(arg->value, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(shorts); i++) {
		if (strcmp(arg->option, shorts[i].option))
			continue;
		drive = json_object();
		json_object_set_new(drive, "file", json_string_nocheck(arg->value));
		if (shorts[i].interface)
			json_object_set_new(drive, "if", json_string(shorts[i].interface));
		if (shorts[i].media)
			json_object_set_new(drive, "media", json_string(shorts[i].media));
		g_snprintf(index, sizeof(index), "%d", shorts[i].index);
		if (shorts[i].index >= 0)
			json_object_set_new(drive, "index", json_string(index));
		return drive;
	}
	return NULL;
}

/* -set drive.ID.KEY=VALUE comes after all drives, wherever it stands. */
static void apply_set(GPtrArray *drives, const char *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ".", 3);
	char *equals;

	if (g_strv_length(parts) != 3 || strcmp(parts[0], "drive"))
		return;
	equals = strchr(parts[2], '=');
	if (!equals)
		return;
	*equals = '\0';
	for (unsigned i = 0; i < drives->len; i++) {
		const char *id = text_of(drives->pdata[i], "id");

		if (id && !strcmp(id, parts[1]))
			set_dotted(drives->pdata[i], parts[2], equals + 1);
	}
}

GArray *block_graph_disks(const GArray *args, const char *program)
{
	g_autoptr(GPtrArray) drives = g_ptr_array_new_with_free_func(json_free);
	g_autoptr(GPtrArray) devices = g_ptr_array_new_with_free_func(json_free);
	struct graph g = {
		.disks = g_array_new(FALSE, FALSE, sizeof(struct block_disk)),
		.places = g_array_new(FALSE, FALSE, sizeof(struct place)),
		.nodes = g_hash_table_new(g_str_hash, g_str_equal),
		.roots = g_ptr_array_new_with_free_func(json_free),
		.names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.firmware = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.cdroms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	};

	g_array_set_clear_func(g.disks, disk_clear);
	find_machine(&g, args, program);
	for (unsigned i = 0; i < args->len; i++) {
		const struct qemu_arg *arg = &g_array_index(args, struct qemu_arg, i);
		json_t *object;

		mark_firmware(&g, arg);
		if (!strcmp(arg->option, "blockdev")) {
			take_blockdev(&g, arg->value);
		} else if (!strcmp(arg->option, "device")) {
			object = option_object(arg->value, "driver");
			if (object)
				g_ptr_array_add(devices, object);
		} else {
			object = drive_object(arg);
			if (object && drives->len < UNITS_MAX)
				g_ptr_array_add(drives, object);
			else
				json_decref(object);
		}
	}
	for (unsigned i = 0; i < args->len; i++) {
		const struct qemu_arg *arg = &g_array_index(args, struct qemu_arg, i);

		if (!strcmp(arg->option, "set"))
			apply_set(drives, arg->value);
	}
	for (unsigned i = 0; i < devices->len; i++)
		mark_device(&g, devices->pdata[i]);
	for (unsigned i = 0; i < drives->len; i++)
		add_drive(&g, drives->pdata[i]);
	for (unsigned i = 0; i < devices->len; i++)
		use_device(&g, devices->pdata[i]);
	g_hash_table_unref(g.nodes);
	g_hash_table_unref(g.names);
	g_hash_table_unref(g.firmware);
	g_hash_table_unref(g.cdroms);
	g_array_unref(g.places);
	g_ptr_array_unref(g.roots);
	return g.disks;
}
