// SPDX-License-Identifier: Apache-2.0
/* What libvirt says: XML of domains and their status, and statistics as typed parameters. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CUnit/Basic.h>
#include "vm/libvirt_domain.h"
#include "vm/libvirt_stats.h"
#include "vm/libvirt_xml.h"
#include "vm/worker.h"
#include "unit/replies.h"

#define DATA "tests/data/libvirt/"
#define PATIENCE_MS 20000

typedef struct libvirt_meta meta_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(meta_t, libvirt_meta_free)

static char *slurp(const char *path)
{
	char *text = NULL;

	CU_ASSERT_TRUE_FATAL(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

static struct libvirt_meta *parse(const char *xml)
{
	struct libvirt_meta *meta = NULL;

	CU_ASSERT_EQUAL_FATAL(libvirt_meta_parse(xml, strlen(xml), &meta), 0);
	return meta;
}

static const char *info(const struct libvirt_meta *meta, const char *key)
{
	for (unsigned i = 0; i < meta->info->len; i++)
		if (!strcmp(g_array_index(meta->info, struct kvmlens_tag, i).key, key))
			return g_array_index(meta->info, struct kvmlens_tag, i).value;
	return NULL;
}

static void expect_info(const struct libvirt_meta *meta, const char *key, const char *value)
{
	CU_ASSERT_EQUAL(g_strcmp0(info(meta, key), value), 0);
	if (g_strcmp0(info(meta, key), value))
		printf("\n    %s is %s, not %s", key, info(meta, key), value);
}

static void test_meta(void)
{
	g_autofree char *xml = slurp(DATA "domain.xml");
	g_autoptr(meta_t) meta = parse(xml);
	const struct libvirt_device *device;

	expect_info(meta, "nova_name", "web \"1\"");
	expect_info(meta, "nova_flavor", "m1.tiny");
	expect_info(meta, "nova_project", "demo");
	expect_info(meta, "nova_project_id", "p-1");
	expect_info(meta, "nova_user", "alice");
	CU_ASSERT_EQUAL(meta->info->len, 5);
	CU_ASSERT_EQUAL(meta->disks->len, 2);
	device = libvirt_device_find(meta->disks, "vdb");
	CU_ASSERT_STRING_EQUAL(device->alias, "virtio-disk1");
	device = libvirt_device_find(meta->nics, "ptap1");
	CU_ASSERT_STRING_EQUAL(device->mac, "52:54:00:b3:e6:43");
	CU_ASSERT_PTR_NULL(libvirt_device_find(meta->disks, "vdc"));
	CU_ASSERT_FALSE(meta->mirror);
}

static void test_meta_block_job(void)
{
	g_autofree char *xml = slurp(DATA "domain-copy.xml");
	g_autoptr(meta_t) meta = parse(xml);

	CU_ASSERT_TRUE(meta->mirror);
}

static void test_meta_platforms(void)
{
	g_autoptr(meta_t) kubevirt = parse(
		"<domain><name>prod_db-0</name><metadata>"
		"<kubevirt xmlns='http://kubevirt.io'><uid>u-1</uid></kubevirt>"
		"<libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>"
		"<libosinfo:os id='http://debian.org/debian/12'/></libosinfo:libosinfo>"
		"</metadata></domain>");
	g_autoptr(meta_t) own = parse(
		"<domain><title>a &amp; b</title><metadata><x:labels xmlns:x='urn:kvmlens:labels'>"
		"<x:label name='team'>db</x:label><x:label name='empty'/><x:label>no name</x:label>"
		"<x:other name='a'>b</x:other></x:labels></metadata></domain>");
	g_autoptr(meta_t) foreign =
		parse("<domain><metadata><instance><name>no namespace</name></instance>"
		      "<instance xmlns='http://example.org/nova'><name>other</name></instance>"
		      "</metadata></domain>");

	expect_info(kubevirt, "kubevirt_uid", "u-1");
	expect_info(kubevirt, "kubevirt_namespace", "prod");
	expect_info(kubevirt, "kubevirt_name", "db-0");
	expect_info(kubevirt, "os", "http://debian.org/debian/12");
	expect_info(own, "title", "a & b");
	expect_info(own, "team", "db");
	CU_ASSERT_EQUAL(own->info->len, 2);
	CU_ASSERT_EQUAL(foreign->info->len, 0);
}

static void test_meta_bad(void)
{
	static const char *const bad[] = {
		"",
		"x",
		"<domain>",
		"<network/>",
		"<domain/><domain/>",
		"<domain>&nope;</domain>",
		"<!DOCTYPE domain [<!ENTITY a 'x'>]><domain><title>&a;</title></domain>",
		"<domain>\xff</domain>",
	};
	struct libvirt_meta *meta = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_EQUAL(libvirt_meta_parse(bad[i], strlen(bad[i]), &meta), -EINVAL);
	CU_ASSERT_PTR_NULL(meta);
}

/* The words of a document type, where they are data. */
static void test_meta_doctype_as_data(void)
{
	static const char xml[] =
		"<?xml version='1.0'?><!-- <!DOCTYPE domain> -->\n<domain><title>t</title><metadata>"
		"<one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'>"
		"<one:name><![CDATA[<!DOCTYPE x>]]></one:name></one:vm></metadata>"
		"<description>&lt;!DOCTYPE y></description><!-- <!DOCTYPE z> -->"
		"<devices><disk type='file'><target dev='vda'/></disk></devices></domain>";
	static const char status[] =
		"<domstatus state='running' pid='77'><domain><name>n</name>"
		"<uuid>0f0f0f0f-0000-4000-8000-00000000a009</uuid>"
		"<metadata><a:b xmlns:a='c'><![CDATA[<!DOCTYPE x>]]></a:b></metadata></domain>"
		"</domstatus>";
	static const char *const refused[] = {
		"\xef\xbb\xbf<!DOCTYPE domain><domain/>",
		"<!-- a --><?b c?>\n <!DOCTYPE domain><domain/>",
		"<!-- > --><!DOCTYPE domain SYSTEM 'x'><domain/>",
	};
	g_autoptr(meta_t) meta = parse(xml);
	struct libvirt_meta *none = NULL;
	struct libvirt_status s;

	expect_info(meta, "title", "t");
	CU_ASSERT_PTR_NOT_NULL(libvirt_device_find(meta->disks, "vda"));
	CU_ASSERT_EQUAL(libvirt_status_parse(status, sizeof(status) - 1, &s), 0);
	CU_ASSERT_EQUAL(s.pid, 77);
	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
		CU_ASSERT_EQUAL(libvirt_meta_parse(refused[i], strlen(refused[i]), &none), -EINVAL);
}

/* In another encoding. */
static void test_meta_doctype_utf16(void)
{
	static const char text[] = "<!DOCTYPE domain [<!ENTITY a 'x'>]><domain/>";
	char wide[2 * sizeof(text)] = {(char)0xff, (char)0xfe};
	struct libvirt_meta *none = NULL;

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		wide[2 + 2 * i] = text[i];
		wide[3 + 2 * i] = '\0';
	}
	CU_ASSERT_EQUAL(libvirt_meta_parse(wide, sizeof(wide), &none), -EINVAL);
}

/* Neither a billion laughs nor a file or an address of the host. */
static void test_meta_entities(void)
{
	GString *xml = g_string_new("<?xml version='1.0'?><!DOCTYPE domain [<!ENTITY l0 'ha'>");
	g_autofree char *marker = g_dir_make_tmp("kvmlens-xml-XXXXXX", NULL);
	g_autofree char *secret = g_build_filename(marker, "secret", NULL);
	struct libvirt_meta *meta = NULL;

	for (int i = 1; i < 30; i++)
		g_string_append_printf(xml, "<!ENTITY l%d '&l%d;&l%d;'>", i, i - 1, i - 1);
	g_string_append(xml, "]><domain><title>&l29;</title></domain>");
	CU_ASSERT_EQUAL(libvirt_meta_parse(xml->str, xml->len, &meta), -EINVAL);
	CU_ASSERT_TRUE(g_file_set_contents(secret, "SECRET", -1, NULL));
	g_string_printf(xml,
			"<!DOCTYPE domain [<!ENTITY s SYSTEM 'file://%s'>]>"
			"<domain><title>&s;</title></domain>",
			secret);
	CU_ASSERT_EQUAL(libvirt_meta_parse(xml->str, xml->len, &meta), -EINVAL);
	g_string_free(xml, TRUE);
	g_unlink(secret);
	g_rmdir(marker);
}

static void test_meta_bounds(void)
{
	GString *xml = g_string_new("<domain><metadata><labels xmlns='urn:kvmlens:labels'>");
	g_autofree char *longest = g_strnfill(10000, 'v');
	struct libvirt_meta *meta = NULL;

	CU_ASSERT_EQUAL(libvirt_meta_parse(xml->str, (size_t)LIBVIRT_XML_MAX + 1, &meta), -E2BIG);
	for (int i = 0; i < 100; i++)
		g_string_append_printf(xml, "<label name='l%d'>%s</label>", i, longest);
	g_string_append(xml, "</labels></metadata><devices>");
	for (int i = 0; i < 1000; i++)
		g_string_append_printf(xml, "<disk><target dev='d%d'/></disk>", i);
	g_string_append(xml, "<disk/><disk><target/></disk></devices></domain>");
	g_autoptr(meta_t) bounded = parse(xml->str);

	CU_ASSERT_EQUAL(bounded->info->len, 24);
	CU_ASSERT_EQUAL(strlen(info(bounded, "l0")), 256);
	CU_ASSERT_EQUAL(bounded->disks->len, 256);
	g_string_free(xml, TRUE);
}

static struct libvirt_status status_of(const char *xml)
{
	struct libvirt_status status = {0};

	CU_ASSERT_EQUAL(libvirt_status_parse(xml, strlen(xml), &status), 0);
	return status;
}

static void test_status(void)
{
	g_autofree char *idle = slurp(DATA "status.xml"), *copy = slurp(DATA "status-copy.xml");
	struct libvirt_status status = status_of(idle);

	CU_ASSERT_EQUAL(status.pid, 22984);
	CU_ASSERT_STRING_EQUAL(status.uuid, "7b9cf7c1-7001-4d0e-8d84-3e321998c80e");
	CU_ASSERT_FALSE(status.block_job);
	CU_ASSERT_FALSE(status.incoming);
	CU_ASSERT_TRUE(status_of(copy).block_job);
	CU_ASSERT_TRUE(status_of("<domstatus><job type='none' async='migration in'/></domstatus>")
			       .incoming);
	CU_ASSERT_FALSE(status_of("<domstatus><job type='none' async='migration out'/></domstatus>")
				.incoming);
	CU_ASSERT_EQUAL(status_of("<domstatus pid='-3'/>").pid, 0);
	CU_ASSERT_EQUAL(status_of("<domstatus pid='99999999999'/>").pid, 0);
	CU_ASSERT_EQUAL(libvirt_status_parse("<domain/>", 9, &status), -EINVAL);
}

/* --- statistics ----------------------------------------------------------------------------- */

static void test_stats(void)
{
	g_autoptr(meta_t) meta = parse("<domain><devices><disk><target dev='vdb'/>"
				       "<alias name='virtio-disk1'/></disk><interface>"
				       "<mac address='52:54:00:00:01:01'/><target dev='tap1'/>"
				       "</interface></devices></domain>");
	g_autofree char *text = slurp(DATA "domstats-vm1.txt");
	struct kvmlens_vm_stats s = replies_domstats(text, meta);

	CU_ASSERT_EQUAL(s.state, KVMLENS_VM_RUNNING);
	CU_ASSERT_EQUAL(s.cpu_ns, 5170260000);
	CU_ASSERT_EQUAL(s.cpu_user_ns, 4417586000);
	CU_ASSERT_EQUAL(s.cpu_system_ns, 752674000);
	CU_ASSERT_EQUAL(s.vcpus_current, 2);
	CU_ASSERT_EQUAL(s.vcpus_maximum, 2);
	CU_ASSERT_EQUAL(s.memory.maximum, 393216 * 1024ull);
	CU_ASSERT_EQUAL(s.memory.balloon_current, 393216 * 1024ull);
	CU_ASSERT_EQUAL(s.memory.available, 352016 * 1024ull);
	CU_ASSERT_EQUAL(s.memory.unused, 314992 * 1024ull);
	CU_ASSERT_EQUAL(s.memory.usable, 316708 * 1024ull);
	CU_ASSERT_EQUAL(s.memory.disk_caches, 8728 * 1024ull);
	CU_ASSERT_EQUAL(s.memory.swap_in, 0);
	CU_ASSERT_EQUAL(s.memory.major_faults, 0);
	CU_ASSERT_EQUAL(s.memory.minor_faults, 1842);
	CU_ASSERT_EQUAL(s.memory.rss, 261872 * 1024ull);
	CU_ASSERT_EQUAL(s.memory.last_update, 1795373807);
	CU_ASSERT_EQUAL_FATAL(s.n_disks, 2);
	CU_ASSERT_STRING_EQUAL(s.disks[0].name, "vda");
	CU_ASSERT_STRING_EQUAL(s.disks[0].alias, "");
	CU_ASSERT_STRING_EQUAL(s.disks[0].source, "/var/lib/vms/disk0.raw");
	CU_ASSERT_EQUAL(s.disks[0].read_ops, 12);
	CU_ASSERT_EQUAL(s.disks[0].read_bytes, 15872);
	CU_ASSERT_EQUAL(s.disks[0].read_ns, 19023057);
	CU_ASSERT_EQUAL(s.disks[0].write_ns, 711624);
	CU_ASSERT_EQUAL(s.disks[0].flush_ops, 1);
	CU_ASSERT_EQUAL(s.disks[0].flush_ns, 375556);
	CU_ASSERT_EQUAL(s.disks[0].capacity, 268435456);
	CU_ASSERT_EQUAL(s.disks[0].allocation, 8798208); /* and not the highest offset, 2048 */
	CU_ASSERT_EQUAL(s.disks[0].physical, 8798208);
	CU_ASSERT_STRING_EQUAL(s.disks[1].alias, "virtio-disk1");
	CU_ASSERT_EQUAL(s.disks[1].read_bytes, 4096);
	CU_ASSERT_EQUAL_FATAL(s.n_nics, 1);
	CU_ASSERT_STRING_EQUAL(s.nics[0].name, "tap1");
	CU_ASSERT_STRING_EQUAL(s.nics[0].mac, "52:54:00:00:01:01");
	CU_ASSERT_EQUAL(s.nics[0].rx_bytes, 586);
	CU_ASSERT_EQUAL(s.nics[0].tx_packets, 7);
	CU_ASSERT_EQUAL(s.nics[0].tx_dropped, 0);
	kvmlens_vm_stats_clear(&s);
}

static const struct kvmlens_disk_stats *disk_of(const struct kvmlens_vm_stats *s, const char *name)
{
	for (size_t i = 0; i < s->n_disks; i++)
		if (!strcmp(s->disks[i].name, name))
			return &s->disks[i];
	CU_FAIL_FATAL("no such disk");
	return NULL;
}

/*
 * What the host gave: of a file its blocks, wherever the guest has written; of a block device, by
 * its path or by the XML, and of a network disk nobody knows.
 */
static void test_allocation(void)
{
	g_autoptr(meta_t) meta = parse("<domain><devices>"
				       "<disk type='file'><target dev='vda'/></disk>"
				       "<disk type='block'><target dev='vdb'/></disk>"
				       "</devices></domain>");
	g_autofree char *text = slurp(DATA "domstats-kinds.txt");
	struct kvmlens_vm_stats s = replies_domstats(text, meta);

	CU_ASSERT_EQUAL(s.n_disks, 4);
	CU_ASSERT_EQUAL(disk_of(&s, "vda")->allocation, 9663676416);
	CU_ASSERT_EQUAL(disk_of(&s, "vda")->capacity, 107374182400);
	CU_ASSERT_EQUAL(disk_of(&s, "vdb")->allocation, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(disk_of(&s, "vdc")->allocation, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(disk_of(&s, "vdd")->allocation, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(disk_of(&s, "vdd")->capacity, 21474836480);
	kvmlens_vm_stats_clear(&s);
}

/* Images behind a disk's own are no disks. */
static void test_backing(void)
{
	struct kvmlens_vm_stats s = replies_domstats("block.count=3\nblock.0.name=vda\n"
						     "block.0.path=/i/top\nblock.0.rd.bytes=100\n"
						     "block.1.name=vda\nblock.1.path=/i/base\n"
						     "block.1.rd.bytes=200\nblock.2.name=vdb\n"
						     "block.2.rd.bytes=300\n",
						     NULL);

	CU_ASSERT_EQUAL_FATAL(s.n_disks, 2);
	CU_ASSERT_EQUAL(disk_of(&s, "vda")->read_bytes, 100);
	CU_ASSERT_STRING_EQUAL(disk_of(&s, "vda")->source, "/i/top");
	CU_ASSERT_EQUAL(disk_of(&s, "vdb")->read_bytes, 300);
	kvmlens_vm_stats_clear(&s);
}

/* A file of 1 MiB: sparse, with one block at its end, or whole. Its blocks by fstat(2). */
static uint64_t make_image(const char *path, bool last, bool whole)
{
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
	struct stat st;

	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 1 << 20), 0);
	if (last)
		CU_ASSERT_EQUAL(pwrite(fd, "x", 1, (1 << 20) - 1), 1);
	if (whole)
		CU_ASSERT_EQUAL(posix_fallocate(fd, 0, 1 << 20), 0);
	fsync(fd);
	CU_ASSERT_EQUAL(fstat(fd, &st), 0);
	close(fd);
	return (uint64_t)st.st_blocks * 512;
}

static uint64_t settled(const char *root, const char *path, uint64_t physical)
{
	g_autofree char *text =
		g_strdup_printf("block.0.name=vda\nblock.0.path=%s\nblock.0.capacity=1048576\n"
				"block.0.physical=%" G_GUINT64_FORMAT "\n",
				path, physical);
	struct kvmlens_vm_stats s = replies_domstats(text, NULL);
	uint64_t allocation;

	libvirt_stats_settle(root, &s);
	allocation = s.disks[0].allocation;
	kvmlens_vm_stats_clear(&s);
	return allocation;
}

/* libvirt shows a file without blocks as one that is full. */
static void test_settle(void)
{
	g_autofree char *dir = g_dir_make_tmp("kvmlens-images-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "a.raw", NULL);
	uint64_t blocks = make_image(path, false, false);

	CU_ASSERT_TRUE(blocks < 65536);
	CU_ASSERT_EQUAL(settled("", path, 1 << 20), blocks);
	CU_ASSERT_EQUAL(settled(NULL, path, 1 << 20), KVMLENS_ABSENT); /* another host's file */
	CU_ASSERT_EQUAL(settled("", path, 65536), 65536); /* the VMM's word, which is no puzzle */
	CU_ASSERT_EQUAL(settled(dir, "/a.raw", 1 << 20), blocks);
	blocks = make_image(path, true, false);
	CU_ASSERT_EQUAL(settled("", path, 1 << 20), blocks);
	blocks = make_image(path, false, true);
	CU_ASSERT_TRUE(blocks >= 1 << 20);
	CU_ASSERT_EQUAL(settled("", path, 1 << 20), blocks);
	g_unlink(path);
	CU_ASSERT_EQUAL(settled("", path, 1 << 20), KVMLENS_ABSENT);
	g_rmdir(dir);
}

/* A guest without balloon statistics: what nobody knows is absent, not zero. */
static void test_stats_absent(void)
{
	g_autofree char *text = slurp(DATA "domstats-kb1.txt");
	struct kvmlens_vm_stats s = replies_domstats(text, NULL), none = replies_domstats("", NULL);

	CU_ASSERT_EQUAL(s.memory.rss, 42748 * 1024ull);
	CU_ASSERT_EQUAL(s.memory.available, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(s.memory.unused, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(s.memory.swap_in, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(s.memory.last_update, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(none.state, KVMLENS_VM_UNKNOWN);
	CU_ASSERT_EQUAL(none.cpu_ns, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(none.n_disks, 0);
	kvmlens_vm_stats_clear(&s);
}

static void test_stats_odd(void)
{
	g_autofree char *overflow =
		g_strdup_printf("balloon.current=%" G_GUINT64_FORMAT, G_MAXUINT64 / 512);
	struct kvmlens_vm_stats s =
		replies_domstats("block.0.rd.reqs=5\n" /* a disk without a name */
				 "block.7.name=sda\nblock.7.rd.reqs=3\n"
				 "block.7.rd.reqs.=9\nblock.x.name=sdx\n"
				 "block.300.name=far\nblock..name=q\nblock.1\nnet.\n"
				 "net.2.name=n\nnet.2.rx.bytes=text\n"
				 "block.7.name=again\nstate.state=77\n",
				 NULL);
	struct kvmlens_vm_stats o = replies_domstats(overflow, NULL);

	CU_ASSERT_EQUAL(s.state, KVMLENS_VM_UNKNOWN);
	CU_ASSERT_EQUAL_FATAL(s.n_disks, 1);
	CU_ASSERT_STRING_EQUAL(s.disks[0].name, "sda");
	CU_ASSERT_EQUAL(s.disks[0].read_ops, 3);
	CU_ASSERT_EQUAL_FATAL(s.n_nics, 1);
	CU_ASSERT_EQUAL(s.nics[0].rx_bytes, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(o.memory.balloon_current, KVMLENS_ABSENT);
	kvmlens_vm_stats_clear(&s);
}

static void test_stats_types(void)
{
	virTypedParameter params[] = {
		{.field = "cpu.time", .type = VIR_TYPED_PARAM_LLONG, .value.l = -1},
		{.field = "cpu.user", .type = VIR_TYPED_PARAM_LLONG, .value.l = 5},
		{.field = "cpu.system", .type = VIR_TYPED_PARAM_DOUBLE, .value.d = 1.5},
		{.field = "vcpu.current", .type = VIR_TYPED_PARAM_UINT, .value.ui = 3},
		{.field = "vcpu.maximum", .type = VIR_TYPED_PARAM_INT, .value.i = -4},
		{.field = "block.0.name", .type = VIR_TYPED_PARAM_INT, .value.i = 1},
		{.field = "block.0.path", .type = VIR_TYPED_PARAM_STRING, .value.s = NULL},
	};
	struct kvmlens_vm_stats s;

	kvmlens_vm_stats_init(&s);
	libvirt_stats_fill(params, G_N_ELEMENTS(params), NULL, &s);
	CU_ASSERT_EQUAL(s.cpu_ns, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(s.cpu_user_ns, 5);
	CU_ASSERT_EQUAL(s.cpu_system_ns, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(s.vcpus_current, 3);
	CU_ASSERT_EQUAL(s.vcpus_maximum, KVMLENS_ABSENT);
	CU_ASSERT_STRING_EQUAL(s.disks[0].name, "");
	CU_ASSERT_STRING_EQUAL(s.disks[0].source, "");
	kvmlens_vm_stats_clear(&s);
}

static void test_states(void)
{
	CU_ASSERT_EQUAL(libvirt_state(VIR_DOMAIN_RUNNING), KVMLENS_VM_RUNNING);
	CU_ASSERT_EQUAL(libvirt_state(VIR_DOMAIN_PMSUSPENDED), KVMLENS_VM_SUSPENDED);
	CU_ASSERT_EQUAL(libvirt_state(VIR_DOMAIN_NOSTATE), KVMLENS_VM_UNKNOWN);
	CU_ASSERT_EQUAL(libvirt_state(-1), KVMLENS_VM_UNKNOWN);
	CU_ASSERT_EQUAL(libvirt_state(VIR_DOMAIN_PMSUSPENDED + 1), KVMLENS_VM_UNKNOWN);
}

static void test_skip_block(void)
{
	struct libvirt_domain d = {.state = VIR_DOMAIN_RUNNING};

	CU_ASSERT_FALSE(libvirt_domain_skip_block(&d));
	/* A backup or a copy is no reason not to ask; it is told. */
	CU_ASSERT_FALSE(libvirt_domain_block_job(&d));
	d.status.block_job = true;
	CU_ASSERT_FALSE(libvirt_domain_skip_block(&d));
	CU_ASSERT_TRUE(libvirt_domain_block_job(&d));
	d = (struct libvirt_domain){.status.incoming = true};
	CU_ASSERT_TRUE(libvirt_domain_skip_block(&d));
	d = (struct libvirt_domain){.state = VIR_DOMAIN_PAUSED, .reason = VIR_DOMAIN_PAUSED_USER};
	CU_ASSERT_FALSE(libvirt_domain_skip_block(&d));
	d.reason = VIR_DOMAIN_PAUSED_MIGRATION;
	CU_ASSERT_TRUE(libvirt_domain_skip_block(&d));
}

/* --- libvirt's own test driver: the real library, no daemon ---------------------------------- */

static struct worker *start(const char *uri, unsigned interval_ms)
{
	struct worker *w = worker_new(&(struct worker_config){.ops = &kvmlens_provider_libvirt,
							      .uri = uri,
							      .interval_ms = interval_ms,
							      .deadline_ms = PATIENCE_MS});

	CU_ASSERT_EQUAL_FATAL(worker_start(w, NULL, NULL), 0);
	CU_ASSERT_TRUE(worker_wait(w, PATIENCE_MS));
	return w;
}

static void test_driver(void)
{
	struct worker *w = start("test:///default", 3600000);
	struct worker_health health;
	const struct vm_entry *entry;
	struct vm_stats_set *set;
	struct vm_list *list;

	worker_health(w, &health);
	CU_ASSERT_TRUE(health.up);
	list = worker_list(w);
	CU_ASSERT_EQUAL_FATAL(list->vms->len, 1);
	entry = list->vms->pdata[0];
	CU_ASSERT_STRING_EQUAL(entry->name, "test");
	CU_ASSERT_STRING_EQUAL(entry->id, entry->uuid);
	CU_ASSERT_EQUAL(entry->pid, 0);
	CU_ASSERT_EQUAL(entry->state, KVMLENS_VM_RUNNING);
	set = worker_stats(w);
	CU_ASSERT_EQUAL(vm_stats_find(set, entry->id)->state, KVMLENS_VM_RUNNING);
	vm_list_unref(list);
	vm_stats_set_unref(set);
	worker_free(w);
}

/* The file that makes the test driver have n domains. */
static char *many_domains(const char *path, int n)
{
	g_autoptr(GString) xml = g_string_new("<node>");

	for (int i = 0; i < n; i++)
		g_string_append_printf(
			xml,
			"<domain type='test'><name>vm-%04d</name><metadata>"
			"<labels xmlns='urn:kvmlens:labels'><label name='n'>%d</label>"
			"</labels></metadata><memory>8192</memory>"
			"<os><type>hvm</type></os></domain>",
			i, i);
	g_string_append(xml, "</node>");
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, xml->str, xml->len, NULL));
	return g_strconcat("test://", path, NULL);
}

static void test_thousand(void)
{
	g_autofree char *dir = g_dir_make_tmp("kvmlens-test-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "node.xml", NULL);
	g_autofree char *uri = many_domains(path, 1000);
	struct worker *w = start(uri, 3600000);
	g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct vm_list *list = NULL;
	unsigned labelled = 0;

	/* XML is read within a budget: labels may take more than one round. */
	for (int left = PATIENCE_MS; left && labelled < 1000; left--) {
		vm_list_unref(list);
		list = worker_list(w);
		CU_ASSERT_EQUAL_FATAL(list->vms->len, 1000);
		labelled = 0;
		for (unsigned i = 0; i < 1000; i++)
			labelled += ((struct vm_entry *)list->vms->pdata[i])->n_info == 1;
		g_usleep(1000);
	}
	CU_ASSERT_EQUAL(labelled, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		const struct vm_entry *entry = list->vms->pdata[i];
		g_autofree char *name = g_strdup_printf("vm-%04d", atoi(entry->info[0].value));

		CU_ASSERT_STRING_EQUAL(entry->name, name);
		g_hash_table_add(names, g_strdup(entry->name));
	}
	CU_ASSERT_EQUAL(g_hash_table_size(names), 1000);
	vm_list_unref(list);
	worker_free(w);
	g_unlink(path);
	g_rmdir(dir);
}

static void expect_refused(const char *uri, const char *words)
{
	struct worker *w = start(uri, 3600000);
	struct worker_health health;
	char *found;

	worker_health(w, &health);
	CU_ASSERT_FALSE(health.up);
	found = strstr(health.error, words);
	CU_ASSERT_PTR_NOT_NULL(found);
	if (!found)
		printf("\n    %s", health.error);
	worker_free(w);
}

static void test_open_errors(void)
{
	void *ctx = NULL;

	expect_refused("qemu:///system?socket=/nonexistent/sock", "'/nonexistent/sock'");
	CU_ASSERT_EQUAL(kvmlens_provider_libvirt.open("qemu:///system?socket=/nonexistent/sock",
						      NULL, &ctx),
			-ECONNREFUSED);
	CU_ASSERT_PTR_NULL(ctx);
}

static int ignore(void *arg, const struct kvmlens_vm *vm)
{
	return 0;
}

static void test_one_domain(void)
{
	const struct kvmlens_provider_ops *ops = &kvmlens_provider_libvirt;
	struct kvmlens_vm_stats stats;
	void *ctx = NULL;

	kvmlens_vm_stats_init(&stats);
	CU_ASSERT_EQUAL_FATAL(ops->open("test:///default", NULL, &ctx), 0);
	CU_ASSERT_EQUAL(ops->list(ctx, ignore, NULL), 0);
	CU_ASSERT_EQUAL(
		ops->stats(ctx, "6695eb01-f6a4-8304-79aa-97f2502e193f", KVMLENS_BASIC, &stats), 0);
	CU_ASSERT_EQUAL(stats.state, KVMLENS_VM_RUNNING);
	CU_ASSERT_EQUAL(
		ops->stats(ctx, "11111111-2222-4333-8444-555555555555", KVMLENS_BASIC, &stats),
		-ESRCH);
	kvmlens_vm_stats_clear(&stats);
	ops->close(ctx);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"domain XML", test_meta},
		{"domain XML: block job", test_meta_block_job},
		{"domain XML: platforms", test_meta_platforms},
		{"domain XML: bad", test_meta_bad},
		{"domain XML: entities", test_meta_entities},
		{"domain XML: a document type as data", test_meta_doctype_as_data},
		{"domain XML: a document type in UTF-16", test_meta_doctype_utf16},
		{"domain XML: bounds", test_meta_bounds},
		{"status", test_status},
		{"statistics", test_stats},
		{"statistics: what the host gave", test_allocation},
		{"statistics: images behind a disk's own", test_backing},
		{"statistics: images that look full", test_settle},
		{"statistics: absent", test_stats_absent},
		{"statistics: odd", test_stats_odd},
		{"statistics: types", test_stats_types},
		{"states", test_states},
		{"skip block statistics", test_skip_block},
		{"test driver", test_driver},
		{"a thousand domains", test_thousand},
		{"open errors", test_open_errors},
		{"one domain", test_one_domain},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {{"libvirt", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	unsigned failed = 1;

	if (CU_initialize_registry() == CUE_SUCCESS && CU_register_suites(suites) == CUE_SUCCESS &&
	    CU_basic_run_tests() == CUE_SUCCESS)
		failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
